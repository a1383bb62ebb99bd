# Everything that a person or a server runs. It needs Python 3.11 to 3.13 and make; the rest goes into .venv.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
# Where PyTorch's CPU wheels are, for Linux, whose wheel on PyPI brings CUDA; TORCH_INDEX= does without.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
TORCH := torch==$(shell sed -n 's/^torch==//p' constraints.txt)

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
READY := .venv/ready
READY_DOCS := .venv/ready-docs
DEMO := build/demo

.PHONY: help demo test lint bench docs clean distclean
.DELETE_ON_ERROR:

help:
	@echo "make demo    install, fit 1,797 handwritten digits, print the result and where the report is"
	@echo "make test    run the tests and the examples in the docstrings"
	@echo "make lint    ruff, mypy and the floors of the architecture"
	@echo "make bench   run the benchmarks and print their figures"
	@echo "make docs    build the documentation into build/docs"
	@echo "make clean   remove what was built; make distclean removes .venv too"

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "mixtura needs Python 3.11, 3.12 or 3.13; name one: make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv .venv
ifeq ($(shell uname -s),Linux)
	@echo "installing $(TORCH), CPU build"
	@$(PIP) install --quiet --no-deps '$(TORCH)+cpu' 2>/dev/null || $(PIP) install --no-deps \
		$(if $(TORCH_INDEX),--retries 1 --timeout 15 --extra-index-url $(TORCH_INDEX)) '$(TORCH)'
endif
	$(PIP) install --quiet --constraint constraints.txt --editable '.[test,lint]'
	@touch $@

$(READY_DOCS): $(READY)
	$(PIP) install --quiet --constraint constraints.txt --editable '.[docs]'
	@touch $@

demo: $(READY)
	@$(BIN)/python examples/digits_file.py $(DEMO)/digits.npz
	$(BIN)/mixtura fit $(DEMO)/digits.npz --array images --labels target --components 10 --seed 0 --out $(DEMO)/run --force
	@echo "The report: $(CURDIR)/$(DEMO)/run/report.html"

# One worker a core and one thread a worker: two pools of threads on the same cores only wait for each other.
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	@set -e; for program in benchmarks/[a-z]*.py; do echo "== $$program"; $(BIN)/python $$program; done

docs: $(READY_DOCS)
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --builder html docs build/docs
	@echo "The documentation: $(CURDIR)/build/docs/index.html"

clean:
	rm -rf build dist .import_linter_cache .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find src tests examples benchmarks docs -type d -name __pycache__ -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv
