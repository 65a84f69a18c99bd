# Everything a person or a machine does with this project. `make` prints what there is.
# A fresh machine needs Java 17, Python 3.11 and make; every target sets up what else it needs, once.

SHELL         := /bin/bash
.SHELLFLAGS   := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS     += --no-print-directory

VENV   := .venv
BIN    := $(VENV)/bin
APART  := .environments
ENVIRONMENTS := $(patsubst tests/environments/%.lock,$(APART)/%/.ready,$(wildcard tests/environments/*.lock))
JARS   := $(or $(ONEUSER_JARS),.jars)
EVENTS ?= 10000
ARGS   ?=
# Test processes at once: one more than cores, since each waits now and then. Each of Spark's takes some 3 GB.
JOBS   ?= 3

# What pytest and oneuser see of this file.
export ONEUSER_JARS ?= $(CURDIR)/.jars
export PYTHONDONTWRITEBYTECODE := 1

##@ Start

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## "; printf "Usage: make TARGET [EVENTS=n] [ARGS=\"...\"]\n" } \
	     /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	     /^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: java $(VENV)/.ready $(JARS)/.ready $(JARS)/.archived ## Make .venv from the lock file, fetch the JARs, once

.PHONY: environments
environments: $(ENVIRONMENTS) $(JARS)/s3/.ready ## Make what tests need apart from .venv, such as Airflow, once

# A first demo does not wait for the archive of classes: it is made while somebody reads the report.
.PHONY: demo
demo: java $(VENV)/.ready $(JARS)/.ready ## Generate EVENTS events (default 10000) and run the whole job on them
	@$(BIN)/oneuser demo --events $(EVENTS) $(ARGS)
	@if [ ! -e "$(JARS)/.archived" ]; then \
	    echo "In the background, for a minute: archiving Java's classes, which makes later starts quicker."; \
	    nohup nice $(MAKE) JARS="$(JARS)" "$(JARS)/.archived" > /dev/null 2>&1 & \
	fi

.PHONY: notebooks
notebooks: setup ## Write notebooks/*.ipynb of the sources beside them, to be opened in Jupyter or an editor
	@$(BIN)/python -m tests.notebooks

.PHONY: doctor
doctor: setup ## Say what is here: Java, Spark, Delta, GraphFrames, memory
	@$(BIN)/oneuser doctor $(ARGS)

##@ Check

.PHONY: test
test: check environments ## All checks, then all tests but those of soak (ARGS go to pytest, which then runs once)
ifeq ($(strip $(ARGS)),)
	$(BIN)/python -m pytest -n $(JOBS) tests/unit
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -p no:randomly \
	    tests/integration tests/spark
else
	$(BIN)/python -m pytest $(ARGS)
endif

.PHONY: check
check: lint type rules ## Format, lint, types, import rules and architecture tests

.PHONY: lint
lint: setup ## Format check and lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

.PHONY: type
type: setup ## Strict types of lib, jobs and notebooks; DAGs by the oldest Python that Airflow runs on
	$(BIN)/mypy
	$(BIN)/mypy --python-version 3.10 jobs/airflow

.PHONY: rules
rules: setup ## Import rules, purity, dependencies: tests/architecture; what is long, as advice
	$(BIN)/python -m pytest -q tests/architecture
	@$(BIN)/python -m tests.architecture.advice

.PHONY: fmt
fmt: setup ## Format the code and apply the safe fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only .

.PHONY: soak
soak: setup environments ## What is too long for `make test`: every kill point, large inputs, frames planned as for many rows
	ONEUSER_TEST_PLANS=many_rows $(BIN)/python -m pytest -n $(JOBS) tests/spark
	$(BIN)/python -m pytest -m soak $(ARGS)

# What benchmarks are told of the sizes: EVENTS= where somebody says it.
SIZES = $(if $(filter file,$(origin EVENTS)),,--events $(EVENTS))

.PHONY: bench
bench: setup ## First runs beside a plain script and the floor: 10 k and 1 M events, or EVENTS=
	$(BIN)/python -m tests.bench.first_runs $(SIZES) $(ARGS)

.PHONY: bench-days
bench-days: setup ## What a day costs after 100 k and 1 M events, or EVENTS=
	$(BIN)/python -m tests.bench.days $(SIZES) $(ARGS)

.PHONY: bench-long-day
bench-long-day: setup ## What a day costs after 10 M events: an hour and more
	$(BIN)/python -m tests.bench.days --name long-day --events 10000000 --timeout 21600 $(ARGS)

.PHONY: bench-hundred-days
bench-hundred-days: setup ## A hundred daily runs of 50 k events, or EVENTS=: hours; goes on where it stopped
	$(BIN)/python -m tests.bench.hundred_days $(SIZES) $(ARGS)

.PHONY: bench-growth
bench-growth: setup ## How first runs grow from 1 M over 3 M to 10 M events, or EVENTS="n n n"
	$(BIN)/python -m tests.bench.growth $(SIZES) $(ARGS)

.PHONY: bench-components
bench-components: setup ## Engines of connected components beside one thread of SciPy: 12.5 M edges
	$(BIN)/python -m tests.bench.components $(ARGS)

.PHONY: bench-attribution
bench-attribution: setup ## All models on 1 M touches, or EVENTS=, beside DuckDB's rule models; restating 1 % of people
	$(BIN)/python -m tests.bench.attribution $(SIZES) $(ARGS)

.PHONY: bench-erasures
bench-erasures: setup ## One person and many erased after 100 k events, or EVENTS=, beside a day and a first run
	$(BIN)/python -m tests.bench.erasures $(SIZES) $(ARGS)

.PHONY: bench-executors
bench-executors: setup ## A first run of 300 k events, or EVENTS=, on 1, 2 and 4 small executors
	$(BIN)/python -m tests.bench.executors $(SIZES) $(ARGS)

.PHONY: bench-all
bench-all: bench bench-days bench-growth bench-long-day bench-components bench-executors bench-erasures bench-hundred-days bench-table ## All of it: a night

.PHONY: bench-table
bench-table: setup ## The table of the results that there are, for the README
	@$(BIN)/python -m tests.bench.summary $(ARGS)

##@ Ship

.PHONY: dist
dist: setup ## Wheel, and the zip for spark-submit --py-files, into dist/
	@rm -rf dist
	$(BIN)/python -m hatchling build -t wheel -d dist
	@cp dist/oneuser-*.whl dist/oneuser.zip # a wheel is a zip with oneuser/ at its root
	@ls -l dist

.PHONY: build
build: dist ## Same as dist

COMPILE = $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
    --generate-hashes --no-annotate --no-header --no-emit-index-url

.PHONY: lock
lock: setup ## Pin the newest versions that pyproject.toml and tests/environments/*.in allow, with hashes
	$(COMPILE) pyproject.toml --all-extras --output-file requirements.lock
	for wanted in tests/environments/*.in; do $(COMPILE) "$$wanted" --output-file "$${wanted%.in}.lock"; done

.PHONY: clean
clean: ## Remove everything that make has made here
	rm -rf $(VENV) $(APART) .jars .bench build dist warehouse demo spark-warehouse metastore_db derby.log artifacts
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up -----------------------------------------------------------------------------------------------------------

# Ahead of everything else: without Java the rest of the set-up would be minutes for nothing.
.PHONY: java
java:
	@java="$${JAVA_HOME:+$$JAVA_HOME/bin/}java"; \
	major=$$({ "$$java" -version 2>&1 || true; } | sed -nE 's/.* version "(1\.)?([0-9]+).*/\2/p' | head -n 1); \
	if [ -z "$$major" ]; then \
	    echo "oneuser needs Java 17 or newer, and '$$java' does not run: install it, or set JAVA_HOME." >&2; exit 5; \
	elif [ "$$major" -lt 17 ]; then \
	    echo "oneuser needs Java 17 or newer, and '$$java' is Java $$major: install a newer one, or set JAVA_HOME." >&2; exit 5; \
	fi

# What is made when it is not there, or older than what it is made of.
$(VENV)/.ready: requirements.lock
$(ENVIRONMENTS): $(APART)/%/.ready: tests/environments/%.lock | $(VENV)/.ready
$(JARS)/.ready: $(VENV)/.ready lib/oneuser/spark/jars.py
$(JARS)/s3/.ready $(JARS)/.archived: $(JARS)/.ready

PYTHONS = $(PYTHON) python3 python3.13 python3.12 python3.11

ifndef IS_ALONE

# By one make at a time in this folder, since two may be at work, such as the one that `demo` leaves in the background.
# One that has waited looks again at what there is. The kernel lets go of the lock however its holder ends.
define ONE_AT_A_TIME
import fcntl, os, sys
folder = os.open(".", os.O_RDONLY)
try:
    fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("Waiting for another make that is setting up here.", flush=True)
    fcntl.flock(folder, fcntl.LOCK_EX)
os.set_inheritable(folder, True)
os.execvp(sys.argv[1], sys.argv[1:])
endef
export ONE_AT_A_TIME

$(VENV)/.ready $(ENVIRONMENTS) $(JARS)/.ready $(JARS)/s3/.ready $(JARS)/.archived:
	@for python in $(PYTHONS); do \
	    if "$$python" -c 'import fcntl' 2>/dev/null; then exec "$$python" -c "$$ONE_AT_A_TIME" $(MAKE) --silent IS_ALONE=1 JARS="$(JARS)" "$@"; fi; \
	done; \
	echo "oneuser needs Python 3.11 or newer: install it, or set PYTHON=." >&2; exit 5

else

# uv takes less than half of pip's time. It knows nothing of how pip is configured but what is said here, and trusts what
# the machine trusts; where that is not enough, pip does it.
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
UV  = UV_CACHE_DIR=$(VENV)/.cache UV_SYSTEM_CERTS=true \
      UV_DEFAULT_INDEX="$$($(BIN)/pip config list | sed -nE "s/.*\.index-url='(.*)'/\1/p" | head -n 1)" \
      $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes --python

$(VENV)/.ready:
	@python=; \
	for name in $(PYTHONS); do \
	    if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$name; break; fi; \
	done; \
	if [ -z "$$python" ]; then echo "oneuser needs Python 3.11 or newer: install it, or set PYTHON=." >&2; exit 5; fi; \
	if [ ! -x $(BIN)/pip ]; then \
	    echo "Setting up $(VENV): a minute or two, once."; \
	    "$$python" -m venv --clear $(VENV) || { \
	        echo "Python's venv module is incomplete: on Debian and Ubuntu, install python3-venv." >&2; exit 5; }; \
	else \
	    echo "Bringing $(VENV) up to date with the lock file."; \
	fi
	@$(PIP) -r <(awk '/^uv==/, !/\\$$/' requirements.lock)
	@$(UV) $(BIN)/python -r requirements.lock || $(PIP) -r requirements.lock
	@rm -rf $(VENV)/.cache
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Without the network once, tests that need an environment are skipped, and say so; under CI they fail.
$(ENVIRONMENTS): $(APART)/%/.ready: tests/environments/%.lock
	@echo "Making $(APART)/$*, in which tests run what may not meet oneuser: half a minute, once."
	@rm -rf $(APART)/$*
	@$(BIN)/python -m venv --without-pip $(APART)/$*
	@if $(UV) $(APART)/$* -r $< || PIP_PYTHON=$(APART)/$* $(PIP) --retries 1 --timeout 15 -r $<; then \
	    rm -rf $(VENV)/.cache; touch $@; \
	else \
	    echo "$(APART)/$* could not be made: its tests will be skipped, or fail under CI." >&2; \
	fi

$(JARS)/.ready:
	@echo "Fetching Delta's JARs into $(JARS), once."
	@$(BIN)/python -m oneuser.spark.jars "$(JARS)"
	@touch $@ 2>/dev/null || true # the folder may be somebody else's, read-only

# For tests of s3a://, which are skipped without them, and say so.
$(JARS)/s3/.ready:
	@if $(BIN)/python -m oneuser.spark.jars "$(JARS)" --with s3; then \
	    touch $@ 2>/dev/null || true; \
	else \
	    echo "The JARs for s3a:// could not be fetched: their tests will be skipped, or fail under CI." >&2; \
	fi

# Java's classes as a small run loads them: every later start is some seconds quicker.
$(JARS)/.archived:
	@echo "Archiving Java's classes in $(JARS): a minute, once."
	@$(BIN)/python -m oneuser.spark.quick_start
	@touch $@ 2>/dev/null || true

endif
