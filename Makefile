# What a contributor runs; `make help` lists it. Each target is a plain command or two: logic lives in Python.
#   make PYTHON=python3.13 test          another Python (3.11 or newer) for a first set-up
#   make bench DEALS_POSTGRES=1000000    all of it at full size, half an hour
#   make soak DEALS=50000 DEATHS=3 KILLS=200 WRITES=3000   smaller than the full run

PYTHON ?= python3
DEALS ?= 1000000
DEALS_POSTGRES ?= 200000
DEALS_ALTERNATIVES ?= 20000
DEALS_LOOP ?= 200000
LINEAR ?= 10000 100000 1000000
LINEAR_POSTGRES ?= 10000 100000
DEATHS ?= 10
KILLS ?= 10000
KILLS_POSTGRES ?= 2000
WRITES ?= 100000
BIN := .venv/bin
RESULTS := --results bench.jsonl
GIVEN := $(foreach name,DEALS DEALS_POSTGRES DEALS_ALTERNATIVES DEALS_LOOP LINEAR LINEAR_POSTGRES,$(if $(filter command,$(firstword $(origin $(name)))), $(name)='$($(name))'))
FROM_311 := import sys; sys.exit(sys.version_info < (3, 11) and "flowrun needs Python 3.11 or newer and this is %s; name another one: make PYTHON=python3.12" % sys.version.split()[0])

.PHONY: help demo test check lint types imports fresh bench times soak docs schemas screenshots format lock setup clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s  %s\n", $$1, $$2}' Makefile

demo: setup ## the living example, from its files to fired tunnels
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh demo/run.sh

test: setup ## all tests, with branch coverage; installs the servers they need, where it may
	@sh tests/programs.sh
	$(BIN)/python -m pytest -n 2 --dist worksteal --cov --durations=20

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

bench: setup .venv/alternatives ## speed beside hand-written SQL, into docs/benchmark.md; DEALS=1000000 DEALS_POSTGRES=200000
	rm -f bench.jsonl
	$(BIN)/python tests/bench/w1_million.py --database sqlite --deals $(DEALS) $(RESULTS)
	$(BIN)/python tests/bench/w1_million.py --database postgresql --deals $(DEALS_POSTGRES) --runners 1 2 $(RESULTS)
	$(BIN)/python tests/bench/w1_million.py --database sqlite --linear $(LINEAR) $(RESULTS)
	$(BIN)/python tests/bench/w1_million.py --database postgresql --linear $(LINEAR_POSTGRES) $(RESULTS)
	$(BIN)/python tests/bench/w1_alternatives.py --database sqlite --deals $(DEALS_LOOP) $(RESULTS)
	$(BIN)/python tests/bench/w1_alternatives.py --database postgresql --deals $(DEALS_ALTERNATIVES) $(RESULTS)
	$(BIN)/python tests/bench/w4_diff.py --database sqlite --deals $(DEALS) $(RESULTS)
	$(BIN)/python tests/bench/w4_diff.py --database postgresql --deals $(DEALS_POSTGRES) $(RESULTS)
	$(BIN)/python tests/bench/w2_single.py $(RESULTS)
	$(BIN)/python tests/bench/w3_timers.py $(RESULTS)
	$(BIN)/python tests/bench/w5_runners.py $(RESULTS)
	$(BIN)/python tests/bench/studio.py $(RESULTS)
	$(BIN)/python tests/bench/report.py bench.jsonl docs --command "$(strip make bench $(GIVEN))"

times: setup ## speed and memory of apply, validate and test; DEALS=1000000
	$(BIN)/python tests/bench/apply.py --deals $(DEALS)
	$(BIN)/python tests/bench/validate.py
	$(BIN)/python tests/bench/bad_input.py
	$(BIN)/python tests/bench/scenarios.py

soak: setup ## kill runners again and again; DEALS=1000000 DEATHS=10 KILLS=10000 KILLS_POSTGRES=2000 WRITES=100000
	$(BIN)/python tests/bench/soak.py --deals $(DEALS) --deaths $(DEATHS) --kills $(KILLS) --kills-postgres $(KILLS_POSTGRES) --writes $(WRITES)

docs: setup ## write docs/reference/ and schemas/ anew
	$(BIN)/python docs/generate.py

schemas: docs ## the same: one generator writes both

screenshots: setup ## the pictures of the studio in docs/images, in Chromium
	@sh tests/programs.sh
	$(BIN)/python -m tests.browser.screenshots

format: setup ## format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lock: ## pin every dependency anew, by hash, for every platform
	$(PYTHON) -m venv .venv/lock
	.venv/lock/bin/python -m pip install --quiet pip-tools
	.venv/lock/bin/pip-compile --quiet --upgrade --extra dev --extra server --extra postgres --extra mysql --generate-hashes --strip-extras --allow-unsafe --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file requirements.lock pyproject.toml

setup: .venv/ready ## the virtual environment in .venv, exactly as locked
	@$(BIN)/python -m compileall -q runner/flowrun  # as pip does where it installs

.venv/ready: pyproject.toml requirements.lock
	@$(PYTHON) -c '$(FROM_311)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/alternatives: .venv/ready
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]' || echo "bench: the alternatives can't be installed, and are NOT MEASURED" >&2
	@touch $@

clean: ## remove what the targets made
	rm -rf .venv .demo bench.jsonl build dist .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
