# Red Kite. `make help` lists the targets.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export CGO_ENABLED := 0

MODULE    := github.com/redkite-db/redkite
VERSION   ?= 0.1.0
GOFLAGS_B := -trimpath -ldflags "-s -w -X $(MODULE)/configs.Version=$(VERSION)"
BIN       := bin/redkite
PYTHON    ?= python3
TARGETS   := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
IMAGE     ?= milvus-standalone

# Packages whose tests run the conformance suite of a port.
PORTS := ./mq/... ./meta/... ./objectstore/...
# Packages in which goroutines share memory: the engine and the streams.
RACED := ./internal/mem/... ./internal/column/... ./internal/vecindex/... ./internal/exec/... \
         ./internal/segment/... ./internal/reduce/... ./mq/stream/... ./datanode/... ./querynode/... ./internal/server/...

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## bin/redkite, and bin/milvus as another name for it
	go build $(GOFLAGS_B) -o $(BIN) ./cmd/redkite
	@ln -sf redkite bin/milvus

.PHONY: run
run: build ## build and serve on localhost:19530, data in ./redkite-data
	@exec $(BIN) run standalone

.PHONY: test
test: ## everything that has to pass: the checks, the tests and the builds below
	@MAKE="$(MAKE)" scripts/test.sh

.PHONY: check
check: lint arch unit ## the fast part of test

.PHONY: fmt vet
fmt: ## every Go file is formatted
	@out=$$(git ls-files -co --exclude-standard '*.go' | xargs -r ls -d 2>/dev/null | xargs -r gofmt -s -l); \
	if [ -n "$$out" ]; then echo "not formatted (gofmt -s -w):"; echo "$$out"; exit 1; fi
vet: ## go vet, with and without the tags
	go vet ./...
	go vet -tags e2e ./tests/...

.PHONY: lint
lint: fmt vet ## fmt, vet and golangci-lint (pinned in scripts/tools/go.mod)
	cd scripts/tools && go build -o ../../bin/tools/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	bin/tools/golangci-lint run ./...

.PHONY: arch
arch: ## the tree is what docs/architecture.md says; the dependency lists are true
	go test -count=1 .
	scripts/deps.sh --check

.PHONY: unit ports
unit: ## unit tests, ports included
	go test ./...
ports: ## only the conformance suites of the ports
	go test $(PORTS)

.PHONY: race
race: ## the engine and the streams under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race $(RACED)

.PHONY: test-arm64
ARM64 ?= short
test-arm64: ## the kernels on arm64, under qemu elsewhere (ARM64=all: the indexes too)
	scripts/test_arm64.sh $(ARM64)

FUZZTIME ?= 20s
.PHONY: fuzz
fuzz: ## every fuzz test for FUZZTIME (20s)
	scripts/fuzz.sh $(FUZZTIME)

VENV := tests/e2e/.venv
$(VENV)/.installed: tests/e2e/requirements.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install -q --disable-pip-version-check -r $<
	@touch $@

.PHONY: e2e gosdk crash powerloss
e2e: build $(VENV)/.installed ## pymilvus against the binary
	REDKITE_BIN=$(CURDIR)/$(BIN) $(VENV)/bin/python -m pytest -q tests/e2e
gosdk: build ## the Go SDK against the binary
	cd tests/gosdk && REDKITE_BIN=$(CURDIR)/$(BIN) go test -count=1 ./...
CRASH_CYCLES ?= 10
crash: build ## kill -9 in a loop, CRASH_CYCLES (10) for each log type
	REDKITE_BIN=$(CURDIR)/$(BIN) CRASH_CYCLES=$(CRASH_CYCLES) go test -count=1 -tags e2e -timeout 30m ./tests/crash

POWERLOSS_RUNS ?= 20
powerloss: ## power fails under JetStream, POWERLOSS_RUNS (20) times twice (needs /dev/fuse)
	cd tests/powerloss && POWERLOSS_RUNS=$(POWERLOSS_RUNS) go test -count=1 -timeout 30m ./...

.PHONY: bench
bench: ## benchmarks of kernels, indexes and codecs
	go test -run '^$$' -bench . -benchmem ./internal/... ./mq/...

# The peers' comparison is described in bench/README.md. GOPROXY=off: what setup
# did not fetch is not fetched.
BENCH_VENV := bench/.venv/bin/python
.PHONY: bench-ann-setup bench-ann-worker bench-ann bench-ann-truth bench-ann-smoke bench-filter bench-live bench-kernels bench-unit
bench-ann-setup: ## install the pinned peers of bench-ann and bench-kernels below bench/
	bench/setup.sh $(PYTHON)
bench-ann-worker:
	@[ -x $(BENCH_VENV) ] || { echo "run 'make bench-ann-setup' or 'make bench-sparse-setup' first"; exit 1; }
	cd bench && GOPROXY=off go build -trimpath -o bin/annworker ./cmd/annworker
