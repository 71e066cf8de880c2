# The project's front door; `make help` lists what there is.
.PHONY: help install run test check ui bench bench-engine bench-memory bench-rivals bench-store
PYTHON ?= python3.11
BIN := .venv/bin

help:     ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

install: .venv/installed  ## Set up everything in .venv

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

run: install  ## Run the main job on the sample data
	$(BIN)/minference run

test: install  ## All tests
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

check: install  ## Format, lint, types, imports, definitions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	DAGSTER_HOME=$(CURDIR)/.dagster $(BIN)/dagster definitions validate
	DAGSTER_HOME=$(CURDIR)/.dagster $(BIN)/dg check defs

ui: install  ## The Dagster UI and daemon on http://127.0.0.1:3000
	$(BIN)/minference ui

bench: bench-engine bench-memory bench-rivals  ## All there is of the engine (two hours)

bench-engine: install  ## Speed, memory, limits and the ledger, each as a ratio within one run (about 20 minutes)
	$(BIN)/python benchmarks/engine_speed.py
	$(BIN)/python benchmarks/engine_memory.py 10000 50000
	$(BIN)/python benchmarks/pipeline_memory.py 5000
	$(BIN)/python benchmarks/versions.py 30000
	$(BIN)/python benchmarks/limits_used.py
	$(BIN)/python benchmarks/ledger_cost.py

bench-memory: install  ## Memory at 200,000 and at 1,000,000 requests (an hour and more)
	$(BIN)/python benchmarks/engine_memory.py 200000 1000000

bench-rivals: install  ## The same work by other engines, each in its own environment
	$(BIN)/python benchmarks/install_rivals.py
	$(BIN)/python benchmarks/compare_rivals.py

bench-store: install  ## A store of 100,000 and 1,000,000 thread versions: size, folding, questions (some minutes)
	$(BIN)/python benchmarks/store_scale.py
