# Everything a fresh machine with Python 3.11 needs; nothing is installed outside this folder, Debian's
# Chromium (for the browser tests) apart.
#
#   make          .venv with the package, and the web page      make demo    a server with real training runs on it
#   make check    format, lint, types, layers                   make test    all tests
#   make web      the web page alone                            make clean   remove everything that make brought
#   make lock     compile requirements/*.txt again; UPGRADE=1 takes the newest versions
#   make proto    compile src/kymograph/wire/*.proto again
#
# `make demo` takes PORT=8080, EXIT=1 (end by itself, status 0 if every run arrived complete), KEEP=1 (keep the
# data of the last demo). `make test` takes ARGS, for example `make test ARGS="tests/unit -k manifest"`.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.SUFFIXES:

# The first Python on the machine that is new enough and can make environments.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
MAKE_VENV = $(or $(PYTHON),$(error Python 3.11 or newer with the venv module is needed; set PYTHON=...)) tools/make_venv.py
BIN := .venv/bin
# For commands inside web/.
NODE = ../$(BIN)/python ../tools/with_node.py

# One newest, one of the 0.16-0.18 line, one that still sends the file stream from Python.
CLIENTS := 0.31.0 0.18.7 0.13.11
CLIENT_STAMPS := $(CLIENTS:%=.cache/clients/%/.made)
# What the file systems are tested with.
FILE_SYSTEM_STAMPS := .cache/fs-libraries/.made .cache/fs-oldest/.made
STATIC := src/kymograph/server/static/index.html
WEB_SOURCES := $(shell find web \( -name node_modules -o -name test-results -o -name playwright-report \) -prune -o -type f -print 2>/dev/null)

PORT ?= 8080
DEMO_FLAGS = --port $(PORT) $(if $(EXIT),--exit) $(if $(KEEP),--keep)
# More workers than the two cores of small machines: some tests wait for clients and servers more than they work.
PYTEST = $(BIN)/pytest -n 3 --dist loadfile

.PHONY: all venv web clients file-systems browser demo test check format lock proto settings-page clean
all: venv web
venv: .venv/.made
web: $(STATIC)
clients: $(CLIENT_STAMPS)
file-systems: $(FILE_SYSTEM_STAMPS)

.venv/.made: pyproject.toml requirements/dev.txt requirements/uv.txt tools/make_venv.py
	@echo "installing the Python packages of requirements/dev.txt into .venv"
	@$(MAKE_VENV) .venv requirements/dev.txt --editable .
	@touch $@

web/node_modules/.made: web/package.json web/package-lock.json | .venv/.made
	@echo "installing the Node packages of web/package-lock.json into web/node_modules"
	@cd web && $(NODE) npm ci --loglevel=error
	@touch $@

$(STATIC): $(WEB_SOURCES) web/node_modules/.made
	@echo "building the web page"
	@cd web && $(NODE) npm run --silent build -- --logLevel warn
	@touch $@

.cache/clients/%/.made: requirements/client-%.txt | .venv/.made
	@echo "installing the Python packages of $< into $(@D)"
	@$(MAKE_VENV) $(@D) $<
	@touch $@

.cache/demo-venv/.made: requirements/demo.txt | .venv/.made
	@echo "installing the Python packages of $< into $(@D)"
	@$(MAKE_VENV) $(@D) $<
	@touch $@

# The benches' peer, for `bench/*.py`; no other target needs it.
.cache/bench-mlflow/.made: requirements/bench-mlflow.txt | .venv/.made
	@echo "installing the Python packages of $< into $(@D)"
	@$(MAKE_VENV) $(@D) $<
	@touch $@

# The peers of `bench/log_overhead`.
.cache/bench-trackers/.made: requirements/bench-trackers.txt | .venv/.made
	@echo "installing the Python packages of $< into $(@D)"
	@$(MAKE_VENV) $(@D) $<
	@touch $@

.cache/fs-%/.made: requirements/fs-%.txt pyproject.toml | .venv/.made
	@echo "installing the Python packages of $< into $(@D)"
	@$(MAKE_VENV) $(@D) $< --editable .
	@touch $@

# Not a stamp: whether the browser is there is a question to the machine, and a quick one.
browser:
	@tools/chromium.sh

demo: all .cache/demo-venv/.made
	@$(BIN)/python demo/run.py $(DEMO_FLAGS)

test: all clients file-systems browser
	$(PYTEST) $(ARGS)

check: venv web/node_modules/.made
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/unit/test_layers.py
	cd web && $(NODE) npm run --silent check
	cd web && $(NODE) npm test --silent

format: venv web/node_modules/.made
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	cd web && $(NODE) npm run --silent format

# --universal: one file for all platforms and Python versions. Hashes of every wheel; no index address inside.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)
lock: venv
	$(COMPILE) pyproject.toml --all-extras --group dev --group test --output-file requirements/dev.txt
	@for source in requirements/*.in; do $(COMPILE) $$source --output-file $${source%.in}.txt || exit 1; done

proto: venv
	$(BIN)/python tools/compile_records.py

settings-page: venv
	PYTHONPATH=. $(BIN)/python tools/settings_page.py

clean:
	rm -rf .venv .cache web/node_modules src/kymograph/server/static .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
