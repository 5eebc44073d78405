# `make install` builds .venv from nothing; every other target installs first where it must.
PYTHON ?= python3
BIN := .venv/bin
export TF_CPP_MIN_LOG_LEVEL ?= 3
# Several test processes share the cores; one thread pool each is faster than many.
PYTEST := $(BIN)/python -m pytest -q

.PHONY: install demo test test-unit test-integration test-torch test-distributed format lint

install: .venv/installed

.venv/installed: pyproject.toml
	$(PYTHON) -c "import sys; assert sys.version_info >= (3, 11), 'keras_lit needs Python 3.11 or newer: make install PYTHON=python3.12'"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[jax,demo,dev]"
	touch $@

# Tunes a text tower onto a locked image tower, evaluates it, writes runs/demo/report.html.
demo: install
	$(BIN)/keras-lit demo

# Everything below runs on every change; the unit tests once per backend.
test: lint test-unit test-integration

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

test-unit: install
	KERAS_BACKEND=jax $(PYTEST) tests
	KERAS_BACKEND=tensorflow $(PYTEST) tests

test-integration: install
	$(PYTEST) integration_tests

# The same numbers on every backend and device count, as one printed table.
test-distributed: install
	$(PYTEST) -s integration_tests/same_numbers_test.py

# torch comes as the CPU build where the package index offers one.
test-torch: install
	$(BIN)/python -m pip install --quiet --editable ".[torch]"
	KERAS_BACKEND=torch $(PYTEST) tests

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
