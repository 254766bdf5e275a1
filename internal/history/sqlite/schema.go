package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

// migrations bring an empty file to the current shape; the number that were run is the file's user_version. A released
// migration is never changed.
var migrations = []string{`
CREATE TABLE event (
	seq     INTEGER PRIMARY KEY,
	at      INTEGER NOT NULL, -- microseconds since 1970
	kind    TEXT NOT NULL,
	app     TEXT NOT NULL,
	object  TEXT NOT NULL,
	body    BLOB NOT NULL     -- the record as JSON
);
CREATE INDEX event_app ON event (app, seq);
CREATE TABLE anchor (
	id   INTEGER PRIMARY KEY CHECK (id = 1),
	seq  INTEGER NOT NULL, -- the last record that was pruned; 0: none
	hash TEXT NOT NULL,
	last_seq  INTEGER NOT NULL, -- the last record that was written: a cut-off tail shows
	last_hash TEXT NOT NULL
);
INSERT INTO anchor VALUES (1, 0, '', 0, '');
CREATE TABLE owned (
	cluster TEXT NOT NULL,
	key     TEXT NOT NULL,
	value   BLOB NOT NULL,
	PRIMARY KEY (cluster, key)
) WITHOUT ROWID;
`, facts}

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
	if version < factsVersion {
		if err := backfill(ctx, tx); err != nil {
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
