# Every target does its own set-up: .venv is made when it is missing and brought up to date when it is older than the lock.
# Settings on the command line: CORES=8  CONFIG=config/local-text.yaml  ARGS="--keep-going"  PYTHON=/path/to/python3.11
# CONFIG may be several files, laid over each other in this order, or one whose name has spaces.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

PYTHON ?= $(shell command -v python3.11 || command -v python3)
CORES ?= $(shell nproc)
CONFIG ?=
ARGS ?=

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

INSTALLED := .venv/.installed
SPACE := $(subst ,, )
FILES := $(if $(wildcard $(subst $(SPACE),\ ,$(CONFIG))),'$(CONFIG)',$(CONFIG))
CONFIGFILE := $(if $(CONFIG),--configfile $(FILES))
# What a config says is asked of its own reader, never read here.
RESULTS := .venv/bin/python workflow_scripts/results.py
SNAKEMAKE := .venv/bin/snakemake $(CONFIGFILE) --cores $(CORES)

.PHONY: help setup reproduce figures report plan scale smoke test bench lint format lock clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED)  ## create .venv with the exact versions of requirements.lock

$(INSTALLED): requirements.lock
	@test -n "$(PYTHON)" || { echo "no python3 found: install Python 3.11, or say make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "$(PYTHON) is no Python 3.11 or newer: say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "setting up .venv: $$(grep -c == requirements.lock) packages (torch alone is about 200 MB)"
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --no-input -r requirements.lock
	.venv/bin/python -m pip install --quiet --no-input --no-deps --no-build-isolation --editable .
	@touch $@

reproduce: $(INSTALLED)  ## run the whole workflow, make the report, print the main findings
	$(SNAKEMAKE) $(ARGS) -- all report
	@$(RESULTS) findings $(CONFIGFILE) $(ARGS)

figures: $(INSTALLED)  ## bring every figure up to date
	$(SNAKEMAKE) $(ARGS) -- figures

report: $(INSTALLED)  ## gather captions, figures and the rule graph into report.html
	$(SNAKEMAKE) $(ARGS) -- report

plan: $(INSTALLED)  ## tell jobs, hours, disk and memory of a run without running it: make plan CONFIG=config/llama2-7b.yaml
	@.venv/bin/python workflow_scripts/plan.py $(CONFIGFILE) $(ARGS)

scale: $(INSTALLED)  ## bring the plans in docs/scale.md up to date (a minute)
	@.venv/bin/python workflow_scripts/plan.py --write docs/scale.md

smoke: $(INSTALLED)  ## run the main line from text to report on a very small configuration (a minute)
	@$(MAKE) --no-print-directory reproduce CONFIG=config/smoke.yaml

# A file stays in one process, and the files come in their order: the whole runs of tests/workflow begin first.
test: $(INSTALLED)  ## run all tests, on two cores
	.venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

bench: $(INSTALLED)  ## measure speed and memory beside a baseline, write resources/throughput.csv, growth.csv (seven minutes on an idle machine)
	.venv/bin/python -m pytest tests/benchmarks $(ARGS)

lint: $(INSTALLED)  ## check formatting and style, change nothing
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/snakefmt --check Snakefile rules
	.venv/bin/snakemake --lint

format: $(INSTALLED)  ## format the code
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .
	.venv/bin/snakefmt Snakefile rules

# Local version labels (+cpu) are dropped: the same lock then serves machines with and without a GPU.
lock: $(INSTALLED)  ## write requirements.lock from what is installed in .venv
	@{ echo "# Exact versions of every package, direct and transitive (Python 3.11). Written by \`make lock\`; do not edit."; \
	   .venv/bin/python -m pip freeze --all --exclude pip --exclude-editable | grep '==' | sed 's/+[a-z0-9.]*$$//' | LC_ALL=C sort -f; \
	} > requirements.lock.new
	@mv requirements.lock.new requirements.lock
	@touch $(INSTALLED)
	@echo "requirements.lock: $$(grep -c == requirements.lock) packages; review it with git diff, then run make test"

clean: $(INSTALLED)  ## remove every product, log and benchmark of a config (asks nothing; the environment stays)
	@$(RESULTS) clean $(CONFIGFILE) $(ARGS)
