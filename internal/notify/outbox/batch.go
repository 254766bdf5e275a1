package outbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"plumb.cd/plumb/internal/notify"
)

// What the column "again" says.
const (
	toldBefore   = 1
	comesAndGoes = 2
)

// Batch is a transaction in which decisions are made durable: what was told, and what is to be sent because of it.
type Batch struct {
	ctx context.Context
	tx  *sql.Tx
	o   Options
	// Touched are the channels that have something new, with the time at which it is due.
	Touched map[string]time.Time
	// Dropped counts, by channel, what was not taken in.
	Dropped map[string]int64
}

// Change runs f in one transaction: all of it, or nothing.
func (b *Outbox) Change(ctx context.Context, f func(*Batch) error) (*Batch, error) {
	batch := &Batch{ctx: ctx, o: b.o, Touched: map[string]time.Time{}, Dropped: map[string]int64{}}
	err := b.change(ctx, func(tx *sql.Tx) error {
		batch.tx = tx
		return f(batch)
	})
	return batch, err
}

// Told gives what channels have told about a subject, by channel.
func (b *Batch) Told(s notify.Subject) (map[string]notify.Told, error) {
	rows, err := b.tx.QueryContext(b.ctx, "SELECT channel, body FROM told WHERE subject = ?", keyOf(s))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := map[string]notify.Told{}
	for rows.Next() {
		var channel string
		var body []byte
		if err := rows.Scan(&channel, &body); err != nil {
			return nil, err
		}
		var told notify.Told
		if err := json.Unmarshal(body, &told); err != nil {
			return nil, err
		}
		out[channel] = told
	}
	return out, rows.Err()
}

// SetTold keeps what a channel has told about a subject.
func (b *Batch) SetTold(channel string, s notify.Subject, told notify.Told) error {
	body, err := encode(told)
	if err != nil {
		return err
	}
	_, err = b.tx.ExecContext(b.ctx, "INSERT INTO told VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at, quiet = excluded.quiet, body = excluded.body",
		channel, keyOf(s), stamp(told.At), stamp(told.Quiet), body)
	return err
}

// Gather puts a notice into the group of its cause, which is closed at due; newID names the group when it is new. A
// recovery from trouble that was not sent yet takes the trouble back instead.
func (b *Batch) Gather(channel string, n notify.Notice, now, due time.Time, newID func() string) error {
	if n.Event == notify.Recovered && n.Ends != "" {
		back, err := b.withdraw(channel, n.Ends, n.Facts.Subject)
		if err != nil || back {
			return err
		}
	}
	seq, count, err := b.group(channel, notify.Cause(n))
	if errors.Is(err, sql.ErrNoRows) {
		if full, err := b.full(channel, b.o.MaxMessages); err != nil || full {
			return err
		}
		again := 0
		switch {
		case n.Again:
			again = toldBefore
		case n.Flaps:
			again = comesAndGoes
		}
		var res sql.Result
		res, err = b.tx.ExecContext(b.ctx, "INSERT INTO message (channel, id, phase, event, cause, again, born, due, count, tries, problem) VALUES (?, ?, 0, ?, ?, ?, ?, ?, 0, 0, '')",
			channel, newID(), string(n.Event), notify.Cause(n), again, stamp(now), stamp(due))
		if err == nil {
			b.touch(channel, due)
			seq, err = res.LastInsertId()
		}
	}
	if err != nil {
		return err
	}
	return b.enter(seq, count, n.Facts)
}

func (b *Batch) group(channel, cause string) (seq, count int64, err error) {
	err = b.tx.QueryRowContext(b.ctx, "SELECT seq, count FROM message WHERE channel = ? AND cause = ? AND phase = 0", channel, cause).Scan(&seq, &count)
	return seq, count, err
}

func (b *Batch) enter(seq, count int64, f notify.Facts) error {
	if count >= maxEntries {
		_, err := b.tx.ExecContext(b.ctx, "UPDATE message SET count = count + 1 WHERE seq = ?", seq)
		return err
	}
	body := []byte{}
	if count < 2*notify.MaxApps { // more than are named, because some may be taken back
		var err error
		if body, err = encode(f); err != nil {
			return err
		}
	}
	res, err := b.tx.ExecContext(b.ctx, "INSERT INTO entry VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", seq, keyOf(f.Subject), body, count)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	_, err = b.tx.ExecContext(b.ctx, "UPDATE message SET count = count + 1 WHERE seq = ?", seq)
	return err
}

// withdraw takes a notice out of a group that is still open.
func (b *Batch) withdraw(channel string, e notify.Event, s notify.Subject) (bool, error) {
	var seq, count int64
	err := b.tx.QueryRowContext(b.ctx, `SELECT m.seq, m.count FROM entry e JOIN message m ON m.seq = e.message
		WHERE e.subject = ? AND m.channel = ? AND m.event = ? AND m.phase = 0`, keyOf(s), channel, string(e)).Scan(&seq, &count)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if _, err := b.tx.ExecContext(b.ctx, "DELETE FROM entry WHERE message = ? AND subject = ?", seq, keyOf(s)); err != nil {
		return false, err
	}
	if count <= 1 {
		_, err = b.tx.ExecContext(b.ctx, "DELETE FROM message WHERE seq = ?", seq)
	} else {
		_, err = b.tx.ExecContext(b.ctx, "UPDATE message SET count = count - 1 WHERE seq = ?", seq)
	}
	return true, err
}

// SetStatus queues a commit status, in the place of one of the same App and commit that was not tried yet. It reports
// whether it was taken in.
func (b *Batch) SetStatus(channel string, s notify.Status, now time.Time, newID func() string) (bool, error) {
	cause := "status\n" + s.Repository + "\n" + s.SHA + "\n" + s.Context
	m := notify.Message{Event: "Status", At: now, Status: &s}
	var seq int64
	err := b.tx.QueryRowContext(b.ctx, "SELECT seq, id FROM message WHERE channel = ? AND phase = 2 AND cause = ? AND tries = 0 ORDER BY seq DESC LIMIT 1", channel, cause).
		Scan(&seq, &m.ID)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		if full, err := b.full(channel, b.o.MaxStatuses); err != nil || full {
			return false, err
		}
		m.ID = newID()
	case err != nil:
		return false, err
	default:
		if _, err := b.tx.ExecContext(b.ctx, "DELETE FROM message WHERE seq = ?", seq); err != nil {
			return false, err
		}
		m.ID = newID() // another content is another message
	}
	body, err := encode(m)
	if err != nil {
		return false, err
	}
	_, err = b.tx.ExecContext(b.ctx, "INSERT INTO message (channel, id, phase, event, cause, again, born, due, count, tries, problem, body) VALUES (?, ?, 2, 'Status', ?, 0, ?, ?, 1, 0, '', ?)",
		channel, m.ID, cause, stamp(now), stamp(now), body)
	b.touch(channel, now)
	return err == nil, err
}

// full counts what is not taken in.
func (b *Batch) full(channel string, limit int) (bool, error) {
	var n int
	if err := b.tx.QueryRowContext(b.ctx, "SELECT count(*) FROM message WHERE channel = ?", channel).Scan(&n); err != nil {
		return false, err
	}
	if n < limit {
		return false, nil
	}
	b.Dropped[channel]++
	_, err := b.tx.ExecContext(b.ctx, "UPDATE channel SET dropped = dropped + 1, dropped_new = dropped_new + 1 WHERE key = ?", channel)
	return true, err
}

func (b *Batch) touch(channel string, due time.Time) {
	if at, ok := b.Touched[channel]; !ok || due.Before(at) {
		b.Touched[channel] = due
	}
}
