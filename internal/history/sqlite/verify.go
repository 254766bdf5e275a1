package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"plumb.cd/plumb/internal/history"
)

// verifyBatch is how many records are read at a time, so that writers get their turn.
const verifyBatch = 1000

// Verify reads the whole chain from its anchor. Records that are appended meanwhile are left out.
func (s *Store) Verify(ctx context.Context) error {
	var link, end history.Link
	err := s.db.QueryRowContext(ctx, "SELECT seq, hash, last_seq, last_hash FROM anchor").
		Scan(&link.Seq, &link.Hash, &end.Seq, &end.Hash)
	if err != nil {
		return fmt.Errorf("reading history: %w", classify(err))
	}
	for link.Seq < end.Seq {
		next, err := s.verifySome(ctx, link, end.Seq)
		if err != nil {
			return err
		}
		if next.Seq == link.Seq {
			return fmt.Errorf("record %d is missing: %w", link.Seq+1, history.ErrTampered)
		}
		link = next
	}
	if link != end {
		return fmt.Errorf("record %d is not the last that was written: %w", link.Seq, history.ErrTampered)
	}
	return s.verifyTail(ctx, end)
}

// verifySome checks the records behind link, at most verifyBatch of them.
func (s *Store) verifySome(ctx context.Context, link history.Link, end int64) (history.Link, error) {
	rows, err := s.db.QueryContext(ctx,
		"SELECT seq, kind, app, object, at, body FROM event WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?", link.Seq, end, verifyBatch)
	if err != nil {
		return link, fmt.Errorf("reading history: %w", classify(err))
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var seq, at int64
		var kind, app, object string
		var body []byte
		if err := rows.Scan(&seq, &kind, &app, &object, &at, &body); err != nil {
			return link, fmt.Errorf("reading history: %w", classify(err))
		}
		var e history.Event
		if err := json.Unmarshal(body, &e); err != nil {
			return link, fmt.Errorf("record %d cannot be read: %w", seq, history.ErrTampered)
		}
		if e.Seq != seq || string(e.Kind) != kind || e.App != app || e.Object != object || stamp(e.At) != at {
			return link, fmt.Errorf("record %d is filed as something else: %w", seq, history.ErrTampered)
		}
		if link, err = link.Check(e); err != nil {
			return link, err
		}
	}
	return link, rows.Err()
}

// verifyTail looks for records behind the end that nobody appended.
func (s *Store) verifyTail(ctx context.Context, end history.Link) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last.Seq != end.Seq {
		return nil // appended meanwhile
	}
	var extra int64
	if err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM event WHERE seq > ?", end.Seq).Scan(&extra); err != nil {
		return fmt.Errorf("reading history: %w", classify(err))
	}
	if extra > 0 {
		return fmt.Errorf("%d records behind record %d were not written by Plumb: %w", extra, end.Seq, history.ErrTampered)
	}
	return nil
}
