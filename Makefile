# What a contributor runs; `make help` lists it. Each target is a plain command or two: logic lives in Python.
#   make PYTHON=python3.13 test          another Python (3.11 or newer) for a first set-up
#   make soak DEALS=50000 DEATHS=3 KILLS=200 WRITES=3000   smaller than the full run

PYTHON ?= python3
DEALS ?= 1000000
DEATHS ?= 10
KILLS ?= 10000
KILLS_POSTGRES ?= 2000
WRITES ?= 100000
BIN := .venv/bin
FROM_311 := import sys; sys.exit(sys.version_info < (3, 11) and "flowrun needs Python 3.11 or newer and this is %s; name another one: make PYTHON=python3.12" % sys.version.split()[0])

.PHONY: help demo test check lint types imports fresh bench soak docs schemas format lock setup clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s  %s\n", $$1, $$2}' Makefile

demo: setup ## the living example, from its files to fired tunnels
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh demo/run.sh

test: setup ## all tests, with branch coverage
	$(BIN)/python -m pytest -n 2 --cov

check: lint types imports fresh ## everything that is not a test

lint: setup ## format and style
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: setup ## strict types
	$(BIN)/mypy

imports: setup ## the floors of the house
	$(BIN)/lint-imports --no-logo

fresh: setup ## are the generated copies (schemas/, docs/reference/) current?
	$(BIN)/python docs/generate.py --check

bench: setup ## speed and memory against hand-written SQL; DEALS=1000000
	$(BIN)/python tests/bench/run.py --deals $(DEALS)
	$(BIN)/python tests/bench/preview.py --deals $(DEALS)
	$(BIN)/python tests/bench/apply.py --deals $(DEALS)
	$(BIN)/python tests/bench/validate.py
	$(BIN)/python tests/bench/bad_input.py
	$(BIN)/python tests/bench/scenarios.py

soak: setup ## kill runners again and again; DEALS=1000000 DEATHS=10 KILLS=10000 KILLS_POSTGRES=2000 WRITES=100000
	$(BIN)/python tests/bench/soak.py --deals $(DEALS) --deaths $(DEATHS) --kills $(KILLS) --kills-postgres $(KILLS_POSTGRES) --writes $(WRITES)

docs: setup ## write docs/reference/ and schemas/ anew
	$(BIN)/python docs/generate.py

schemas: docs ## the same: one generator writes both

format: setup ## format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lock: ## pin every dependency anew, by hash, for every platform
	$(PYTHON) -m venv .venv/lock
	.venv/lock/bin/python -m pip install --quiet pip-tools
	.venv/lock/bin/pip-compile --quiet --upgrade --extra dev --extra server --extra postgres --generate-hashes --strip-extras --allow-unsafe --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file requirements.lock pyproject.toml

setup: .venv/ready ## the virtual environment in .venv, exactly as locked

.venv/ready: pyproject.toml requirements.lock
	@$(PYTHON) -c '$(FROM_311)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

clean: ## remove what the targets made
	rm -rf .venv .demo build dist .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
