package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"plumb.cd/plumb/internal/history"
)

// facts is the migration that keeps what measures need apart from the records' bodies: a record may have 4 MiB, a fact
// has a few hundred bytes. The table is in the order of time.
const facts = `
CREATE TABLE fact (
	at        INTEGER NOT NULL, -- microseconds since 1970, as started and committed (0: not known)
	seq       INTEGER NOT NULL,
	kind      TEXT NOT NULL,
	app       TEXT NOT NULL,
	actor     TEXT NOT NULL,
	attempt   TEXT NOT NULL,
	"commit"  TEXT NOT NULL,
	bundle    TEXT NOT NULL,
	outcome   TEXT NOT NULL,
	reason    TEXT NOT NULL,
	mode      TEXT NOT NULL,
	"trigger" TEXT NOT NULL,
	cluster   TEXT NOT NULL,
	previous  TEXT NOT NULL,
	started   INTEGER NOT NULL,
	committed INTEGER NOT NULL,
	PRIMARY KEY (at, seq)
) WITHOUT ROWID;
CREATE INDEX fact_app ON fact (app, at, seq);
CREATE INDEX event_kind ON event (kind, at, app);
`

// factsVersion is the version of the file that has facts.
const factsVersion = 2

const factColumns = `at, seq, kind, app, actor, attempt, "commit", bundle, outcome, reason, mode, "trigger", cluster, previous, started, committed`

// backfill makes the facts of the records that are there already.
func backfill(ctx context.Context, tx *sql.Tx) error {
	const page = 1000
	add, err := tx.PrepareContext(ctx, addFact)
	if err != nil {
		return err
	}
	defer func() { _ = add.Close() }()
	for behind := int64(0); ; {
		events, err := oldest(ctx, tx, behind, page)
		if err != nil {
			return err
		}
		for _, e := range events {
			if err := writeFact(ctx, add, e); err != nil {
				return err
			}
			behind = e.Seq
		}
		if len(events) < page {
			return nil
		}
	}
}

func oldest(ctx context.Context, tx *sql.Tx, behind int64, limit int) ([]history.Event, error) {
	rows, err := tx.QueryContext(ctx, "SELECT body FROM event WHERE seq > ? AND kind IN ('Deployment', 'Rollback', 'Health') ORDER BY seq LIMIT ?", behind, limit)
	if err != nil {
		return nil, err
	}
	return scanEvents(rows)
}

const addFact = "INSERT INTO fact VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

// writeFact adds the fact that is in a record, if any, by a statement made of addFact.
func writeFact(ctx context.Context, add *sql.Stmt, e history.Event) error {
	f, ok := history.FactOf(e)
	if !ok {
		return nil
	}
	_, err := add.ExecContext(ctx, stamp(f.At), f.Seq, string(f.Kind), f.App, f.Actor, f.Attempt, f.Commit, f.Bundle, f.Outcome, f.Reason, f.Mode, f.Trigger,
		f.Cluster, f.Previous, stampOrZero(f.Started), stampOrZero(f.Committed))
	return err
}

// pruneFacts deletes the facts of the records up to last.
func pruneFacts(ctx context.Context, tx *sql.Tx, last history.Event) error {
	// A clock that was set back leaves facts of pruned records behind; they go with the next pruning that reaches their time.
	_, err := tx.ExecContext(ctx, "DELETE FROM fact WHERE at <= ? AND seq <= ?", stamp(last.At), last.Seq)
	return err
}

// Facts gives at most limit facts of the span behind the cursor, in the order of time.
func (s *Store) Facts(ctx context.Context, span history.Span, behind history.Cursor, limit int) ([]history.Fact, error) {
	where, args := "at >= ? AND at < ?", []any{stamp(span.From), stamp(span.To)}
	if behind != (history.Cursor{}) {
		where, args = "(at, seq) > (?, ?) AND at < ?", []any{stamp(behind.At), behind.Seq, stamp(span.To)}
	}
	if span.App != "" {
		where, args = "app = ? AND "+where, append([]any{span.App}, args...)
	}
	rows, err := s.db.QueryContext(ctx, "SELECT "+factColumns+" FROM fact WHERE "+where+" ORDER BY at, seq LIMIT ?", append(args, min(max(limit, 1), maxLimit))...)
	if err != nil {
		return nil, fmt.Errorf("reading history: %w", classify(err))
	}
	defer func() { _ = rows.Close() }()
	var out []history.Fact
	for rows.Next() {
		var f history.Fact
		var at, started, committed int64
		if err := rows.Scan(&at, &f.Seq, &f.Kind, &f.App, &f.Actor, &f.Attempt, &f.Commit, &f.Bundle, &f.Outcome, &f.Reason, &f.Mode,
			&f.Trigger, &f.Cluster, &f.Previous, &started, &committed); err != nil {
			return nil, fmt.Errorf("reading history: %w", classify(err))
		}
		f.At, f.Started, f.Committed = timeOf(at), timeOf(started), timeOf(committed)
		out = append(out, f)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading history: %w", classify(err))
	}
	return out, nil
}

const day = 24 * time.Hour

// DriftDays counts findings of drift by App and day. It asks day by day: no question holds the file for long.
func (s *Store) DriftDays(ctx context.Context, span history.Span) ([]history.DriftDay, error) {
	var out []history.DriftDay
	for from := span.From.UTC(); from.Before(span.To); {
		today := from.Truncate(day)
		to := today.Add(day)
		if to.After(span.To) {
			to = span.To
		}
		counts, err := s.driftOf(ctx, span.App, from, to)
		if err != nil {
			return nil, fmt.Errorf("reading history: %w", classify(err))
		}
		for _, c := range counts {
			c.Day = today
			out = append(out, c)
		}
		from = to
	}
	return out, nil
}

func (s *Store) driftOf(ctx context.Context, app string, from, to time.Time) ([]history.DriftDay, error) {
	query, args := "SELECT app, count(*) FROM event WHERE kind IN ('Drift', 'Fight') AND at >= ? AND at < ?", []any{stamp(from), stamp(to)}
	if app != "" {
		query, args = query+" AND app = ?", append(args, app)
	}
	rows, err := s.db.QueryContext(ctx, query+" GROUP BY app", args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []history.DriftDay
	for rows.Next() {
		var d history.DriftDay
		if err := rows.Scan(&d.App, &d.Count); err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, rows.Err()
}

func stampOrZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return stamp(t)
}

func timeOf(micro int64) time.Time {
	if micro == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micro).UTC()
}