bench-ann bench-ann-truth bench-ann-smoke bench-filter bench-live bench-kernels: export PYTHONPATH := $(CURDIR)/bench
bench-ann: bench-ann-worker ## our indexes beside the peers (BASE QUERY TRUTH DIM METRIC OUT ...)
	@$(BENCH_VENV) -m ann
bench-ann-truth: bench-ann-worker ## make or check TRUTH for BASE and QUERY
	@$(BENCH_VENV) -m ann.truth
bench-ann-smoke: bench-ann-worker ## the whole way on made-up data, with the engines installed
	@$(BENCH_VENV) -m ann.smoke
bench-filter: bench-ann-worker ## filtered search beside the peers (BASE QUERY DIM METRIC OUT ...)
	@$(BENCH_VENV) -m ann.filtered
bench-live: bench-ann-worker ## rows into a growing index, searched meanwhile (BASE QUERY DIM METRIC OUT ...)
	@$(BENCH_VENV) -m ann.live
bench-kernels: ## our distance kernels beside the peers' (OUT ROUNDS ELEMENTS DIMS MODES)
	@[ -e bench/bin/libkernshim.so ] || { echo "run 'make bench-ann-setup' first"; exit 1; }
	cd bench && GOPROXY=off go build -trimpath -o bin/kernworker ./cmd/kernworker
	@$(BENCH_VENV) -m kern
.PHONY: bench-sparse-setup bench-sparse
bench-sparse-setup: ## install the pinned peers of bench-sparse below bench/
	[ -x $(BENCH_VENV) ] || $(PYTHON) -m venv bench/.venv
	$(BENCH_VENV) -m pip install -q --disable-pip-version-check -r bench/sparse/requirements.txt
	cd bench && go build -trimpath -o bin/annworker ./cmd/annworker
bench-sparse: bench-ann-worker ## our sparse index beside tantivy and bm25s (TEXTS ROWS KEEP ...)
	@PYTHONPATH=$(CURDIR)/bench $(BENCH_VENV) -m sparse
DIM ?= 128
METRIC ?= L2
.PHONY: bench-disk
bench-disk: ## DISKANN in little memory (BASE QUERY TRUTH DIM METRIC INDEX PARAMS LISTS)
	cd bench && go build -trimpath -o bin/diskbench ./cmd/diskbench
	@[ -f "$(INDEX)" ] || bench/bin/diskbench -build -index "$(INDEX)" -base "$(BASE)" -dim $(DIM) -metric $(METRIC) -params "$(PARAMS)"
	bench/bin/diskbench -index "$(INDEX)" -base "$(BASE)" -query "$(QUERY)" -truth "$(TRUTH)" -dim $(DIM) -metric $(METRIC) -params "$(PARAMS)" $(if $(LISTS),-lists $(LISTS))
.PHONY: bench-extend
bench-extend: ## HNSW extended to a compaction's rows beside a build (BASE QUERY DIM METRIC HAD DELETED)
	cd bench && go build -trimpath -o bin/extendbench ./cmd/extendbench
	bench/bin/extendbench -base "$(BASE)" -query "$(QUERY)" -dim $(DIM) -metric $(METRIC) $(if $(HAD),-had $(HAD)) $(if $(DELETED),-deleted $(DELETED))
bench-unit: ## vet and unit tests of bench/, which need no peers
	cd bench && go vet ./... && go test ./... && go build -trimpath -o bin/annworker ./cmd/annworker
	cd bench && $(PYTHON) -m unittest discover -q -s ann/tests -t .
	cd bench && $(PYTHON) -m unittest discover -q -s kern/tests -t .
	cd bench && $(PYTHON) -m unittest discover -q -s sparse/tests -t .

.PHONY: cross
cross: ## the six targets
	@for t in $(TARGETS); do \
		os=$${t%/*} arch=$${t#*/}; ext=; [ $$os = windows ] && ext=.exe; \
		echo "build $$t"; \
		GOOS=$$os GOARCH=$$arch go build $(GOFLAGS_B) ./...; \
		GOOS=$$os GOARCH=$$arch go build $(GOFLAGS_B) -o bin/cross/redkite-$$os-$$arch$$ext ./cmd/redkite; \
	done

.PHONY: docs
docs: ## write again what is generated: docs/config.md, docs/deps.txt, THIRD_PARTY
	go generate ./configs
	scripts/deps.sh

.PHONY: image-root docker smoke
image-root: # what the image holds, under bin/image
	@rm -rf bin/image && mkdir -p bin/image/var/lib/milvus
	GOOS=linux go build $(GOFLAGS_B) -o bin/image/redkite ./cmd/redkite
docker: image-root ## the container image, named milvus-standalone
	docker build -t $(IMAGE) -f Dockerfile bin/image
smoke: image-root ## the image's content as uid 65532 in an empty root, without a container engine
	scripts/container_smoke.sh bin/image

.PHONY: clean
clean: ## remove what was built
	rm -rf bin $(VENV) bench/bin bench/.venv
