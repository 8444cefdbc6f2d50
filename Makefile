# Sunwell on one machine: `make demo` shows it, `make test` proves it. `make help` lists the rest.
# Needs git, make and Python 3.11 or later; everything else comes with `make setup` (tests) or `make demo`.

SHELL := /bin/sh
BIN := .venv/bin
ARGS ?=
# The tests wait as long as they compute: two workers more than there are cores.
WORKERS ?= $$(( $$(nproc) + 2 ))
# Every test of whole systems starts Python many times over: what is compiled once is kept.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo setup test every soak lint format unit bench clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.demo ## run all of Sunwell here, with simulated homes, wells and kiosks (ARGS="--http 8080")
	@exec $(BIN)/sunwell demo $(ARGS)

setup: .venv/.dev ## install what the tests need: Python libraries and, where allowed, Debian packages
	@scripts/system-packages

test: setup ## everything that must hold: style, types, contracts, all tests
	@$(MAKE) --jobs=2 --no-print-directory every lint

every: .venv/.dev # all tests, beside which lint runs; tests/conftest.py puts the long ones first
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder tests $(ARGS)

soak: setup ## the tests that take minutes: every power cut of hundreds of alarms, long cuts, a day of a whole subdistrict
	$(BIN)/pytest -m soak -o faulthandler_timeout=3600 $(ARGS)

unit: .venv/.dev ## the tests that take milliseconds
	$(BIN)/pytest tests/unit $(ARGS)

lint: .venv/.dev ## style, types and the import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	nice $(BIN)/mypy
	nice $(BIN)/lint-imports

format: .venv/.dev ## put the sources in order
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: setup ## measure (ARGS="press"); see benchmarks/
	$(BIN)/python -m benchmarks $(ARGS)

clean: ## remove the environment and all that tools left
	rm -rf .venv build test-results .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info

.venv/.demo .venv/.dev: .venv/.%: pyproject.toml requirements.lock scripts/venv
	@scripts/venv $*
