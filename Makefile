# Everything works on a fresh clone with Python >= 3.11 (venv, pip) and make. `make help` lists the targets.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# Third-party packages come pinned, with hashes, from constraints.txt; the project itself is installed editable. The list
# is complete, so nothing is resolved: a resolver asks for the newest release of the day, and breaks on a later one.
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help venv demo test coverage test-all soak mutants fuzz check format bench diagrams reference pins clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(READY)  ## Make the environment in .venv (the other targets do it when they need it)

$(READY): constraints.txt pyproject.toml
	@echo "Making $(VENV) (about a minute, once) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "M3 needs Python 3.11 or later: make PYTHON=python3.13 ...")'
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --no-deps --require-hashes --requirement constraints.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@$(PIP) check
	@touch $@

demo: $(READY)  ## Hold a real conference on this machine and make demo.png
	@$(BIN)/m3 demo $(ARGS)

# Four at once on two cores: those that hold conferences wait a while.
test: $(READY)  ## Run all tests
	@$(BIN)/python -m pytest -n 4 --dist worksteal $(ARGS)

coverage: $(READY)  ## Run all tests, and measure the branch coverage of m3core
	@$(MAKE) test ARGS="--cov --cov-report=term $(ARGS)"

test-all:  ## Run all tests on every supported Python that this machine has (PATH, pyenv)
	@set -e; found=$$($(PYTHON) tests/pythons.py); echo "$$found" | while read version python; do \
	    echo "== Python $$version"; $(MAKE) PYTHON="$$python" VENV=".venv-$$version" test </dev/null; done

soak: $(READY)  ## Run what is long all the way (`make test` goes a part of it)
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m "hypothesis or soak" --hypothesis-profile soak $(ARGS)

mutants: $(READY)  ## Plant faults in the source, one by one, and see that the tests notice each
	@$(BIN)/python tests/mutants/kill.py $(ARGS)

$(VENV)/.fuzz-ready: tests/fuzz/constraints.txt | $(READY)
	@$(PIP) install --no-deps --require-hashes --only-binary :all: --requirement tests/fuzz/constraints.txt
	@touch $@

fuzz: $(VENV)/.fuzz-ready  ## Feed what reads a peer's bytes with changed inputs, until Ctrl-C (Linux)
	@$(BIN)/python tests/fuzz/fuzz.py $(ARGS)

check: $(READY)  ## Run ruff, mypy and the import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(READY)  ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY)  ## Compare what must be fast with its peers, and waits under attacks with idle
	@$(BIN)/python -m benchmarks $(ARGS)

diagrams: $(READY)  ## Draw the state diagrams of docs/ from the tables
	@$(BIN)/python docs/diagrams.py

reference: $(READY)  ## Write docs/reference/ from the message classes
	@$(BIN)/python docs/reference.py

pins: $(READY)  ## Choose new versions for constraints.txt
	@$(PIP) install uv
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --extra dev \
	    --no-emit-index-url --no-header --no-annotate --upgrade pyproject.toml --output-file constraints.txt
	@echo 'atheris>=3,<3.1; sys_platform == "linux" and python_version < "3.14"' | $(BIN)/uv pip compile --quiet --universal \
	    --generate-hashes --python-version 3.11 --no-emit-index-url --no-header --no-annotate --upgrade - \
	    --output-file tests/fuzz/constraints.txt

clean:  ## Remove the environment and what tools left behind
	rm -rf .venv .venv-* .fuzz .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage demo.png
