# Needs only Python 3.11 or later. `make test` is what CI runs.
PYTHON ?= python3
VENV ?= .venv
UV ?= uv
ARGS ?=

override BIN := $(abspath $(VENV))/bin
PY := $(BIN)/python
LOCK := $(UV) pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --quiet

.DEFAULT_GOAL := help
.PHONY: help venv check test test-faults demo bench test-compose docs lock clean

help: ## Show this.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1\t/' | expand -t 15

venv: ## Create the environment, or bring it up to date with the lock files.
	@$(PYTHON) -m devtools.venv $(VENV)

check: venv ## Lint, types, layers and unit tests, those of open input with few examples: under a minute.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PY) -m pytest -n 2 tests/unit

test: export THOROUGH_TESTS = 1
test: check ## Everything but the benchmark, with a real broker and database.
	$(PY) -m devtools.run -- pytest -n 2 --dist worksteal --ignore=tests/unit --ignore=tests/bench tests

test-faults: venv ## The long drills: ten rounds of everything that is killed or goes down; hours on two cores.
	SYNC_FAULT_ROUNDS=10 $(PY) -m devtools.run -- pytest -n 2 tests/faults

demo: venv ## Run all of it on this machine with simulated outside systems (ARGS=...).
	$(PY) -m devtools.demo $(ARGS)

bench: venv ## Measure (ARGS=...).
	$(PY) -m tests.bench $(ARGS)

test-compose: venv ## Try docker-compose.yml (needs Docker).
	$(PY) -m devtools.compose $(ARGS)

docs: venv ## Write what the docs take from the code.
	$(PY) -m devtools.data_types
	$(PY) -m devtools.errors_page
	$(PY) -m devtools.asyncapi

lock: ## Make the lock files again from pyproject.toml (needs uv).
	$(LOCK) -o requirements.lock
	$(LOCK) --group dev -c requirements.lock --prerelease if-necessary-or-explicit -o requirements-dev.lock

clean: ## Remove what tools left behind; the environment stays.
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
