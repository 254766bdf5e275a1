package git

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/gittest"
)

func TestAVeryLargeFileIsRefusedWhenItIsRead(t *testing.T) {
	repo, _, url := serveOne(t, gittest.HTTPOptions{})
	repo.Commit("main", "one", gittest.Files{"large": strings.Repeat("x", 5000), "small": "s"})
	m := openMirror(t, url)
	at := updateOne(t, m, Remote{URL: url, Limits: Limits{FileBytes: 4999}}, Ref{})
	e, _, err := m.find(t.Context(), at.Tree, "large")
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Blob(t.Context(), e.OID)
	wantReason(t, err, fault.LimitExceeded, fault.Invalid)
	if got := readPath(t, m, at.Tree, "small"); got != "s" {
		t.Errorf("reading on after it: %q", got)
	}
}

func TestTooManyFilesAreRefusedAndTheLastGoodCommitStays(t *testing.T) {
	repo, _, url := serveOne(t, gittest.HTTPOptions{})
	one := repo.Commit("main", "one", gittest.Files{"a": "1", "b": "2"})
	m := openMirror(t, url)
	r := Remote{URL: url, Limits: Limits{TreeFiles: 3}}
	updateOne(t, m, r, Ref{})
	updateOne(t, m, r, Ref{Commit: one})
	files := gittest.Files{}
	for i := range 10 {
		files[fmt.Sprintf("d/%d", i)] = "x"
	}
	two := repo.Commit("main", "two", files)
	for _, ref := range []Ref{{}, {Commit: two}} {
		got := update(t, m, r, ref)[ref]
		wantReason(t, got.Err, fault.LimitExceeded, fault.Invalid)
		if ref == (Ref{}) && got.Resolved.Commit != one {
			t.Errorf("the last good commit is %q", got.Resolved.Commit)
		}
	}
	three := repo.Commit("main", "three", gittest.Files{"d": gittest.Delete, "c": "3"})
	if got := updateOne(t, m, r, Ref{}); got.Commit != three || got.Previous != one {
		t.Errorf("after it is mended: %+v", got)
	}
	if got := updateOne(t, openMirror(t, url), Remote{URL: url, Limits: Limits{TreeFiles: 3}}, Ref{}); got.Commit != three {
		t.Errorf("a new mirror: %+v", got)
	}
}

func TestATooLargeFetchIsRefusedAndLeavesNothing(t *testing.T) {
	repo, _, url := serveOne(t, gittest.HTTPOptions{})
	one := repo.Commit("main", "one", gittest.Files{"a": "1"})
	m := openMirror(t, url)
	r := Remote{URL: url, Limits: Limits{PackBytes: 200_000}}
	updateOne(t, m, r, Ref{})
	noise := make([]byte, 1_000_000)
	rand.New(rand.NewSource(1)).Read(noise)
	repo.Commit("main", "two", gittest.Files{"noise": string(noise)})
	before := m.Size()
	got, err := m.Update(t.Context(), r, []Ref{{}})
	wantReason(t, err, fault.LimitExceeded, fault.Invalid)
	if got[Ref{}].Resolved.Commit != one {
		t.Errorf("the last good commit is %q", got[Ref{}].Resolved.Commit)
	}
	if grown := m.Size() - before; grown > 1000 {
		t.Errorf("the mirror grew by %d bytes", grown)
	}
	noLeftovers(t, m.store)
}
