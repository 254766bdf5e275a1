// Package outbox keeps what is to be told until it was delivered, and what was told already, in one SQLite file: a
// restart neither loses a message nor repeats one that was acknowledged. Messages of a channel keep their order. It
// holds what people are told, never a credential.
//
// Losing the file loses what waited, and tells once more what is wrong now.
package outbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"plumb.cd/plumb/internal/notify"
)

var (
	// ErrCorrupt says that the file is no outbox, or a damaged one.
	ErrCorrupt = errors.New("not an outbox file, or damaged: move it away to start a new one")
	// ErrLocked says that another process has the file open.
	ErrLocked = errors.New("another process is using the outbox file")
)

// Options of an Outbox. The zero value keeps 1,000 messages and 20,000 commit statuses a channel.
type Options struct {
	MaxMessages int
	MaxStatuses int
}

const (
	defaultMessages = 1_000
	defaultStatuses = 20_000
	// maxEntries bounds the subjects that one group remembers; beyond it they are counted only.
	maxEntries = 50_000
)

// Outbox is the file. It is safe for concurrent use; every call is short.
type Outbox struct {
	db *sql.DB
	o  Options
}

// Open opens or makes the file at path.
func Open(ctx context.Context, path string, o Options) (*Outbox, error) {
	if o.MaxMessages <= 0 {
		o.MaxMessages = defaultMessages
	}
	if o.MaxStatuses <= 0 {
		o.MaxStatuses = defaultStatuses
	}
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: url.Values{
		"_pragma": {"busy_timeout(200)", "auto_vacuum(INCREMENTAL)", "locking_mode(EXCLUSIVE)", "journal_mode(WAL)", "synchronous(NORMAL)"},
		"_txlock": {"immediate"},
	}.Encode()}).String()
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("opening outbox %s: %w", path, err)
	}
	db.SetMaxOpenConns(1) // an exclusive lock admits one connection
	if err := migrate(ctx, db, path); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("opening outbox %s: %w", path, classify(err))
	}
	return &Outbox{db: db, o: o}, nil
}

// Close closes the file.
func (b *Outbox) Close() error { return b.db.Close() }

// classify puts ErrCorrupt or ErrLocked into the chain of what the driver says.
func classify(err error) error {
	var e *driver.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB:
		return fmt.Errorf("%w (%w)", ErrCorrupt, err)
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		return fmt.Errorf("%w (%w)", ErrLocked, err)
	}
	return err
}

// Record is what is known of a channel.
type Record struct {
	Since      time.Time
	Sent       time.Time // the last delivery
	Delivered  int64
	Dead       int64 // given up
	DeadTitle  string
	DeadReason string
	DeadAt     time.Time
	Dropped    int64
	Waiting    int // messages that were not delivered yet
}

// Meet gives what is known of a channel, which begins now when it is new.
func (b *Outbox) Meet(ctx context.Context, channel string, now time.Time) (Record, error) {
	if _, err := b.db.ExecContext(ctx, "INSERT INTO channel VALUES (?, ?, 0, 0, 0, '', '', 0, 0, 0) ON CONFLICT DO NOTHING", channel, stamp(now)); err != nil {
		return Record{}, fmt.Errorf("writing the outbox: %w", classify(err))
	}
	return b.Record(ctx, channel)
}

// Record gives what is known of a channel; the zero value when there is none.
func (b *Outbox) Record(ctx context.Context, channel string) (Record, error) {
	var r Record
	var since, sent, dead int64
	err := b.db.QueryRowContext(ctx, `SELECT since, sent, delivered, dead, dead_title, dead_reason, dead_at, dropped,
		(SELECT count(*) FROM message WHERE channel = key) FROM channel WHERE key = ?`, channel).
		Scan(&since, &sent, &r.Delivered, &r.Dead, &r.DeadTitle, &r.DeadReason, &dead, &r.Dropped, &r.Waiting)
	if errors.Is(err, sql.ErrNoRows) {
		return Record{}, nil
	}
	if err != nil {
		return Record{}, fmt.Errorf("reading the outbox: %w", classify(err))
	}
	r.Since, r.Sent, r.DeadAt = moment(since), moment(sent), moment(dead)
	return r, nil
}

