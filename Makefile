# The commands of this project. CI and people use the same ones.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2
ARGS ?=
FAMILY ?= maze

.PHONY: help setup demo test test-slow test-all check fmt tiny bench clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

setup: .venv/.installed-dev ## make .venv with everything that developing needs

demo: .venv/.installed ## install and run the demo: RL beats SFT on held-out tasks; FAMILY=sokoban or navigation, ARGS="--quick --seed 2"
	$(BIN)/wan-r1 demo --family $(FAMILY) $(ARGS)

test: setup ## all tests but the slow ones (at most 5 minutes on two cores)
	$(PYTEST) -m "not slow and not gpu and not network" $(ARGS)

test-slow: setup ## only the slow tests
	$(PYTEST) -m "slow and not gpu and not network" $(ARGS)

test-all: setup ## fast and slow tests
	$(PYTEST) -m "not gpu and not network" $(ARGS)

check: setup ## lint, formatting, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fmt: setup ## format the code and repair what can be repaired
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

tiny: .venv/.installed ## rebuild the shipped tiny model from nothing (hours; resumes)
	$(BIN)/python benchmarks/build_tiny.py $(ARGS)

bench: .venv/.installed ## the short benchmarks; results in benchmarks/results/
	set -e; for program in scoring_speed tracker_accuracy; do $(BIN)/python benchmarks/$$program.py $(ARGS); done

clean: ## remove the environment and caches
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "wan-r1 needs Python 3.11 or later")'
	$(PYTHON) -m venv .venv

.venv/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e .
	touch $@

.venv/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[dev]'
	touch $@ .venv/.installed
