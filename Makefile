# Thin: each target is one script or one command. `make` alone lists them.
.DEFAULT_GOAL := help
# Where rustup puts it, before the shell was started anew.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin
.PHONY: help run test check audit bench

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

run: ## Build the server and start it on http://127.0.0.1:8080, data in ./data (ARGS="--listen ADDR …")
	scripts/build-deps
	cargo build --release -p kith
	exec target/release/kith serve $(ARGS)

test: ## Install what the tests need, where missing, and run all tests
	scripts/test

check: ## Formatting, lints, crate arrows, generated files, licences and sources of dependencies
	scripts/check

audit: ## Known vulnerabilities in dependencies (needs a network that reaches the RustSec database)
	scripts/deny check advisories

bench: ## Measure a server of its own, on SQLite and on PostgreSQL: one JSON line a scenario (ARGS="sqlite direct echo")
	scripts/bench $(ARGS)
