# Cloakroom's commands. `make` alone lists them. All that is needed is Go; what tests need besides is fetched.

LISTEN     ?= 127.0.0.1:8080
DATA       ?= ./data
# For example BENCH_FLAGS='-rounds 9 -only Q2'; -h lists them.
BENCH_FLAGS ?=
# What the demo's tokens know of their holder. The demo's sales people work by region.
DEMO_ATTRS ?= --attr region=EMEA

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)

# One set of flags for everything: Go compiles the world again for every other one. -buildvcs=false because a checkout
# that belongs to someone else, as in a container, fails the build otherwise.
export GOFLAGS := -buildvcs=false -trimpath

TOOLS        := $(CURDIR)/.tools
LINT_VERSION := v2.15.0
LINT         := $(TOOLS)/golangci-lint-$(LINT_VERSION)

.DEFAULT_GOAL := help
.PHONY: help run test web pages generate build gate mutants race bench bench-flat bench-micro load lint fmt vet check unit services postgres redis kratos node up down

OPEN ?=

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The pages that the server brings along. Go builds without them, and then they say how to build them.
PAGES   := web/dist/graphiql.html
SOURCES := $(shell find web -type f -not -path 'web/node_modules/*' -not -path 'web/dist/*' -not -path 'web/e2e/*' -not -name '*.go')

web: ## build the pages, where Node.js is
	@if .ci/has-node; then $(MAKE) --no-print-directory $(PAGES); \
	else echo "There is no Node.js 20.19 or newer here: going on without the page for trying operations." >&2; fi

$(PAGES): web/node_modules/.package-lock.json $(SOURCES)
	cd web && npm run --silent build -- --logLevel warn

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

pages: web build ## check the pages, and drive them in a browser
	@.ci/test-pages

run: web ## build, load the demo data, say whom to be, and serve; OPEN=1 opens the page
	@$(MAKE) --no-print-directory build
	@if [ -n "$(OPEN)" ]; then .ci/open http://$(LISTEN)/graphiql & fi
	@bin/cloakroom dev welcome --data $(DATA) --listen $(LISTEN) --demo $(DEMO_ATTRS)
	@echo
	@exec bin/cloakroom serve --data $(DATA) --listen $(LISTEN) --demo

up: services web ## start PostgreSQL, Redis, Kratos and the gateway, with people who can sign in, and say how
	@$(MAKE) --no-print-directory build
	@mkdir -p $(TOOLS) && go build -o $(TOOLS)/up ./e2e/cmd/up
	@exec $(TOOLS)/up

down: ## end what make up started
	@if [ -x $(TOOLS)/up ]; then $(TOOLS)/up -down; fi

test: $(LINT) services pages vet lint check unit ## everything a change must pass; what .ci/run calls

build: ## build bin/cloakroom
	go build -ldflags '-s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)' -o bin/cloakroom ./cmd/cloakroom

generate: ## bring everything that derives from graph/schema up to date
	go run ./directives/codegen/cmd/generate

check: ## fail if generated code is out of date
	go run ./directives/codegen/cmd/generate -check

fmt: $(LINT) ## format
	$(LINT) fmt

lint: $(LINT) ## look for mistakes
	$(LINT) run

vet:
	go vet ./...

# Tests under e2e build the program themselves, so Go does not know what they depend on, and must not repeat an old verdict.
unit: ## the tests alone
	@.ci/with-services go test -timeout 30m $$(go list ./... | grep -v /e2e)
	@.ci/with-services go test -count=1 -timeout 30m ./e2e/...

N ?= 100000
gate: ## ask N operations of databases that differ in what is hidden (N=100000)
	@.ci/with-services go test ./graph -run '^TestNonInterference$$' -noninterference.operations $(N) -timeout 0 -v

mutants: ## plant every mistake the gate must catch, one at a time
	@.ci/with-services go test ./graph -run '^TestMutants$$' -mutants all -timeout 0 -v

# Where requests run side by side. The race detector needs cgo, and makes everything some five times slower: the made-up
# schemas are fewer here, and what runs is the same.
race: ## the tests of what runs side by side, with the race detector
	@RAPID_CHECKS=50 .ci/with-services go test -race -short -timeout 60m ./graph/... ./privacy/... ./server/... ./ent/store/...

bench: postgres ## measure against gqlgen, directives and hand-written SQL: docs/performance.md
	@mkdir -p $(TOOLS) && go build -o $(TOOLS)/bench ./bench/cmd/bench
	@$(TOOLS)/bench $(BENCH_FLAGS)

bench-flat: postgres ## measure whether a page costs the same among a million people
	@mkdir -p $(TOOLS) && go build -o $(TOOLS)/bench ./bench/cmd/bench
	@$(TOOLS)/bench -flat $(BENCH_FLAGS)

load: postgres ## ask for up to four times what the server can do, and see what becomes of it
	@mkdir -p $(TOOLS) && go build -o $(TOOLS)/bench ./bench/cmd/bench
	@$(TOOLS)/bench -load -duration 10s $(BENCH_FLAGS)

bench-micro: ## benchmarks of the parts: planning, deciding, masking, encoding
	@.ci/with-services go test -run '^$$' -bench . -benchmem ./...

# What the tests run against is installed or built where that is possible, and missed aloud where it is not.
services: postgres redis kratos node

postgres:
	@.ci/get-postgres

redis:
	@.ci/get-redis

node:
	@.ci/get-node

kratos: ## build the identity server that tests and `make up` use (once, about two minutes)
	@.ci/get-kratos

# Compiled from source once per version, at the version the module proxy's checksum database vouches for.
$(LINT):
	@mkdir -p $(TOOLS)
	GOBIN=$(TOOLS)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	@mv $(TOOLS)/bin/golangci-lint $@
