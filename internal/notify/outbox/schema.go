package outbox

import (
	"context"
	"database/sql"
	"fmt"
)

// migrations bring an empty file to the current shape; the number that were run is the file's user_version. A released
// migration is never changed. Times are microseconds since 1970.
var migrations = []string{`
CREATE TABLE channel (
	key         TEXT PRIMARY KEY,
	since       INTEGER NOT NULL, -- when it was first met
	sent        INTEGER NOT NULL, -- the last delivery; 0: none
	delivered   INTEGER NOT NULL,
	dead        INTEGER NOT NULL,
	dead_title  TEXT NOT NULL,
	dead_reason TEXT NOT NULL,
	dead_at     INTEGER NOT NULL,
	dropped     INTEGER NOT NULL,
	dropped_new INTEGER NOT NULL  -- not told in a message yet
) WITHOUT ROWID;
CREATE TABLE told (
	channel TEXT NOT NULL,
	subject TEXT NOT NULL,
	at      INTEGER NOT NULL, -- when standing trouble was last told; 0: none stands
	quiet   INTEGER NOT NULL, -- until when standing trouble is kept back; 0: none is
	body    BLOB NOT NULL,
	PRIMARY KEY (channel, subject)
) WITHOUT ROWID;
CREATE INDEX told_subject ON told (subject);
CREATE INDEX told_standing ON told (channel, at) WHERE at > 0;
CREATE INDEX told_quiet ON told (channel, quiet) WHERE quiet > 0;
CREATE TABLE message (
	seq     INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of delivery
	channel TEXT NOT NULL,
	id      TEXT NOT NULL,    -- the same at each try
	phase   INTEGER NOT NULL, -- 0 gathering, 1 closed and not written yet, 2 ready
	event   TEXT NOT NULL,
	cause   TEXT NOT NULL,
	again   INTEGER NOT NULL, -- 1: told before, and lasts; 2: comes and goes
	born    INTEGER NOT NULL,
	due     INTEGER NOT NULL, -- when it is closed, or tried next
	count   INTEGER NOT NULL,
	tries   INTEGER NOT NULL,
	problem TEXT NOT NULL,    -- of the last try
	body    BLOB              -- the message as JSON, from phase 2 on
);
CREATE UNIQUE INDEX message_cause ON message (channel, cause) WHERE phase = 0;
CREATE INDEX message_order ON message (channel, phase, seq);
CREATE TABLE entry (
	message INTEGER NOT NULL,
	subject TEXT NOT NULL,
	body    BLOB NOT NULL, -- facts as JSON; empty for those that will not be named
	n       INTEGER NOT NULL,
	PRIMARY KEY (message, subject)
) WITHOUT ROWID;
CREATE INDEX entry_subject ON entry (subject);
`}

func migrate(ctx context.Context, db *sql.DB, path string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var version int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version > len(migrations) {
		return fmt.Errorf("%s was written by a newer version of Plumb (format %d, this one knows %d)", path, version, len(migrations))
	}
	for _, m := range migrations[version:] {
		if _, err := tx.ExecContext(ctx, m); err != nil {
			return err
		}
	}
	if version < len(migrations) {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(migrations))); err != nil {
			return err
		}
	}
	return tx.Commit()
}
