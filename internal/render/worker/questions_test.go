package worker

import (
	"context"
	"io"
	"os"
	"testing"

	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/internal/render/helm"
	"plumb.cd/plumb/internal/render/kustomize"
	"plumb.cd/plumb/internal/render/plain"
	"plumb.cd/plumb/internal/rendertest"
)

// TestARenderAsksItsParentAFewTimesOnly gates the ways to the parent and back: each costs tens of microseconds, in which
// nothing renders.
func TestARenderAsksItsParentAFewTimesOnly(t *testing.T) {
	charts := helm.New()
	registry := map[render.Kind]render.Renderer{render.Plain: plain.New(), render.Helm: charts, render.Kustomize: kustomize.New(charts)}
	for _, one := range []struct {
		name, archive string
		request       render.Request
		questions     int
		objects       int
	}{
		{"an overlay asks for what it names, and its base for what it names", "overlay.txtar", render.Request{Kind: render.Kustomize, Path: "overlay"}, 2, 5},
		{"a chart asks for the files of each level of directories", "chart.txtar", render.Request{Kind: render.Helm, Path: "chart"}, 2, 5},
		{"a values file beside the chart comes with the request", "chart.txtar", render.Request{
			Kind: render.Helm, Path: "chart", Helm: render.HelmOptions{ValuesFiles: []string{"../chart/values.yaml"}},
		}, 2, 5},
		{"a directory of manifests asks for all its files at once", "overlay.txtar", render.Request{
			Kind: render.Plain, Path: "base", Plain: render.PlainOptions{Exclude: []string{"kustomization.yaml"}},
		}, 1, 4},
		{"a single manifest asks for nothing", "overlay.txtar", render.Request{Kind: render.Plain, Path: "base/service.yaml"}, 0, 1},
	} {
		t.Run(one.name, func(t *testing.T) {
			archive, err := os.ReadFile("../../../bench/testdata/" + one.archive)
			if err != nil {
				t.Fatal(err)
			}
			res, questions := converse(t, registry, rendertest.Tree(string(archive)), one.request)
			if questions != one.questions || len(res.Objects) != one.objects {
				t.Errorf("%d questions and %d objects, want %d and %d", questions, len(res.Objects), one.questions, one.objects)
			}
		})
	}
}

// TestReadingAheadIsBounded reads files of more bytes together than one frame takes.
func TestReadingAheadIsBounded(t *testing.T) {
	files := rendertest.Tree("")
	large := make([]byte, fullFrame)
	for i := range large {
		large[i] = '#'
	}
	for _, name := range []string{"dir/a.yaml", "dir/b.yaml", "dir/c.yaml"} {
		files[name] = rendertest.Tree("-- f --\n")["f"]
		files[name].Data = large
	}
	res, questions := converse(t, map[render.Kind]render.Renderer{render.Plain: plain.New()}, files, render.Request{Kind: render.Plain, Path: "dir"})
	if questions != 3 || len(res.Objects) != 0 {
		t.Errorf("%d questions and %d objects, want one for all files and one for each of the two that came later", questions, len(res.Objects))
	}
}

// converse renders on the other side of a pipe in this process, and counts what it is asked.
func converse(t *testing.T, registry map[render.Kind]render.Renderer, files render.Files, req render.Request) (render.Result, int) {
	t.Helper()
	theirIn, ourOut := io.Pipe()
	ourIn, theirOut := io.Pipe()
	ours, theirs := newPipe(ourIn, ourOut), newPipe(theirIn, theirOut)
	go func() {
		got, ahead, err := theirs.receiveRender()
		remote := newRemote(theirs)
		if err == nil {
			err = remote.told(ahead)
		}
		if err == nil {
			_, err = serve(context.Background(), remote, registry, got)
		}
		_ = theirOut.CloseWithError(err)
	}()
	if err := ours.sendRender(files, req); err != nil {
		t.Fatal(err)
	}
	for questions := 0; ; questions++ {
		kind, body, err := ours.receive()
		switch {
		case err != nil:
			t.Fatal(err)
		case kind == frameResult:
			d := &decoder{s: string(body[1:])}
			res, err := d.result()
			if err != nil {
				t.Fatal(err)
			}
			return res, questions
		case kind != frameWants:
			t.Fatalf("frame %q: %s", kind, body)
		}
		if err := answer(ours, files, string(body)); err != nil {
			t.Fatal(err)
		}
	}
}
