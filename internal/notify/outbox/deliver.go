package outbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"plumb.cd/plumb/internal/notify"
)

// Ripe ends the gathering of the groups of a channel that are due, and gives the groups that wait to be written, in
// their order: also those that an earlier run left so.
func (b *Outbox) Ripe(ctx context.Context, channel string, now time.Time) ([]Group, error) {
	var out []Group
	err := b.change(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE message SET phase = 1 WHERE channel = ? AND phase = 0 AND due <= ?", channel, stamp(now)); err != nil {
			return err
		}
		var err error
		if out, err = closed(ctx, tx, channel); err != nil {
			return err
		}
		for i := range out {
			if out[i].Facts, err = entries(ctx, tx, out[i].Seq); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// Group is a group of notices that waits to be written.
type Group struct {
	Seq int64
	notify.Gathered
}

const groupsAtOnce = 100

func closed(ctx context.Context, tx *sql.Tx, channel string) ([]Group, error) {
	rows, err := tx.QueryContext(ctx, `SELECT seq, id, event, again, born, count,
		(SELECT dropped_new FROM channel WHERE key = message.channel) FROM message
		WHERE channel = ? AND phase = 1 ORDER BY seq LIMIT ?`, channel, groupsAtOnce)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []Group
	for rows.Next() {
		var g Group
		var born, again int64
		if err := rows.Scan(&g.Seq, &g.ID, &g.Event, &again, &born, &g.Count, &g.Dropped); err != nil {
			return nil, err
		}
		g.Again, g.Flaps = again == toldBefore, again == comesAndGoes
		if len(out) > 0 {
			g.Dropped = 0 // it was said by the one before
		}
		g.At = moment(born)
		out = append(out, g)
	}
	return out, rows.Err()
}

// entries are the first subjects of a group.
func entries(ctx context.Context, tx *sql.Tx, seq int64) ([]notify.Facts, error) {
	rows, err := tx.QueryContext(ctx, "SELECT subject, body FROM entry WHERE message = ? ORDER BY n, subject LIMIT ?", seq, notify.MaxApps)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []notify.Facts
	for rows.Next() {
		var key string
		var body []byte
		if err := rows.Scan(&key, &body); err != nil {
			return nil, err
		}
		f := notify.Facts{Subject: subjectOf(key)}
		if len(body) > 0 {
			if err := json.Unmarshal(body, &f); err != nil {
				return nil, err
			}
		}
		out = append(out, f)
	}
	return out, rows.Err()
}

// Written stores the message of a group: from now on it is delivered as it is.
func (b *Outbox) Written(ctx context.Context, g Group, m notify.Message) error {
	body, err := encode(m)
	if err != nil {
		return err
	}
	return b.change(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE message SET phase = 2, body = ? WHERE seq = ?", body, g.Seq); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM entry WHERE message = ?", g.Seq); err != nil {
			return err
		}
		if g.Dropped == 0 {
			return nil
		}
		_, err := tx.ExecContext(ctx, "UPDATE channel SET dropped_new = max(0, dropped_new - ?) WHERE key = (SELECT channel FROM message WHERE seq = ?)", g.Dropped, g.Seq)
		return err
	})
}

// Letter is a message on its way.
type Letter struct {
	Seq   int64
	Born  time.Time
	Due   time.Time // not before
	Tries int
	notify.Message
}

// Next gives the message of a channel that is delivered next; false: there is none.
func (b *Outbox) Next(ctx context.Context, channel string) (Letter, bool, error) {
	var l Letter
	var born, due int64
	var body []byte
	err := b.db.QueryRowContext(ctx, "SELECT seq, born, due, tries, body FROM message WHERE channel = ? AND phase = 2 ORDER BY seq LIMIT 1", channel).
		Scan(&l.Seq, &born, &due, &l.Tries, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return Letter{}, false, nil
	}
	if err == nil {
		err = json.Unmarshal(body, &l.Message)
	}
	if err != nil {
		return Letter{}, false, fmt.Errorf("reading the outbox: %w", classify(err))
	}
	l.Born, l.Due = moment(born), moment(due)
	return l, true, nil
}

// NextClosing tells when the next group of a channel is closed; zero: none is open.
func (b *Outbox) NextClosing(ctx context.Context, channel string) (time.Time, error) {
	var at sql.NullInt64
	if err := b.db.QueryRowContext(ctx, "SELECT min(due) FROM message WHERE channel = ? AND phase = 0", channel).Scan(&at); err != nil {
		return time.Time{}, fmt.Errorf("reading the outbox: %w", classify(err))
	}
	return moment(at.Int64), nil
}

// Acknowledged drops a message that was delivered.
func (b *Outbox) Acknowledged(ctx context.Context, channel string, seq int64, now time.Time) error {
	return b.change(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM message WHERE seq = ?", seq); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE channel SET sent = ?, delivered = delivered + 1 WHERE key = ?", stamp(now), channel)
		return err
	})
}

// Postponed keeps a message for another try. problem has no secret.
func (b *Outbox) Postponed(ctx context.Context, seq int64, due time.Time, problem string) error {
	return b.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE message SET tries = tries + 1, due = ?, problem = ? WHERE seq = ?", stamp(due), problem, seq)
		return err
	})
}

// Hurry makes what was postponed due now: the channel is another than before.
func (b *Outbox) Hurry(ctx context.Context, channel string, now time.Time) error {
	return b.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE message SET due = ? WHERE channel = ? AND phase = 2 AND due > ?", stamp(now), channel, stamp(now))
		return err
	})
}

// Buried gives a message up.
func (b *Outbox) Buried(ctx context.Context, channel string, seq int64, title, reason string, now time.Time) error {
	return b.change(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM message WHERE seq = ?", seq); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE channel SET dead = dead + 1, dead_title = ?, dead_reason = ?, dead_at = ? WHERE key = ?", title, reason, stamp(now), channel)
		return err
	})
}
