# The course's commands; `make` alone lists them. Without make (Windows): see docs/setup.md.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WHAT_IT_IS := pyproject.toml constraints.txt

# Tests run side by side, one process for each core and four at most: each has PyTorch in its memory. A test that ends
# its process ends the run: with another process in its place, pytest-xdist 3.8 waits for ever for tests that are done.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadgroup --max-worker-restart 0

# Waiting OpenMP threads that spin make a training step six to ten times slower on a busy machine.
export OMP_WAIT_POLICY := PASSIVE

# A virtual environment keeps the Python that it was made with; another one wants an environment of its own.
ifeq ($(origin PYTHON),command line)
version = $(shell $(1) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
ifneq ($(wildcard $(BIN)/python),)
ifneq ($(call version,$(BIN)/python),$(call version,$(PYTHON)))
$(error $(VENV) has Python $(call version,$(BIN)/python), and $(PYTHON) is another: add VENV=$(VENV)-other, or run make clean first)
endif
endif
endif

.DEFAULT_GOAL := help
.PHONY: help install lab story lessons test slow notebooks-test browser bench bench-gpu census site slides lint address clean

help: ## show this list
	@echo "make install          set up .venv with everything that the lessons need"
	@echo "make lab              open the lessons in JupyterLab, in a folder of your own"
	@echo "make story            train the tiny model on the embedded corpus and hear three stories"
	@echo "make lessons          build the notebooks from their sources; make lessons LESSON=01 for one"
	@echo "make test             run the tests"
	@echo "make slow             run the tests that take longer than ten seconds each"
	@echo "make notebooks-test   run every solution from top to bottom, offline, and compare its outputs"
	@echo "make browser          run the tests that open JupyterLab and the website in Chromium"
	@echo "make bench            compare speed and memory with other implementations"
	@echo "make bench-gpu        measure a training step on a GPU, beside transformers"
	@echo "make census           count what the code is like to read: files, helpers, ways of calls, longest functions"
	@echo "make site             build the course's website into build/site/html"
	@echo "make slides LESSON=01 make a lesson's slides, to show or to print"
	@echo "make lint             ruff, mypy and the order of the lessons"
	@echo "make address          set the repository's address: links and badges that open the lessons elsewhere"
	@echo "make clean            remove .venv and caches; trained models in runs/ and your lessons stay"
	@echo
	@echo "Another Python: make install PYTHON=python3.12; beside .venv: make test PYTHON=python3.13 VENV=.venv-3.13"

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
	@touch $@ $(VENV)/.story $(VENV)/.lessons

$(VENV)/.browser: $(VENV)/.test
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[browser]"
	@touch $@

$(VENV)/.site: $(WHAT_IT_IS) | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[lessons,site]"
	@touch $@ $(VENV)/.story $(VENV)/.lessons

$(VENV)/.lint: $(VENV)/.test
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt ruff mypy
	@touch $@

install: $(VENV)/.lessons

lab: $(VENV)/.lessons
	$(BIN)/storyteller lab

story: $(VENV)/.story
	$(BIN)/storyteller story

lessons: $(VENV)/.test
	$(BIN)/storyteller-grade build $(LESSON)

test: $(VENV)/.test
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

slow: $(VENV)/.test
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -rs -m "slow and not gpu and not browser"

notebooks-test: $(VENV)/.test
	$(BIN)/storyteller-grade build --check

browser: $(VENV)/.browser
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -rs -m browser tests/browser

bench: $(VENV)/.test
	$(BIN)/python -m bench

bench-gpu: $(VENV)/.test
	$(BIN)/python -m bench.gpu

census: $(VENV)/.test
	$(BIN)/python -m bench.census

site: $(VENV)/.site
	$(BIN)/python -m website

slides: $(VENV)/.site
	$(BIN)/python -m website --slides $(or $(LESSON),$(error make slides LESSON=01 names the lesson))

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Asked for once, and kept in pyproject.toml; without one there are no badges.
address: $(VENV)/.test
	@address="$(ADDRESS)"; if [ -z "$$address" ]; then \
	  printf 'The repository, such as https://github.com/OWNER/NAME (nothing for none): '; read -r address; fi; \
	$(BIN)/storyteller-grade address "$$address"

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache shared/*.egg-info *.egg-info
	find shared course grading lessons tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
