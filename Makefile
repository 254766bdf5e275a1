# Everything that this project can do with one word. Start with `make help`.

SHELL := /bin/sh
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
IMAGE   ?= plumb:$(VERSION)
DOCKER  ?= docker
# A directory with other people's repositories for `make cases`.
CASES   ?=

LINTER := .cache/bin/golangci-lint

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: deps-build build ## Start a control plane and show Plumb at work, until interrupted
	go run ./demo

.PHONY: test
test: deps-test build vet check-generated test-console test-controlplane test-main ## Run all tests against a real control plane

.PHONY: demo-check
demo-check: deps-build build ## The demo without a person: exits non-zero if any part of it fails
	go run ./demo --check

.PHONY: build
build: deps-build console ## Build bin/plumb and bin/plumb-controlplane
	go build -ldflags '-s -w -X main.version=$(VERSION)' -o bin/plumb ./cmd/plumb
	./hack/build-controlplane.sh '$(VERSION)'

.PHONY: console
console: ui/dist/index.html ## Build the web console into ui/dist, from where it goes into bin/plumb

.PHONY: check
check: check-console vet check-generated lint test-layers ## Linters, generated files, layers

.PHONY: cases
cases: deps-build build ## Render and sync the repositories in CASES=DIR, and print a table
	@test -n '$(CASES)' || { echo 'which directory? make cases CASES=DIR' >&2; exit 2; }
	go run ./test/cases --crds test/cases/crds '$(CASES)'

.PHONY: bench
bench: deps-build build ## Measure, and write the table that docs/performance.md quotes
	go run ./bench -out bench/results
	$(MAKE) --no-print-directory bench-console

.PHONY: bench-console
bench-console: deps-test build ## Measure the console with 10,000 Apps, in a browser
	cd ui && npm run --silent bench

.PHONY: image
image: ## Build the image IMAGE with DOCKER (docker, podman or buildah)
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/image/plumb ./cmd/plumb
	$(DOCKER) build -t '$(IMAGE)' -f Dockerfile bin/image

.PHONY: generate
generate: ## Write deep copies, custom resource definitions and docs/cli.md anew
	./hack/generate.sh
	go run ./hack/docs > docs/cli.md.new
	mv docs/cli.md.new docs/cli.md

.PHONY: fmt
fmt: ## Format the Go files
	gofmt -s -w $$(git ls-files '*.go')

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin .cache bench/results ui/node_modules ui/dist/assets ui/dist/index.html

# The parts of test and check.

.PHONY: check-console test-console deps-build deps-test vet check-generated lint test-layers test-controlplane test-main

# The console: its packages, its build, its checks. Its end-to-end tests start bin/plumb.

CONSOLE_SOURCES := $(shell find ui/src ui/public ui/index.html ui/vite.config.ts ui/package.json -type f ! -name '*.test.*' 2>/dev/null)

ui/node_modules/.installed: ui/package-lock.json
	cd ui && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

ui/dist/index.html: ui/node_modules/.installed $(CONSOLE_SOURCES)
	cd ui && npm run --silent build

check-console: ui/node_modules/.installed
	cd ui && npm run --silent check

test-console: ui/dist/index.html
	cd ui && npm test --silent
	cd ui && npm run --silent e2e

deps-build:
	@./hack/install-deps build

deps-test:
	@./hack/install-deps test

vet:
	@unformatted=$$(gofmt -s -l $$(git ls-files '*.go')); \
		test -z "$$unformatted" || { echo "run make fmt:" $$unformatted >&2; exit 1; }
	go vet ./...
	cd controlplane && go vet ./...

check-generated:
	./hack/generate.sh --check
	go run ./hack/docs | diff -u docs/cli.md -

lint: $(LINTER)
	$(LINTER) run ./...
	cd controlplane && ../$(LINTER) run --config ../.golangci.yml ./...

$(LINTER): hack/tools/lint/go.mod hack/tools/lint/go.sum
	cd hack/tools/lint && go build -o ../../../$(LINTER) github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $(LINTER)

test-layers:
	go test ./internal/archtest

# The race detector makes the control plane's own parts (Kubernetes and etcd, tested elsewhere) too slow to start, so
# only our simulated kubelet is built with it.
test-controlplane:
	cd controlplane && go test -timeout 10m ./...
	cd controlplane && go test -race -timeout 10m ./internal/kubelet/...

test-main:
	go test -race -timeout 15m ./...
