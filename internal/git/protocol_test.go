package git

import (
	"bufio"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/gittest"
)

func TestAServerWithoutProtocolTwoWorksToo(t *testing.T) {
	root := t.TempDir()
	repo := gittest.NewRepoAt(t, filepath.Join(root, "repo.git"))
	one := repo.Commit("main", "one", gittest.Files{"a": "1"})
	repo.AnnotatedTag("v1.0.0", one)
	gittest.NewRepoAt(t, filepath.Join(root, "empty.git"))
	srv := gittest.ServeHTTP(t, root, gittest.HTTPOptions{Before: func(_ http.ResponseWriter, r *http.Request) bool {
		r.Header.Del("Git-Protocol")
		return false
	}})
	url := srv.URL + "/repo.git"
	m := openMirror(t, url)
	for _, ref := range []Ref{{}, {Branch: "main"}, {Tag: "v1.0.0"}, {Semver: "1"}, {Commit: one}, {Commit: one[:7]}} {
		if got := updateOne(t, m, Remote{URL: url}, ref); got.Commit != one {
			t.Errorf("%s: %+v", ref, got)
		}
	}
	if got, err := m.Resolve(t.Context(), Ref{}); err != nil || got.Name != "refs/heads/main" {
		t.Errorf("HEAD is %+v, %v", got, err)
	}
	empty := srv.URL + "/empty.git"
	wantReason(t, update(t, openMirror(t, empty), Remote{URL: empty}, Ref{})[Ref{}].Err, fault.RepositoryEmpty, fault.Blocked)
}

func TestABranchOnlyInHistoryIsFoundByItsShortCommit(t *testing.T) {
	repo, _, url := serveOne(t, gittest.HTTPOptions{})
	repo.Commit("main", "one", gittest.Files{"a": "1"})
	side := repo.Commit("side", "side", gittest.Files{"a": "2"})
	repo.Commit("side", "later", gittest.Files{"a": "3"})
	m := openMirror(t, url)
	updateOne(t, m, Remote{URL: url}, Ref{})
	if got := updateOne(t, m, Remote{URL: url}, Ref{Commit: side[:9]}); got.Commit != side {
		t.Errorf("got %+v", got)
	}
}

func TestHostileListingsAreErrorsNotPanics(t *testing.T) {
	for what, text := range map[string]string{
		"nothing": "", "no length": "zzzz", "cut off": "0030", "a length of three": "0003", "no ids": packet("hello world") + "0000",
		"an error": packet("ERR access denied"), "an endless first line": "ffff" + strings.Repeat("x", 70000),
	} {
		t.Run(what, func(t *testing.T) {
			r := func() *bufio.Reader { return bufio.NewReader(strings.NewReader(text)) }
			if ad, err := readAdvertisement(r()); err == nil && len(ad.refs) > 0 {
				t.Errorf("advertisement %+v", ad)
			}
			if refs, err := readLsRefs(r()); err == nil && len(refs) > 0 {
				t.Errorf("listing %+v", refs)
			}
		})
	}
}

func FuzzListings(f *testing.F) {
	oid := strings.Repeat("a", 40)
	f.Add(packet("version 2") + packet("ls-refs=unborn") + "0000")
	f.Add(packet(oid+" HEAD\x00symref=HEAD:refs/heads/main") + packet(oid+" refs/tags/v1") + packet(oid+" refs/tags/v1^{}") + "0000")
	f.Add(packet(oid+" HEAD symref-target:refs/heads/main") + packet(oid+" refs/tags/v1 peeled:"+oid) + "0000")
	f.Fuzz(func(t *testing.T, s string) {
		_, _ = readAdvertisement(bufio.NewReader(strings.NewReader(s)))
		refs, _ := readLsRefs(bufio.NewReader(strings.NewReader(s)))
		for _, r := range refs {
			if len(r.OID) != 40 {
				t.Fatalf("%+v", r)
			}
		}
	})
}

func FuzzTrees(f *testing.F) {
	f.Add([]byte("100644 a\x00" + strings.Repeat("x", 20) + "40000 b\x00" + strings.Repeat("y", 20)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		entries, err := parseTree(raw)
		for _, e := range entries {
			if err == nil && (strings.Contains(e.Name, "/") || e.Name == ".." || e.Name == "" || len(e.OID) != 40) {
				t.Fatalf("%+v", e)
			}
		}
		_, _ = parseCommit(strings.Repeat("0", 40), raw)
	})
}
