package cli

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheLocalTokenStaysFromOneStartToTheNext(t *testing.T) {
	dir := t.TempDir()
	first, err := localToken(dir)
	if err != nil || len(first) < 20 {
		t.Fatal(first, err)
	}
	info, err := os.Stat(filepath.Join(dir, "token"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: others may read it", info.Mode(), err)
	}
	if again, err := localToken(dir); err != nil || again != first {
		t.Errorf("%s, then %s (%v)", first, again, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if made, err := localToken(dir); err != nil || len(made) < 20 || made == first {
		t.Errorf("in place of an empty one: %q (%v)", made, err)
	}
}
