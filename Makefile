# The way in. `make demo` and `make test` do all the set-up that they need; see CONTRIBUTING.md.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.setup-done
UV_LOCKED := $(shell sed -n '/^name = "uv"$$/{n;s/^version = "\(.*\)"$$/\1/p;}' uv.lock)
PROJECTS := pyproject.toml uv.lock $(wildcard packaging/*/pyproject.toml envs/*/pyproject.toml)
PYTEST_ARGS ?=
# Tests wait for programs that they start: one more at a time than there are processors.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')

export UV_PYTHON_DOWNLOADS := never
# An activated environment of another project must not be mistaken for ours.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME

.DEFAULT_GOAL := help
.PHONY: help setup demo test lengthy coverage lint format interop conformance docs catalogue tutorial docker-engine test-docker browser test-browser image slow reliability lowest build bench guard clean

help:  ## Show this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "make %-13s %s\n", $$1, $$2}'

setup: $(SETUP)  ## Make .venv with the locked dependencies, OpenEnv and the echo environment
	@echo "$(VENV) is ready"

demo: $(SETUP)  ## Use the echo environment in every way there is
	@$(BIN)/openenv demo

test: $(SETUP)  ## Run the quick tests
	@$(BIN)/pytest -q -rs -n $(WORKERS) $(PYTEST_ARGS)

lengthy: $(SETUP)  ## Run the tests that start whole programs, install them, or repeat themselves for seconds
	@$(BIN)/pytest -q -n $(WORKERS) -m "lengthy and not slow and not docker" $(PYTEST_ARGS)

coverage: $(SETUP)  ## Run both of these, and report branch coverage
	@$(BIN)/pytest -q -n $(WORKERS) -m "not slow and not interop" --cov --cov-report=term $(PYTEST_ARGS)

slow: $(SETUP)  ## Run the tests that take long, such as measuring a fresh installation
	@$(BIN)/pytest -q -m slow --ignore=tests/reliability $(PYTEST_ARGS)

reliability: export OPENENV_RELIABILITY_REPORT := docs/reliability.md
reliability: export OPENENV_RELIABILITY_PLOT := docs/reliability-memory.svg
reliability: $(SETUP)  ## Break connections, servers and processes for a quarter of an hour, and write down what came of it
	@$(BIN)/pytest -q -s -m slow tests/reliability $(PYTEST_ARGS)

interop: $(SETUP)  ## Run our client and server against those of openenv 0.10.0
	@$(BIN)/pytest -q -m interop tests/interop $(PYTEST_ARGS)

conformance: $(SETUP)  ## Run MCP's conformance suite, which comes from npm, and write down what came of it
	@$(BIN)/python -m scripts.mcp_conformance

docs: export NO_MKDOCS_2_WARNING := 1
docs: $(SETUP)  ## Build the documentation into site/
	@$(BIN)/python -m mkdocs build --quiet --strict
	@$(BIN)/python -m scripts.check_site

# Frames are drawn without a screen.
catalogue: export SDL_VIDEODRIVER := dummy
catalogue: export SDL_AUDIODRIVER := dummy
catalogue: $(SETUP)  ## Play the environments (ENV=echo_env: one of them), and write docs/environments.md
	@$(BIN)/python -m scripts.catalogue $(ENV)

tutorial: $(SETUP)  ## Run the tutorial's notebook, and write what it shows into it
	@$(BIN)/python -m scripts.tutorial

docker-engine: $(SETUP)  ## Have a Docker engine that answers, and a Python image in it
	@$(BIN)/python -m scripts.docker_engine

test-docker: export OPENENV_REQUIRE_DOCKER := 1
test-docker: docker-engine  ## Run the tests that need a Docker engine
	@$(BIN)/pytest -q -n auto -m docker $(PYTEST_ARGS)

browser: $(SETUP)  ## Have a Chromium that the browser environment can drive
	@$(BIN)/python -m scripts.chromium

test-browser: export OPENENV_REQUIRE_BROWSER := 1
test-browser: browser  ## Run the tests that need Chromium
	@$(BIN)/pytest -q -m "browser and not docker" tests/envs tests/docs $(PYTEST_ARGS)

image: docker-engine  ## Build the image of an environment (ENV=echo_env) with this checkout in it
	@$(BIN)/python -m scripts.build_image envs/$(or $(ENV),echo_env) $(if $(EXTRA),--extra $(EXTRA))

.PHONY: environments
environments: docker-engine  ## Check, start and build every environment, and write down what came of it
	@$(BIN)/python -m scripts.environment_report

lowest: $(SETUP)  ## Run the quick tests with the oldest dependencies allowed
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .lowest
	@$(BIN)/uv pip install --quiet --python .lowest --resolution lowest-direct -e .
	@$(BIN)/uv pip install --quiet --python .lowest --group dev -e packaging/openenv $(addprefix -e ,$(wildcard envs/*))
	@.lowest/bin/pytest -q -n auto -W ignore::pytest.PytestRemovedIn10Warning $(PYTEST_ARGS)

bench: $(SETUP)  ## Measure against openenv 0.10.0 and write it down (QUICK=1 and BENCH=one only tell; WRITE=1)
	@$(BIN)/python -m benchmarks $(BENCH) $(if $(QUICK),--quick) $(if $(WRITE)$(if $(QUICK)$(BENCH),,all),--write)

guard: $(SETUP)  ## Make sure that a step of the server needs no more instructions than it used to
	@$(BIN)/python -m benchmarks.guard

lint: $(SETUP)  ## Check style, formatting and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(SETUP)  ## Put the code in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

build: $(SETUP)  ## Build every distribution into dist/
	@$(BIN)/uv build --quiet --all-packages --out-dir dist

clean:  ## Remove everything that these commands made
	rm -rf $(VENV) site .peer .bench .lowest dist build envs/*/build envs/*/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis htmlcov .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	  || { echo "OpenEnv needs Python 3.10 or newer: make PYTHON=/path/to/python3 ..." >&2; exit 1; }
	@echo "Making $(VENV)"
	@$(PYTHON) -m venv $(VENV) \
	  || { rm -rf $(VENV); echo "Python's venv module is missing (on Debian: apt install python3-venv)" >&2; exit 1; }

$(SETUP): $(PROJECTS) | $(BIN)/python
	@echo "Installing the locked dependencies into $(VENV)"
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_LOCKED)
	@$(BIN)/uv sync --quiet --frozen --all-packages --python $(BIN)/python
	@touch $@
