package history

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// ErrTampered is in the chain of what Verify returns when a record does not fit.
var ErrTampered = errors.New("the history was changed")

// Seal gives e its place in the chain: Seq and Prev as given, and the Hash over all of it. Every store seals alike, so
// that an exported history can be verified anywhere.
func Seal(e Event, seq int64, prev string) (Event, error) {
	sealed, _, err := Encode(e, seq, prev)
	return sealed, err
}

// Encode is Seal, and gives the sealed record as JSON too.
func Encode(e Event, seq int64, prev string) (sealed Event, body []byte, err error) {
	e.Seq, e.Prev, e.Hash = seq, prev, ""
	e.At = e.At.UTC().Truncate(time.Microsecond)
	b, err := json.Marshal(e)
	if err != nil {
		return Event{}, nil, fmt.Errorf("encoding record %d: %w", seq, err)
	}
	if !e.text() {
		// Once more through JSON, so that what a reader decodes (invalid UTF-8 replaced) has the same hash.
		if e, b, err = throughJSON(b); err != nil {
			return Event{}, nil, fmt.Errorf("encoding record %d: %w", seq, err)
		}
	}
	sum := sha256.Sum256(b)
	e.Hash = hex.EncodeToString(sum[:])
	body = append(b[:len(b)-1:len(b)-1], `,"hash":"`+e.Hash+`"}`...) // the last field of all
	return e, body, nil
}

func throughJSON(b []byte) (Event, []byte, error) {
	var stored Event
	if err := json.Unmarshal(b, &stored); err != nil {
		return Event{}, nil, err
	}
	b, err := json.Marshal(stored)
	return stored, b, err
}

// text reports whether e has nothing but valid UTF-8: JSON keeps that as it is.
func (e *Event) text() bool {
	for _, s := range [...]string{string(e.Kind), e.App, e.Actor, e.Object, e.Commit, e.Bundle, e.Attempt, e.Outcome, e.Reason, e.Message, e.Prev} {
		if !utf8.ValidString(s) {
			return false
		}
	}
	return utf8.Valid(e.Data)
}

// Link is the last record that was seen; the zero value stands before the first.
type Link struct {
	Seq  int64
	Hash string
}

// Check tells whether e follows l unchanged, and gives the next link. The error names the record.
func (l Link) Check(e Event) (Link, error) {
	if e.Seq != l.Seq+1 {
		return l, fmt.Errorf("record %d is missing: %w", l.Seq+1, ErrTampered)
	}
	if e.Prev != l.Hash {
		return l, fmt.Errorf("record %d does not follow record %d: %w", e.Seq, l.Seq, ErrTampered)
	}
	sealed, err := Seal(e, e.Seq, e.Prev)
	if err != nil {
		return l, err
	}
	if sealed.Hash != e.Hash {
		return l, fmt.Errorf("record %d is not what was written: %w", e.Seq, ErrTampered)
	}
	return Link{Seq: e.Seq, Hash: e.Hash}, nil
}
