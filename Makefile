# Two commands for newcomers: `make run` and `make test`. Each sets up all that it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests of one file stay together, so that they share engines and servers, and begin in order, the longest not last;
# WORKERS=0 runs all of them in one process.
WORKERS ?= 2
# What is compiled is kept, so that the next process does not compile it again.
unexport PYTHONDONTWRITEBYTECODE
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install run test test-real test-server test-long test-walls lint format bench lock clean

help: ## Show the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(STAMP)

# The lock file holds hashes, so what is installed is what was tested.
$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tidegate needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the engines and tools into $(VENV): 1.3 GB, about a minute …"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(STAMP)

run: $(STAMP) ## Start tidegate and the reference service harbor, print the board and its URL
	@$(BIN)/python -m examples.harbor.run || { code=$$?; [ $$code = 130 ] || exit $$code; } # 130: Ctrl-C, as meant

test: $(STAMP) ## Unit, contract, API, page and end-to-end tests (at most 10 minutes)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not long and not real"

test-real: $(STAMP) ## The real inputs: set TIDEGATE_TEST_DATA to their folder
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "real" tests/real

test-server: $(STAMP) ## The telemetry server that TIDEGATE_TELEMETRY_URL names: what tidegate relies on
	$(BIN)/python -m pytest tests/contract/test_telemetry_engine.py tests/contract/test_telemetry_server.py

test-long: $(STAMP) ## Rounds and cases of the bars
	$(BIN)/python -m pytest -m "long"

test-walls: $(STAMP) ## 5,000 requests with ids of other workspaces over every route, each wall taken away in turn
	$(BIN)/python -m pytest -m "long" tests/api/walls/test_generated_requests.py

lint: $(STAMP) ## Format, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## Format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP) ## Measure every bar and print its ratio (TIDEGATE_LOAD names otlp_load.py for the ingest figures)
	@$(BIN)/python -m benchmarks

lock: ## Pin the newest allowed versions, with hashes and no host
	uv pip compile pyproject.toml --extra server --group dev --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-annotate --no-header --upgrade -o requirements.lock

clean: ## Remove the environment and caches
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