// Channels lists the channels that are known.
func (b *Outbox) Channels(ctx context.Context) ([]string, error) {
	return b.column(ctx, "SELECT key FROM channel ORDER BY key")
}

// Forget drops a channel, what it has told, and what waits for it.
func (b *Outbox) Forget(ctx context.Context, channel string) error {
	return b.change(ctx, func(tx *sql.Tx) error {
		for _, q := range []string{
			"DELETE FROM entry WHERE message IN (SELECT seq FROM message WHERE channel = ?)",
			"DELETE FROM message WHERE channel = ?", "DELETE FROM told WHERE channel = ?", "DELETE FROM channel WHERE key = ?",
		} {
			if _, err := tx.ExecContext(ctx, q, channel); err != nil {
				return err
			}
		}
		return nil
	})
}

// ForgetSubject drops what channels have told about a subject that is gone. What waits is delivered all the same.
func (b *Outbox) ForgetSubject(ctx context.Context, s notify.Subject) error {
	return b.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM told WHERE subject = ?", keyOf(s))
		return err
	})
}

// Standing lists the subjects whose trouble a channel last told at or before the time given, and when the next one after
// it was told (zero: none).
func (b *Outbox) Standing(ctx context.Context, channel string, until time.Time) (due []notify.Subject, next time.Time, err error) {
	return b.due(ctx, "at", channel, until)
}

// Quiet lists the subjects whose trouble a channel keeps back until the time given or earlier, and when the next one after
// it is due (zero: none).
func (b *Outbox) Quiet(ctx context.Context, channel string, until time.Time) (due []notify.Subject, next time.Time, err error) {
	return b.due(ctx, "quiet", channel, until)
}

// due looks into one of the columns with a time.
func (b *Outbox) due(ctx context.Context, column, channel string, until time.Time) (due []notify.Subject, next time.Time, err error) {
	where := " FROM told WHERE channel = ? AND " + column + " > 0 AND " + column
	keys, err := b.column(ctx, "SELECT subject"+where+" <= ? ORDER BY "+column+" LIMIT 20000", channel, stamp(until))
	if err != nil {
		return nil, time.Time{}, err
	}
	for _, k := range keys {
		due = append(due, subjectOf(k))
	}
	var at sql.NullInt64
	if err := b.db.QueryRowContext(ctx, "SELECT min("+column+")"+where+" > ?", channel, stamp(until)).Scan(&at); err != nil {
		return nil, time.Time{}, fmt.Errorf("reading the outbox: %w", classify(err))
	}
	return due, moment(at.Int64), nil
}

func (b *Outbox) column(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := b.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading the outbox: %w", classify(err))
	}
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, fmt.Errorf("reading the outbox: %w", classify(err))
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the outbox: %w", classify(err))
	}
	return out, nil
}

// change runs f in one transaction: all of it, or nothing.
func (b *Outbox) change(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("writing the outbox: %w", classify(err))
	}
	defer func() { _ = tx.Rollback() }()
	if err := f(tx); err != nil {
		return fmt.Errorf("writing the outbox: %w", classify(err))
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("writing the outbox: %w", classify(err))
	}
	return nil
}

func keyOf(s notify.Subject) string { return string(s.Kind) + "/" + s.Namespace + "/" + s.Name }

func subjectOf(key string) notify.Subject {
	var s notify.Subject
	parts := [3]string{}
	n := 0
	for i := 0; i < len(key) && n < 2; i++ {
		if key[i] == '/' {
			parts[n], key, i = key[:i], key[i+1:], -1
			n++
		}
	}
	parts[2] = key
	s.Kind, s.Namespace, s.Name = notify.Kind(parts[0]), parts[1], parts[2]
	return s
}

func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

func encode(v any) ([]byte, error) { return json.Marshal(v) }
