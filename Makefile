# The commands of a developer; `make help` lists them. PYTHON is that of an environment with '.[test]' installed:
# .venv as the README makes it, where there is one.
PYTHON ?= $(if $(wildcard .venv/bin/python),.venv/bin/python,python3)

.PHONY: help check lint types imports test slow docs bench
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

check: lint types imports test  ## all of the next four: what has to pass before a commit

lint:  ## ruff: mistakes and layout
	$(PYTHON) -m ruff check pinnkan tests docs
	$(PYTHON) -m ruff format --check pinnkan tests docs

types:  ## mypy
	$(PYTHON) -m mypy

imports:  ## import-linter: imports point left only, no circles
	$(PYTHON) -c "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"

test:  ## the fast tests, about three minutes in two processes
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest --numprocesses=2 --dist=worksteal

slow:  ## the slow tests, about a quarter of an hour in two processes of one thread each
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest -m slow --numprocesses=2 --dist=worksteal --timeout=600

docs:  ## the documentation as a site, in site/; needs '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict

bench:  ## accuracy and time of every shipped problem anew, two minutes, and the README's table from it
	$(PYTHON) tests/benchmark/accuracy.py
	$(PYTHON) tests/benchmark/readme.py
