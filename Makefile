PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
# uv installs three times faster; anything else, or no uv to be had, means pip.
INSTALLER ?= uv
# Tests run in as many processes as there are cores, each with one thread.
WORKERS ?= auto
PYTEST_ARGS ?=
BIN := $(VENV)/bin
PY := $(BIN)/python
export OMP_NUM_THREADS ?= 2
export HF_HUB_OFFLINE ?= 1

.PHONY: help demo test bench lint docs links clean
help:  ## List the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

# The one set-up: a virtual environment of the project's own, with the pinned versions.
$(VENV)/.ready: pyproject.toml $(CONSTRAINTS)
	@echo "Setting up $(VENV) (a minute or two, once) ..."
	$(PYTHON) -m venv $(VENV)
	if [ "$(INSTALLER)" = uv ] && $(PY) -m pip install -q uv==0.13.9 \
	   && UV_FIND_LINKS="$$PIP_FIND_LINKS" $(BIN)/uv pip install -q --compile-bytecode \
	      --python $(PY) -c $(CONSTRAINTS) -e '.[dev]'; then :; \
	else $(PY) -m pip install -q -c $(CONSTRAINTS) -e '.[dev]'; fi
	touch $@

demo: $(VENV)/.ready  ## Train a small ImaGINator on moving shapes and show what it learned
	$(PY) -m examples.imaginator.demo

test: $(VENV)/.ready  ## Run the tests
	OMP_NUM_THREADS=1 $(PY) -m pytest -n $(WORKERS) --dist loadfile $(PYTEST_ARGS)

bench: $(VENV)/.ready  ## Measure the promised speed on this CPU, in under 10 minutes
	$(PY) benchmarks/bench.py

lint: $(VENV)/.ready  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# One thread, as in the tests: tutorials then train alike on every machine, and share it well.
docs: $(VENV)/.ready  ## Build the documentation into docs/_build/html
	OMP_NUM_THREADS=1 $(PY) -m sphinx -W --keep-going -q -b html docs docs/_build/html

links: $(VENV)/.ready  ## Follow the links of the documentation, where there is a network
	$(PY) -m sphinx -q -D plot_gallery=0 -b linkcheck docs docs/_build/links

clean:  ## Remove everything that the targets above made
	rm -rf $(VENV) runs docs/_build docs/gallery .mypy_cache .pytest_cache .ruff_cache .hypothesis
