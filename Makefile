# What there is to do here; `make help` lists it.

CARGO ?= cargo
# The name of a saved benchmark baseline.
BASELINE ?= main

.DEFAULT_GOAL := help
.PHONY: help test lint bench bench-stream bench-client bench-save bench-compare generate soak

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "%-14s %s\n", $$1, $$2 }'

test: ## run all tests
	$(CARGO) test --locked

lint: ## check format, lints and documentation
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps

bench: bench-stream bench-client ## run all benchmarks

bench-stream: ## decoding a stream
	$(CARGO) bench --locked --bench stream

bench-client: ## what `query` adds to the program it runs
	$(CARGO) bench --locked --bench client

bench-save: ## save a baseline of the stream benchmarks (BASELINE=main)
	$(CARGO) bench --locked --bench stream -- --save-baseline $(BASELINE)

bench-compare: ## compare the stream benchmarks with a baseline (BASELINE=main)
	$(CARGO) bench --locked --bench stream -- --baseline $(BASELINE)

generate: ## rewrite completions and man pages
	UPDATE_GENERATED=1 $(CARGO) test --locked --test cli generated

soak: ## long runs that CI leaves out
	@echo "soak: repeats the ledger's property test; there is nothing else to soak yet"
	for n in $$(seq 50); do $(CARGO) test --locked --quiet --test sdk ledger_properties || exit 1; done
