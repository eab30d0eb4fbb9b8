# make demo: the README's recipe, planned, rendered and answered by the real engine on this machine.
# make test: everything that needs no cluster. Both install what they need.
# make test-cluster: what needs Kubernetes, which is built with Go once and runs as plain processes.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
ENGINE_VERSION := 0.32.0
# Byte code is what makes a start fast, and some machines switch it off for all.
unexport PYTHONDONTWRITEBYTECODE
# Certificates as the system has them, as pip does: many machines reach the index through a company's proxy.
export UV_SYSTEM_CERTS ?= true

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(BIN)/uv:
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found; install Python 3.11 or newer, or name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { echo "make: $(PYTHON) cannot make an environment; on Debian install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r locks/uv.lock

# A stamp a lock: what is installed is what the lock says, and nothing is asked again.
$(VENV)/run.stamp: locks/run.lock pyproject.toml | $(BIN)/uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r locks/run.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

$(VENV)/dev.stamp: locks/dev.lock $(VENV)/run.stamp
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r locks/dev.lock
	touch $@

.PHONY: help install dev engine demo test test-cluster cluster-packages cluster-verdicts cluster-engine cluster-nodes cluster-stories lint format typecheck unit truths integration acceptance soak benchmark lock clean
install: $(VENV)/run.stamp  ## the tool, in .venv, from the lock
	@$(BIN)/python -m compileall -q src

dev: $(VENV)/dev.stamp install  ## the tool with everything tests need

engine: install  ## the engine that runs without a GPU, in an environment of its own
	$(BIN)/shardwright engine install --version $(ENGINE_VERSION)

demo: engine  ## plan, render, rehearse the example; nothing is left running
	$(BIN)/python -m shardwright.cli.demo examples/llama-3-8b-two-nodes.yaml out/llama-3-8b

lint: dev  ## formatting, lint, layers
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/lint-imports

typecheck: dev  ## strict types
	$(BIN)/pyright

unit: dev  ## tests that need nothing
	$(BIN)/pytest tests/unit tests/contract tests/golden tests/structure

# Counting against the engine's own code computes on one core; so do types and unit tests.
TRUTHS := $(wildcard tests/integration/test_engine_[cw]*.py tests/integration/test_vllm_arguments.py)
truths: dev engine  ## what is planned against the engine's own classes, cache and parser
	$(BIN)/pytest $(TRUTHS)

integration: dev engine  ## tests with the real engine, root and emulated hosts
	$(BIN)/pytest tests/integration $(TRUTHS:%=--ignore=%) -m "not soak"

acceptance: dev engine  ## the commands as users run them, with the real engine
	$(BIN)/pytest tests/acceptance -m "not soak"

# Groups of processes wait more than they compute: the first two leave room for one that only computes.
test: lint engine  ## all of the above
	$(MAKE) --jobs=3 --output-sync=line --no-print-directory acceptance integration unit typecheck truths

test-cluster: dev  ## tests with a real Kubernetes; builds it the first time, with Go (half an hour)
	@$(BIN)/python -m shardwright.testing.cluster > /dev/null
	$(MAKE) --jobs=4 --output-sync=target --no-print-directory cluster-engine cluster-nodes cluster-stories cluster-verdicts

# What asks an API server alone computes; what waits for controllers and pods mostly waits: side by side.
CLUSTER_VERDICTS := $(addprefix tests/cluster/test_,manifests.py plain_kinds.py check.py check_many.py check_openshift.py \
  check_ways_in.py control_plane.py)
CLUSTER_ENGINE := tests/cluster/test_engine_story.py tests/cluster/test_kserve_story.py
CLUSTER_NODES := $(filter-out $(CLUSTER_ENGINE),$(shell grep -l 'clusters\.nodes' tests/cluster/test_*.py))
cluster-verdicts: dev  ## what an API server alone says: manifests of all targets and releases, checks
	$(BIN)/pytest $(CLUSTER_VERDICTS) -m "not soak"

cluster-engine: dev  ## the real engine on real nodes
	$(BIN)/pytest $(CLUSTER_ENGINE) -m "not soak"

cluster-nodes: dev  ## what else happens on real nodes
	$(BIN)/pytest $(CLUSTER_NODES) -m "not soak"

cluster-stories: dev  ## what controllers do, without nodes
	$(BIN)/pytest tests/cluster $(CLUSTER_VERDICTS:%=--ignore=%) $(CLUSTER_ENGINE:%=--ignore=%) $(CLUSTER_NODES:%=--ignore=%) -m "not soak"

cluster-packages:  ## what test-cluster's real nodes need, where this is Debian and you are root
	@if ! command -v apt-get > /dev/null || [ "$$(id -u)" != 0 ]; then echo "make: install $(CLUSTER_PACKAGES) for the tests with real nodes"; \
	elif [ "$$(dpkg-query --show --showformat '$${db:Status-Abbrev}\n' $(CLUSTER_PACKAGES) 2> /dev/null | grep -c ^ii)" != $(words $(CLUSTER_PACKAGES)) ]; then \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $(CLUSTER_PACKAGES); } > /dev/null; fi

soak: dev engine  ## the long counts
	$(BIN)/pytest tests/acceptance tests/cluster -m soak

benchmark: dev engine  ## cost of a start, a search, a render and a rehearsal; predicted speed against measured
	$(BIN)/python benchmarks/run.py --engine
	$(BIN)/python benchmarks/search.py
	$(BIN)/python benchmarks/render.py
	$(BIN)/python benchmarks/speed.py

format: dev  ## rewrite formatting
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks

# A version is taken in when it is a week old: most bad releases are withdrawn by then.
WEEK_AGO := $(shell date -u -d '7 days ago' +%Y-%m-%dT00:00:00Z)
LOCK := $(BIN)/uv pip compile --quiet --upgrade --exclude-newer $(WEEK_AGO) --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url
lock: dev  ## renew the locks
	echo "uv>=0.13" | $(LOCK) --output-file locks/uv.lock -
	$(LOCK) pyproject.toml --constraint locks/uv.lock --output-file locks/run.lock
	$(LOCK) pyproject.toml --group dev --constraint locks/run.lock --output-file locks/dev.lock

clean:  ## remove what make made here
	rm -rf $(VENV) out .pytest_cache .ruff_cache .hypothesis
