# The course's commands; `make` alone lists them. Without make (Windows): see "Without make" in README.md.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WHAT_IT_IS := pyproject.toml constraints.txt

# Waiting OpenMP threads that spin make a training step six to ten times slower on a busy machine.
export OMP_WAIT_POLICY := PASSIVE

.DEFAULT_GOAL := help
.PHONY: help install story test slow bench lint clean

help: ## show this list
	@echo "make install   set up .venv with everything that the lessons need"
	@echo "make story     train the tiny model on the embedded corpus and hear three stories"
	@echo "make test      run the tests"
	@echo "make slow      run the tests that take longer than ten seconds each"
	@echo "make bench     compare speed and memory with other implementations"
	@echo "make lint      ruff, mypy and the order of the lessons"
	@echo "make clean     remove .venv and caches; trained models in runs/ stay"
	@echo
	@echo "Another Python: make install PYTHON=python3.12"

# Each set of packages is installed once, and again when what it is made from changes.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "Storyteller needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is not one: make install PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || { \
	  echo "$(PYTHON) has no venv module: install it (on Debian and Ubuntu: apt install python3-venv)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# `make story` needs only what the library itself imports, so the first story does not wait for Jupyter.
$(VENV)/.story: $(WHAT_IT_IS) | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[data]"
	@touch $@

$(VENV)/.lessons: $(WHAT_IT_IS) | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[lessons]"
	@touch $@ $(VENV)/.story

$(VENV)/.test: $(WHAT_IT_IS) | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[test]"
	@touch $@ $(VENV)/.story

$(VENV)/.lint: $(VENV)/.test
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt ruff mypy
	@touch $@

install: $(VENV)/.lessons

story: $(VENV)/.story
	$(BIN)/storyteller story

test: $(VENV)/.test
	$(BIN)/python -m pytest

slow: $(VENV)/.test
	$(BIN)/python -m pytest -m "slow and not gpu"

bench: $(VENV)/.test
	$(BIN)/python -m bench

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache shared/*.egg-info
	find shared tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
