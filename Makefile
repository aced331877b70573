# Everything that is fetched or built goes to .cache and bin, which git ignores.

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)

GOLANGCI_VERSION := v2.15.0
GOLANGCI         := .cache/bin/golangci-lint-$(GOLANGCI_VERSION)

VERSION_VARS := github.com/prometheus/common/version
LDFLAGS      := -s -w -X $(VERSION_VARS).Version=$(VERSION) -X $(VERSION_VARS).Revision=$(REVISION)

.PHONY: help
help: ## Show the targets
	@sed -n 's/^\([a-z-]*\):.* ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

.PHONY: build
build: ## Build bin/holdfast, static
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/holdfast ./cmd/holdfast

.PHONY: test
test: ## Run the tests; needs Go alone
	$(GO) test ./...
	$(GO) -C bench test ./...

.PHONY: race
race: ## Run the tests under the race detector; needs a C compiler too
	$(GO) test -race ./...

.PHONY: integration
integration: ## Run the tests against a real Kafka and PostgreSQL
	deploy/dev/integration

.PHONY: chaos
chaos: ## Run the daemon through a hundred faults, some 20 minutes
	deploy/dev/chaos

.PHONY: bench
bench: build ## Measure, and print the table of docs/benchmarks.md, some 15 minutes; BENCH takes options
	$(GO) -C bench build -o ../.cache/bench/bench .
	.cache/bench/bench $(BENCH)

.PHONY: lint
lint: $(GOLANGCI) ## Check style, mistakes and who imports whom
	$(GOLANGCI) run
	cd bench && ../$(GOLANGCI) run

.PHONY: fmt
fmt: $(GOLANGCI) ## Format the code
	$(GOLANGCI) fmt
	cd bench && ../$(GOLANGCI) fmt

.PHONY: tools
tools: $(GOLANGCI) ## Build and fetch what lint and integration use
	deploy/dev/kafka/run fetch

.PHONY: kafka
kafka: ## Run a real Kafka broker in the foreground
	deploy/dev/kafka/run

.PHONY: postgres
postgres: ## Run a PostgreSQL in the foreground
	deploy/dev/postgres/run

$(GOLANGCI):
	GOBIN=$(CURDIR)/$(@D) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv $(@D)/golangci-lint $@
