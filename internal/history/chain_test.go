package history

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// slowly seals a record by what the chain means: the hash is over what a reader decodes, encoded again.
func slowly(e Event, seq int64, prev string) (Event, []byte, error) {
	e.Seq, e.Prev, e.Hash = seq, prev, ""
	e.At = e.At.UTC().Truncate(time.Microsecond)
	b, err := json.Marshal(e)
	if err != nil {
		return Event{}, nil, err
	}
	var stored Event
	if err := json.Unmarshal(b, &stored); err != nil {
		return Event{}, nil, err
	}
	if b, err = json.Marshal(stored); err != nil {
		return Event{}, nil, err
	}
	sum := sha256.Sum256(b)
	stored.Hash = hex.EncodeToString(sum[:])
	body, err := json.Marshal(stored)
	return stored, body, err
}

func TestRecordsAreSealedOverWhatReadersDecode(t *testing.T) {
	text := rapid.SampledFrom([]string{"", "a", "\xff", "<b>&\u2028", "\ufffd", "äöü", "\x00\"\\", "\xed\xa0\x80"})
	data := rapid.SampledFrom([]string{"", "null", `{"a":1}`, `{ "a" : [ 1, 2 ] }`, `"<\u003c>"`, "\"\xff\"", `{"a":`, `1.50e2`})
	rapid.Check(t, func(t *rapid.T) {
		e := Event{
			At:   time.Unix(rapid.Int64Range(0, 1<<32).Draw(t, "at"), rapid.Int64Range(0, 1e9).Draw(t, "nanoseconds")).In(time.FixedZone("x", 3600)),
			Kind: Kind(text.Draw(t, "kind")), App: text.Draw(t, "app"), Actor: text.Draw(t, "actor"), Object: text.Draw(t, "object"),
			Commit: text.Draw(t, "commit"), Bundle: text.Draw(t, "bundle"), Attempt: text.Draw(t, "attempt"), Outcome: text.Draw(t, "outcome"),
			Reason: text.Draw(t, "reason"), Message: text.Draw(t, "message"), Data: json.RawMessage(data.Draw(t, "data")),
			Seq: 99, Prev: "x", Hash: "y",
		}
		want, wantBody, wantErr := slowly(e, 7, "before")
		got, body, err := Encode(e, 7, "before")
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("Encode says %v, want %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if got.Hash != want.Hash || string(body) != string(wantBody) {
			t.Fatalf("Encode gives %s, %s; want %s, %s", got.Hash, body, want.Hash, wantBody)
		}
		var read Event
		if err := json.Unmarshal(body, &read); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, read); d != "" {
			t.Fatal(d)
		}
		if _, err := (Link{Seq: 6, Hash: "before"}).Check(read); err != nil {
			t.Fatal(err)
		}
	})
}
