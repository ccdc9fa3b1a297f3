# What there is to do here; `make help` lists it.

CARGO ?= cargo
# The name of a saved benchmark baseline.
BASELINE ?= main
# How much slower a benchmark may be than its baseline, as a fraction.
LIMIT ?= 0.10
# How long `make fuzz` goes on.
SECONDS ?= 60
# Where `make install` puts things.
PREFIX ?= /usr/local
DESTDIR ?=
# What the built program runs on.
TARGET ?= $(shell rustc -vV | sed -n 's/^host: //p')
TARGET_DIR = $(or $(CARGO_TARGET_DIR),target)
PROGRAM = $(TARGET_DIR)/release/claude-cli
CARGO_DEB = $(TARGET_DIR)/tools/bin/cargo-deb
CARGO_DEB_VERSION = 3.8.0

.DEFAULT_GOAL := help
.PHONY: help test lint bench bench-stream bench-client bench-import bench-analytics bench-analytics-large bench-neighbours bench-suites bench-warm bench-live bench-otlp bench-save bench-compare fuzz generate soak release install dist deb macos

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "%-14s %s\n", $$1, $$2 }'

test: ## run all tests
	$(CARGO) test --locked

lint: ## check format, lints and documentation
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps

bench: bench-stream bench-client bench-import bench-analytics ## run all benchmarks

bench-stream: ## the streaming core: parsing, the channel, errors (HTML in target/criterion/report)
	$(CARGO) bench --locked --bench stream

bench-client: ## what `query` adds to the program it runs
	$(CARGO) bench --locked --bench client

bench-import: ## scanning a gigabyte of transcripts
	$(CARGO) bench --locked --bench import

bench-analytics: ## dashboards and series over small ledgers
	$(CARGO) build --release --locked
	$(CARGO) bench --locked --bench analytics

bench-analytics-large: ## the same, over one and ten million requests as well (8 GB of disk)
	$(CARGO) build --release --locked
	$(CARGO) bench --locked --bench analytics -- --large

bench-neighbours: ## a whole import beside ccusage, over a gigabyte (TOKSCALE="tokscale graph" adds that one)
	$(CARGO) build --release --locked
	CCUSAGE="$$(.ci/install-ccusage) claude daily --offline" $(CARGO) bench --locked --bench neighbours

bench-suites: ## the suites of `claude-cli bench`, under criterion
	$(CARGO) bench --locked --bench suites

bench-warm: ## a batch on programs kept running, beside starting one for each prompt
	CLAUDE_CLI_TEST_CLAUDE="$$(.ci/install-claude)" $(CARGO) bench --locked --bench warm

bench-live: ## 1,000 viewers of live states on one core, a tenth of which stand still
	$(CARGO) bench --locked --bench live

bench-otlp: ## telemetry into a ledger of ten million requests (3 GB of disk)
	$(CARGO) bench --locked --bench otlp
	$(CARGO) bench --locked --bench otlp -- --senders 256 --events 32 --seconds 15
	$(CARGO) bench --locked --bench otlp -- --senders 8 --events 128 --seconds 15
	$(CARGO) bench --locked --bench otlp -- --senders 1 --seconds 15

bench-save: ## save a baseline of the stream benchmarks (BASELINE=main)
	$(CARGO) bench --locked --bench stream -- --save-baseline $(BASELINE)

bench-compare: ## compare the stream benchmarks with a baseline, and fail on a regression (BASELINE=main LIMIT=0.10)
	rm -rf $(TARGET_DIR)/criterion/*/*/*/change $(TARGET_DIR)/criterion/*/*/change
	$(CARGO) bench --locked --bench stream -- --baseline $(BASELINE)
	benches/regressions $(TARGET_DIR)/criterion $(LIMIT)

fuzz: ## hold the parser against a plain one, over lines as no one writes them (SECONDS=60)
	cd fuzz && $(CARGO) fuzz run --sanitizer none stream_json -- -max_total_time=$(SECONDS) -max_len=4096 -verbosity=0 -print_final_stats=1

generate: ## rewrite completions and man pages
	UPDATE_GENERATED=1 $(CARGO) test --locked --test cli generated

release: ## build the program as it is released
	$(CARGO) build --release --locked

install: release ## install program, man pages and completions (PREFIX=/usr/local DESTDIR=)
	packaging/stage "$(DESTDIR)$(PREFIX)" "$(PROGRAM)"

dist: release ## build the release archive, in target/dist
	packaging/dist "$(PROGRAM)" "$(TARGET)" "$(TARGET_DIR)/dist"

deb: release $(CARGO_DEB) ## build the Debian package, in target/debian
	$(CARGO_DEB) --no-build --no-strip --locked --output "$(TARGET_DIR)/debian/"

# A tool of this folder alone: nothing is installed elsewhere.
$(CARGO_DEB):
	$(CARGO) install --locked --quiet --root "$(TARGET_DIR)/tools" --target-dir "$(TARGET_DIR)/tools/build" \
		--version $(CARGO_DEB_VERSION) cargo-deb

macos: ## type-check everything for macOS, from any system
	packaging/check-macos

soak: ## long runs that CI leaves out
	for n in $$(seq 50); do $(CARGO) test --locked --quiet --test sdk ledger_properties || exit 1; done
	$(CARGO) test --locked --release --test cli import_crash:: -- --ignored --nocapture
	$(CARGO) test --locked --release --test cli telemetry:: -- --ignored --nocapture
	$(CARGO) test --locked --release --test sdk backpressure:: -- --ignored --nocapture
	$(CARGO) test --locked --release --test cli bench:: -- --ignored --nocapture
	$(CARGO) test --locked --release --test cli serve:: -- --ignored --nocapture
	$(CARGO) bench --locked --bench live -- --seconds 600
