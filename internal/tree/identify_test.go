package tree

import (
	"errors"
	"io/fs"
	"slices"
	"testing"
)

func TestIdentifyingAFileCountsAsReadingIt(t *testing.T) {
	files := map[string]string{"a/b.yaml": "content", "a/link.yaml": "-> ../c.yaml", "c.yaml": "more", "a/out.yaml": "-> ../../x"}
	read, known := fromMap(t, files, Limits{}), fromMap(t, files, Limits{})
	for _, name := range []string{"a/b.yaml", "a/link.yaml", "a/missing.yaml", "a/out.yaml", "a"} {
		_, readErr := read.ReadFile(name)
		id, err := known.Identify(name)
		if (err == nil) != (readErr == nil) || errors.Is(err, fs.ErrNotExist) != errors.Is(readErr, fs.ErrNotExist) {
			t.Errorf("%s: %v, read it gives %v", name, err, readErr)
		}
		if err == nil && id != read.Trace().Files()[map[string]string{"a/b.yaml": "a/b.yaml", "a/link.yaml": "c.yaml"}[name]] {
			t.Errorf("%s has the id %q", name, id)
		}
	}
	if !slices.Equal(known.Trace().Records(), read.Trace().Records()) {
		t.Errorf("trace %v, of reads %v", known.Trace().Records(), read.Trace().Records())
	}
}
