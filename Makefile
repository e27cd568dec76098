# Needs Python 3.11 to 3.13, make and a package index; everything else goes to .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STATE_DIR ?= .state

export DAGSTER_HOME := $(CURDIR)
# dagster.yaml turns telemetry off; this keeps its empty folders out of the checkout as well.
export DAGSTER_DISABLE_TELEMETRY := 1
# Dagster writes the events of a range of partitions in batches instead of one by one.
export DAGSTER_EVENT_BATCH_SIZE ?= 100
# Every run and every test of a process starts an interpreter: what is compiled is kept, whatever
# this machine says (uv compiles nothing when it installs).
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo test check dev bench lock clean install install-dev test-soak storm fuzz

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: install ## Value three example portfolios from sandbox data, end to end
	$(BIN)/market-pipeline demo

test: install-dev ## Run the tests
	$(BIN)/python -m pytest -n 3 --dist loadscope --no-loadscope-reorder market_pipeline_tests

test-soak: install-dev ## Run the long kill and restart tests (minutes)
	MARKET_PIPELINE_SOAK=1 $(BIN)/python -m pytest market_pipeline_tests -m soak

storm: install-dev ## Kill a working pipeline's processes 50 times, on SQLite and on PostgreSQL (an hour)
	$(BIN)/python -m market_pipeline_tests.storm --database sqlite
	$(BIN)/python -m market_pipeline_tests.storm --database postgres

fuzz: install-dev ## Import a million spoilt portfolio files (minutes)
	MARKET_PIPELINE_SOAK=1 $(BIN)/python -m pytest market_pipeline_tests/warehouse/test_import_fuzz.py -m soak -s

check: install-dev ## Lint, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

dev: install ## Open the Dagster UI on 127.0.0.1:3000, with daemon, schedules and sensors
	$(BIN)/dagster dev -h 127.0.0.1 -p 3000

bench: install-dev ## Measure, print, and write bench.json to the state folder
	$(BIN)/python -m benchmarks

install: $(VENV)/.installed-base
install-dev: $(VENV)/.installed-dev

$(VENV)/.installed-base: requirements.lock pyproject.toml
	PYTHON=$(PYTHON) sh bin/install $(VENV) requirements.lock
	touch $@

$(VENV)/.installed-dev: requirements-dev.lock pyproject.toml
	PYTHON=$(PYTHON) sh bin/install $(VENV) requirements-dev.lock
	touch $@ $(VENV)/.installed-base

lock: install-dev ## Pin every dependency anew, with hashes and without index addresses
	sh bin/lock $(VENV)

clean: ## Remove the environment and all state
	rm -rf $(VENV) $(STATE_DIR)
