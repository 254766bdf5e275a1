package worker_test

import (
	"context"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/internal/render/kustomize"
	"plumb.cd/plumb/internal/render/worker"
	"plumb.cd/plumb/internal/rendertest"
)

const overlayTree = `
-- base/kustomization.yaml --
resources: [deployment.yaml, service.yaml, more.yaml]
configMapGenerator:
- name: settings
  literals: [A=b, C=d]
-- base/deployment.yaml --
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: example.com/web:1
        ports: [{containerPort: 80}]
        envFrom: [{configMapRef: {name: settings}}]
        resources: {limits: {cpu: 100m, memory: 64Mi}}
-- base/service.yaml --
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector: {app: web}
  ports: [{port: 80}]
-- base/more.yaml --
apiVersion: v1
kind: ServiceAccount
metadata:
  name: web
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: extra
data: {a: b}
-- overlay/kustomization.yaml --
namespace: prod
namePrefix: prod-
resources: [../base]
images: [{name: example.com/web, newTag: "2"}]
patches: [{path: patch.yaml}]
-- overlay/patch.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  template:
    spec:
      containers:
      - name: web
        env: [{name: X, value: "1"}]
`

var overlayRequest = render.Request{Kind: render.Kustomize, Path: "overlay"}

// BenchmarkSmallOverlayLibraryAlone is what the library takes for five objects, as text, without origins.
func BenchmarkSmallOverlayLibraryAlone(b *testing.B) {
	files := filesys.MakeFsInMemory()
	for name, f := range rendertest.Tree(overlayTree) {
		if err := files.WriteFile("/"+name, f.Data); err != nil {
			b.Fatal(err)
		}
	}
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionUnspecified
	b.ReportAllocs()
	for b.Loop() {
		built, err := krusty.MakeKustomizer(options).Run(files, "/overlay")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := built.AsYaml(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSmallOverlayInProcess(b *testing.B) { benchmark(b, kustomize.New(nil)) }

func BenchmarkSmallOverlayWorker(b *testing.B) {
	benchmark(b, pool(b, worker.Options{Size: 1}))
}

// BenchmarkSmallOverlayWorkersParallel is the time per render with every processor busy.
func BenchmarkSmallOverlayWorkersParallel(b *testing.B) {
	p, files := pool(b, worker.Options{}), rendertest.Tree(overlayTree)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := p.Render(context.Background(), files, overlayRequest); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkColdWorker(b *testing.B) {
	files := rendertest.Tree(overlayTree)
	p := pool(b, worker.Options{Size: 1, MaxRenders: 1})
	benchmarkWith(b, p, files)
}

// BenchmarkFirstRenderOfAWarmedWorker is what a commit waits for when the only worker was started ahead.
func BenchmarkFirstRenderOfAWarmedWorker(b *testing.B) {
	files := rendertest.Tree(overlayTree)
	for b.Loop() {
		b.StopTimer()
		p := pool(b, worker.Options{Size: 1, Kept: 1})
		if err := p.Warm(context.Background()); err != nil {
			b.Fatal(err)
		}
		if _, err := p.Render(context.Background(), files, render.Request{Kind: bad, Path: "nothing"}); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if _, err := p.Render(context.Background(), files, overlayRequest); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		p.Close()
		b.StartTimer()
	}
}

func benchmark(b *testing.B, r render.Renderer) { benchmarkWith(b, r, rendertest.Tree(overlayTree)) }

func benchmarkWith(b *testing.B, r render.Renderer, files render.Files) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Render(context.Background(), files, overlayRequest); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBoundaryAlone is a render of nothing: what the way to the worker and back costs.
func BenchmarkBoundaryAlone(b *testing.B) { boundary(b, "nothing") }

// BenchmarkBoundaryTenQuestions adds ten questions to the parent, one after the other.
func BenchmarkBoundaryTenQuestions(b *testing.B) { boundary(b, "ask-ten") }

func boundary(b *testing.B, deed string) {
	p, files := pool(b, worker.Options{Size: 1}), rendertest.Tree("")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Render(context.Background(), files, render.Request{Kind: bad, Path: deed}); err != nil {
			b.Fatal(err)
		}
	}
}
