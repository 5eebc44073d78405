# `make install` builds .venv from nothing; every other target installs first where it must.
PYTHON ?= python3
BIN := .venv/bin
export TF_CPP_MIN_LOG_LEVEL ?= 3
# Tests compile many tiny models and run each a few times: compile fast, and keep what is compiled.
PYTEST := XLA_FLAGS="--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true \
  --xla_cpu_use_fusion_emitters=false" \
  JAX_COMPILATION_CACHE_DIR=$(CURDIR)/.pytest_cache/xla JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0 \
  JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES=-1 $(BIN)/python -m pytest -q

.PHONY: install demo test lint test-unit-jax test-unit-tensorflow test-integration test-lowest \
  test-torch test-distributed benchmark docs format

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

# Everything that runs on every change, in three processes. The first is the longest: the others are
# nice to it, and share the other one of two cores, so that both are busy to the end.
test: lint
	$(MAKE) --jobs=3 --output-sync=target test-unit-tensorflow test-unit-jax test-integration

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The unit tests once per backend, what needs no backend once.
test-unit-tensorflow: install
	KERAS_BACKEND=tensorflow $(PYTEST) tests

test-unit-jax: install
	KERAS_BACKEND=jax nice -n 5 env $(PYTEST) -m "not any_backend" tests

test-integration: install
	KERAS_BACKEND=jax nice -n 5 env $(PYTEST) integration_tests

# The oldest versions that pyproject.toml admits, in an environment of their own.
test-lowest:
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet --upgrade pip
	$(PYTHON) -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
	  o = p['optional-dependencies']; \
	  print('\n'.join(p['dependencies'] + o['jax'] + o['demo'] + o['dev']).replace('>=', '=='))" \
	  > .venv-lowest/requirements.txt
	.venv-lowest/bin/python -m pip install --quiet --requirement .venv-lowest/requirements.txt
	.venv-lowest/bin/python -m pip install --quiet --no-deps --editable .
	KERAS_BACKEND=jax .venv-lowest/bin/python -m pytest -q tests
	KERAS_BACKEND=tensorflow .venv-lowest/bin/python -m pytest -q tests

# The same numbers on every backend and device count, as one printed table: all rows, all losses.
# `make test` runs the rows that fit; torch's row is there where torch is installed.
test-distributed: install
	KERAS_BACKEND=jax $(PYTEST) -s --all_configurations integration_tests/same_numbers_test.py \
	  integration_tests/resume_test.py integration_tests/processes_test.py

# torch comes as the CPU build where the package index offers one.
test-torch: install
	$(BIN)/python -m pip install --quiet --editable ".[torch]"
	KERAS_BACKEND=torch $(PYTEST) tests

# All comparisons, as tables, numbers and pictures in benchmarks/results/: about an hour, on a
# machine that does nothing else. What is not installed is left out with a line that says so.
BENCHMARKS := step losses micro_batches growth import_time zero_shot retrieval tokenization \
  input_pipeline

benchmark: install
	$(BIN)/python -m pip install --quiet --editable ".[benchmark]"
	for name in $(BENCHMARKS); do KERAS_BACKEND=jax $(BIN)/python -m benchmarks.$$name || exit 1; done
	$(BIN)/python -m benchmarks.plots

# The pages that are generated.
docs: install
	$(BIN)/python -m keras_lit.presets.page

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
