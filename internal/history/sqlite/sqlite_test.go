package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/history/historytest"
)

func open(t *testing.T, path string, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestStoreKeepsWhatEveryHistoryPromises(t *testing.T) {
	historytest.Run(t, func(t *testing.T, dir string) history.Store {
		return open(t, filepath.Join(dir, "history with space?.db"), Options{})
	})
}

func fill(t *testing.T, s *Store, n int) {
	t.Helper()
	for i := range n {
		_, err := s.Append(t.Context(), history.Event{At: time.Unix(int64(i), 0), Kind: history.Revision, App: "apps/a", Message: fmt.Sprint(i)})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestVerifyNamesTheRecordThatWasTamperedWith(t *testing.T) {
	tests := map[string]struct {
		change string
		want   string
	}{
		"a record was changed":                    {`UPDATE event SET body = replace(body, '"message":"4"', '"message":"x"') WHERE seq = 5`, "record 5 is not what was written"},
		"a record was deleted":                    {`DELETE FROM event WHERE seq = 3`, "record 3 is missing"},
		"the newest record was deleted":           {`DELETE FROM event WHERE seq = 10`, "record 10 is missing"},
		"all records were deleted":                {`DELETE FROM event`, "record 1 is missing"},
		"a record was filed under another app":    {`UPDATE event SET app = 'apps/b' WHERE seq = 2`, "record 2 is filed as something else"},
		"a record is no JSON any more":            {`UPDATE event SET body = 'x' WHERE seq = 7`, "record 7 cannot be read"},
		"a record was added behind the last":      {`INSERT INTO event SELECT 11, at, kind, app, object, body FROM event WHERE seq = 10`, "1 records behind record 10"},
		"the last were cut off, with their count": {`DELETE FROM event WHERE seq > 8; UPDATE anchor SET last_seq = 8`, "record 8 is not the last"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := open(t, filepath.Join(t.TempDir(), "h.db"), Options{})
			fill(t, s, 10)
			if _, err := s.db.ExecContext(t.Context(), tt.change); err != nil {
				t.Fatal(err)
			}
			err := s.Verify(t.Context())
			if !errors.Is(err, history.ErrTampered) || !bytes.Contains([]byte(err.Error()), []byte(tt.want)) {
				t.Errorf("Verify says %v, want %q", err, tt.want)
			}
		})
	}
}

func TestOldestRecordsGoAndTheChainStaysVerifiable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.db")
	s := open(t, path, Options{MaxEvents: 20})
	fill(t, s, 95)
	got, err := s.List(t.Context(), history.Query{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) < 20 || len(got) > 40 || got[0].Seq != 95 {
		t.Errorf("%d records are kept, the newest is %d", len(got), got[0].Seq)
	}
	if err := s.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, Options{MaxEvents: 20})
	fill(t, s, 1)
	if err := s.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFileThatIsNoHistoryIsRefusedAndLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.db")
	content := bytes.Repeat([]byte("no database at all. "), 500)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, Options{}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("Open says %v, want %v", err, ErrCorrupt)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the file was changed (%v)", err)
	}
}

func TestDamagedPageIsReportedAsCorrupt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.db")
	s := open(t, path, Options{})
	fill(t, s, 500)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096 * 2; i < len(b); i++ {
		b[i] = 0xa5
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err = Open(t.Context(), path, Options{})
	if err == nil {
		defer func() { _ = s.Close() }()
		err = s.Verify(t.Context())
	}
	if !errors.Is(err, ErrCorrupt) {
		t.Errorf("a damaged file gives %v, want %v", err, ErrCorrupt)
	}
}

func TestSecondProcessOnTheFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.db")
	open(t, path, Options{})
	if s, err := Open(t.Context(), path, Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("the second Open says %v, want %v", err, ErrLocked)
		if err == nil {
			_ = s.Close()
		}
	}
}

func TestFileOfANewerVersionIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.db")
	s := open(t, path, Options{})
	if _, err := s.db.ExecContext(t.Context(), "PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, Options{}); err == nil || errors.Is(err, ErrCorrupt) {
		t.Errorf("Open says %v, want a refusal that names the version", err)
	}
}

func TestDirectoryThatDoesNotExistIsAnError(t *testing.T) {
	if _, err := Open(t.Context(), filepath.Join(t.TempDir(), "none", "h.db"), Options{}); err == nil {
		t.Error("Open made a file in a directory that does not exist")
	}
}

func TestFingerprintsAreKeptPerCluster(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.db")
	s := open(t, path, Options{})
	save := func(cluster string, set map[string][]byte) {
		t.Helper()
		if err := s.SaveOwned(t.Context(), cluster, set); err != nil {
			t.Fatal(err)
		}
	}
	save("one", map[string][]byte{"a": {1}, "b": {2}, "c": {}})
	save("two", map[string][]byte{"a": {3}})
	save("one", map[string][]byte{"a": {4}, "b": nil, "never": nil})
	save("one", nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, Options{})
	for cluster, want := range map[string]map[string][]byte{
		"one": {"a": {4}, "c": {}}, "two": {"a": {3}}, "three": {},
	} {
		got, err := s.LoadOwned(t.Context(), cluster)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", cluster, d)
		}
	}
}

func TestOverLongRecordIsRefusedAndTheChainGoesOn(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "h.db"), Options{})
	fill(t, s, 1)
	if _, err := s.Append(t.Context(), history.Event{Message: string(make([]byte, 5<<20))}); err == nil {
		t.Error("a record of 5 MiB was stored")
	}
	fill(t, s, 1)
	if err := s.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFullDiskLosesNothingThatWasWritten(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "h.db"), Options{})
	fill(t, s, 1)
	var pages int
	if err := s.db.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages+2)); err != nil {
		t.Fatal(err)
	}
	full := false
	for range 100 {
		_, err := s.Append(t.Context(), history.Event{App: "apps/a", Message: string(bytes.Repeat([]byte("x"), 1000))})
		full = full || err != nil
	}
	if !full {
		t.Fatal("the file never got full")
	}
	if _, err := s.db.ExecContext(t.Context(), "PRAGMA max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 3)
	if err := s.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}
