# make help lists what can be made. Everything runs in .venv, which is made from pyproject.toml first.
PYTHON   ?= python3
PROFILE  ?= quick
PIP_ARGS ?=
VENV     ?= .venv
BIN      := $(VENV)/bin
MADE     := $(VENV)/made-from-pyproject

.DEFAULT_GOAL := help
.PHONY: help env book test lint bench assignments

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

env: $(MADE) ## make .venv with everything in it (PYTHON=python3.12, PIP_ARGS='...')

book: env ## train, draw and build _build/html/index.html (PROFILE=quick|published|laptop|paper)
	$(BIN)/python -m lthlib.book.pages --profile $(PROFILE)

assignments: env ## what students get and what teachers keep, zipped too, in assignments/
	$(BIN)/python -m lthlib.book.coursework make

lint: env ## ruff: rules and layout; mypy: types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint ## lint, then the whole test suite
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

bench: env ## how fast training is here: ours, a conventional loop, bare products (minutes)
	$(BIN)/lth bench

$(MADE): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "lthlib needs Python 3.11 or newer and '$(PYTHON)' is not: make env PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check $(PIP_ARGS) -e '.[book,course,dask,test]'
	@touch $@
