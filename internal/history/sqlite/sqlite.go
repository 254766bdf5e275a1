// Package sqlite keeps the history, and the fingerprints of applied objects, in one SQLite file. It is for one process:
// a second one on the same file is refused.
package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"plumb.cd/plumb/internal/history"
)

var (
	// ErrCorrupt says that the file is no history, or a damaged one. Moving it away loses history, never correctness.
	ErrCorrupt = errors.New("not a history file, or damaged: move it away to start a new one")
	// ErrLocked says that another process has the file open.
	ErrLocked = errors.New("another process is using the history file")
)

// Options of a Store. The zero value keeps the newest million records.
type Options struct {
	// MaxEvents bounds the file: beyond it the oldest records go, and the chain is anchored at the last that went.
	MaxEvents int64
}

const (
	defaultMaxEvents = 1_000_000
	defaultLimit     = 50
	maxLimit         = 10_000
	maxRecord        = 4 << 20 // bytes
	// pruneEvery spreads the cost of pruning: the file may exceed MaxEvents by this many records.
	pruneEvery = 256
)

// Store is a history.Store and a history.OwnedStore.
type Store struct {
	db   *sql.DB
	path string
	max  int64

	addEvent, addFact, setEnd *sql.Stmt // of every record

	mu     sync.Mutex // one writer at a time: the chain has one end
	last   history.Link
	unsure bool // a write failed: last may not be the end
}

// Open opens or makes the file at path. The error says what to do when the file is damaged or in use.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	if o.MaxEvents <= 0 {
		o.MaxEvents = defaultMaxEvents
	}
	s := &Store{path: path, max: o.MaxEvents}
	// The exclusive lock is taken with the first write and held: the chain has one writer.
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: url.Values{
		"_pragma": {"busy_timeout(200)", "auto_vacuum(INCREMENTAL)", "locking_mode(EXCLUSIVE)", "journal_mode(WAL)", "synchronous(NORMAL)"},
		"_txlock": {"immediate"},
	}.Encode()}).String()
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("opening history %s: %w", path, err)
	}
	db.SetMaxOpenConns(1) // an exclusive lock admits one connection
	s.db = db
	if err := s.start(ctx); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("opening history %s: %w", path, classify(err))
	}
	return s, nil
}

func (s *Store) start(ctx context.Context) error {
	if err := migrate(ctx, s.db, s.path); err != nil {
		return err
	}
	for query, statement := range map[string]**sql.Stmt{
		"INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)": &s.addEvent,
		addFact: &s.addFact,
		"UPDATE anchor SET last_seq = ?, last_hash = ?": &s.setEnd,
	} {
		var err error
		if *statement, err = s.db.PrepareContext(ctx, query); err != nil { //nolint:sqlclosecheck // it lives as long as the connection, which closes it
			return err
		}
	}
	return s.readEnd(ctx)
}

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

// Append writes a record behind the last one.
func (s *Store) Append(ctx context.Context, e history.Event) (history.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unsure {
		if err := s.readEnd(ctx); err != nil {
			return history.Event{}, fmt.Errorf("reading history: %w", classify(err))
		}
	}
	sealed, body, err := history.Encode(e, s.last.Seq+1, s.last.Hash)
	if err != nil {
		return history.Event{}, err
	}
	if len(body) > maxRecord {
		return history.Event{}, fmt.Errorf("writing history: a record of %d bytes is too large (%d are allowed)", len(body), maxRecord)
	}
	if err := s.write(ctx, sealed, body); err != nil {
		s.unsure = true
		return history.Event{}, fmt.Errorf("writing history: %w", classify(err))
	}
	s.last = history.Link{Seq: sealed.Seq, Hash: sealed.Hash}
	return sealed, nil
}

// readEnd reads the last link of the chain.
func (s *Store) readEnd(ctx context.Context) error {
	err := s.db.QueryRowContext(ctx, "SELECT last_seq, last_hash FROM anchor").Scan(&s.last.Seq, &s.last.Hash)
	s.unsure = err != nil
	return err
}

func (s *Store) write(ctx context.Context, e history.Event, body []byte) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	add, fact, end := tx.StmtContext(ctx, s.addEvent), tx.StmtContext(ctx, s.addFact), tx.StmtContext(ctx, s.setEnd) //nolint:sqlclosecheck // the end of tx closes them
	if _, err := add.ExecContext(ctx, e.Seq, stamp(e.At), string(e.Kind), e.App, e.Object, body); err != nil {
		return err
	}
	if err := writeFact(ctx, fact, e); err != nil {
		return err
	}
	if _, err := end.ExecContext(ctx, e.Seq, e.Hash); err != nil {
		return err
	}
	if e.Seq%min(pruneEvery, s.max) == 0 {
		if err := s.prune(ctx, tx, e.Seq-s.max); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// prune deletes the records up to seq and anchors the chain there.
func (s *Store) prune(ctx context.Context, tx *sql.Tx, seq int64) error {
	if seq <= 0 {
		return nil
	}
	var body []byte
	err := tx.QueryRowContext(ctx, "SELECT body FROM event WHERE seq = ?", seq).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // pruned already
	}
	if err != nil {
		return err
	}
	var e history.Event
	if err := json.Unmarshal(body, &e); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE anchor SET seq = ?, hash = ?", e.Seq, e.Hash); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM event WHERE seq <= ?", seq); err != nil {
		return err
	}
	if err := pruneFacts(ctx, tx, e); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "PRAGMA incremental_vacuum(64)")
	return err
}

// List gives the records that q selects, newest first.
func (s *Store) List(ctx context.Context, q history.Query) ([]history.Event, error) {
	where, args := conditions(q)
	query := "SELECT body FROM event" + where + " ORDER BY seq DESC LIMIT ?"
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	rows, err := s.db.QueryContext(ctx, query, append(args, min(limit, maxLimit))...)
	if err != nil {
		return nil, fmt.Errorf("reading history: %w", classify(err))
	}
	out, err := scanEvents(rows)
	if err != nil {
		return nil, fmt.Errorf("reading history: %w", classify(err))
	}
	return out, nil
}

// scanEvents reads rows of bodies, and closes them.
func scanEvents(rows *sql.Rows) ([]history.Event, error) {
	defer func() { _ = rows.Close() }()
	var out []history.Event
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		var e history.Event
		if err := json.Unmarshal(body, &e); err != nil {
			return nil, fmt.Errorf("%w (%w)", history.ErrTampered, err)
		}
		out = append(out, e)
	}
	return out, rows.Err()
}

func conditions(q history.Query) (where string, args []any) {
	var parts []string
	add := func(part string, arg ...any) { parts, args = append(parts, part), append(args, arg...) }
	if q.App != "" {
		add("app = ?", q.App)
	}
	if q.Object != "" {
		add("object = ?", q.Object)
	}
	if !q.Since.IsZero() {
		add("at >= ?", stamp(q.Since))
	}
	if q.Before > 0 {
		add("seq < ?", q.Before)
	}
	if len(q.Kinds) > 0 {
		kinds := make([]any, len(q.Kinds))
		for i, k := range q.Kinds {
			kinds[i] = string(k)
		}
		add("kind IN (?"+strings.Repeat(", ?", len(kinds)-1)+")", kinds...)
	}
	if len(parts) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(parts, " AND "), args
}

// Close closes the file.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.db.Close()
}

// stamp is how a time is compared with the column "at".
func stamp(t time.Time) int64 { return t.UnixMicro() }
