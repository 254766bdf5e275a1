package git

import (
	"os"
	"path/filepath"
	"testing"

	"plumb.cd/plumb/internal/gittest"
)

func TestADamagedMirrorStartsAnewAndKeepsItsPins(t *testing.T) {
	truncate := func(t *testing.T, dir string) {
		packs, err := filepath.Glob(filepath.Join(dir, "objects/pack/*.pack"))
		if err != nil || len(packs) == 0 {
			t.Fatal(packs, err)
		}
		for _, p := range packs {
			if err := os.Chmod(p, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(p, 40); err != nil {
				t.Fatal(err)
			}
		}
	}
	for what, damage := range map[string]func(*testing.T, string){
		"the directory is removed": func(t *testing.T, dir string) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		},
		"packs are cut off": truncate,
		"packs are removed": func(t *testing.T, dir string) {
			if err := os.RemoveAll(filepath.Join(dir, "objects/pack")); err != nil {
				t.Fatal(err)
			}
		},
		"refs are garbage": func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "packed-refs"), []byte("garbage\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			truncate(t, dir)
		},
	} {
		for _, news := range []string{"without news", "with news"} {
			t.Run(what+" "+news, func(t *testing.T) {
				repo := gittest.NewRepo(t)
				one := repo.Commit("main", "one", gittest.Files{"a": "1"})
				m := openMirror(t, repo.Dir)
				r := Remote{URL: repo.Dir}
				updateOne(t, m, r, Ref{})
				if err := m.Pin(t.Context(), "app", one); err != nil {
					t.Fatal(err)
				}
				damage(t, m.dir)
				m.reader.drop() // processes that still have the old files open
				want := one
				if news == "with news" {
					want = repo.Commit("main", "two", gittest.Files{"a": "2"})
				}
				got := updateOne(t, m, r, Ref{})
				if got.Commit != want {
					t.Fatalf("got %+v", got)
				}
				readPath(t, m, got.Tree, "a")
				if what == "packs are cut off" {
					if out, err := m.pinned(); err != nil || out["app"] != one {
						t.Errorf("the pin is %q, %v", out, err)
					}
				}
				noLeftovers(t, m.store)
			})
		}
	}
}

func TestAServerThatSendsGarbageDoesNotCostTheMirror(t *testing.T) {
	repo := gittest.NewRepo(t)
	one := repo.Commit("main", "one", gittest.Files{"a": "1"})
	m := openMirror(t, repo.Dir)
	r := Remote{URL: repo.Dir}
	updateOne(t, m, r, Ref{})
	repo.Commit("main", "two", gittest.Files{"a": "2"})
	repo.Git("repack", "-adq")
	packs, _ := filepath.Glob(filepath.Join(repo.Dir, "objects/pack/*.pack"))
	for _, p := range packs {
		if err := os.Chmod(p, 0o600); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(p, info.Size()-60); err != nil {
			t.Fatal(err)
		}
	}
	got, err := m.Update(t.Context(), r, []Ref{{}})
	if err == nil && got[Ref{}].Err == nil {
		t.Fatalf("the damage was not noticed: %+v", got)
	}
	if got[Ref{}].Resolved.Commit != one {
		t.Errorf("the last good commit is lost: %+v", got)
	}
	if b := readPath(t, m, got[Ref{}].Resolved.Tree, "a"); b != "1" {
		t.Errorf("a is %q", b)
	}
}
