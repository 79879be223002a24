# Every target works on a fresh clone: those that need the virtual environment make it first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STACK ?= dev
READY := $(VENV)/.ready
# Says what is missing before anything is built; a stack of that name is made where there is none, but never in CI.
PULUMI = @command -v pulumi >/dev/null || { echo "The Pulumi CLI is needed: https://www.pulumi.com/docs/install/ (make local works without it)"; exit 1; }; pulumi stack select $(if $(CI),,--create) $(STACK)
# Whatever the caller's environment says, Python keeps what it compiles: the processes that tests start import much.
export PYTHONDONTWRITEBYTECODE :=
PARALLEL := --numprocesses logical --dist loadfile --no-loadscope-reorder
# mlops_core and its modules, as Python names them.
MODULES = $(subst /,.,$(patsubst %/__init__,%,$(basename $(shell find mlops_core -name '*.py' | sort))))
BENCH := build/envs/bench
DOCS := build/envs/docs
LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --quiet

.DEFAULT_GOAL := help
.PHONY: help setup local test verify long emulated lint format bench notebooks docs preview plan up cost lock sizes clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make .venv from the hashed lock

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "This Python cannot make virtual environments; on Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Setting up $(VENV) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@awk '/^uv==/{keep=1} keep{print} keep && !/\\$$/{exit}' requirements.txt > $(VENV)/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@printf '#!/bin/sh\nexec "$$(dirname "$$0")/python" -P -m ops "$$@"\n' > $(BIN)/mlops && chmod +x $(BIN)/mlops
	@touch $@

local: $(READY) ## Run the whole platform on this machine; KEEP=1 leaves it up
	$(BIN)/python -m infra.local $(if $(filter-out 0,$(KEEP)),--keep)

lint: $(READY) ## ruff (style, imports, security), a strict type check, and one of calls and names in tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/basedpyright --project tests

format: $(READY) ## Apply ruff's fixes and formatting
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: $(READY) ## The tests of everyday work
	$(BIN)/pytest $(PARALLEL) -m "not verify and not emulator"

verify: long emulated ## The tests that take long: histories, mutants, fuzzing, notebooks, the browser, the whole emulator

long: $(READY) ## The long tests that need no emulator
	$(BIN)/pytest $(PARALLEL) -m "verify and not emulator"

emulated: $(READY) ## The whole stack on the embedded emulator
	$(BIN)/pytest tests/emulator

bench: $(BENCH)/.ready ## Measure against peers, to build/bench.json (BENCH_OPTIONS="--sizes 1e5 --rounds 1" for a quick look)
	$(BENCH)/bin/python -m benchmarks $(BENCH_OPTIONS)
	$(BIN)/python -m benchmarks.inference

$(BENCH)/.ready: locks/bench.txt $(READY)
	@echo "Setting up $(BENCH) ..."
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(BENCH)
	@$(BIN)/uv pip sync --quiet --python $(BENCH)/bin/python --require-hashes locks/bench.txt
	@$(BIN)/uv pip install --quiet --python $(BENCH)/bin/python --require-hashes -r locks/bench-progpy.txt || echo "progpy cannot be installed here: measured without it"
	@touch $@

notebooks: $(READY) ## Run all notebooks, into build/notebooks/ (MLOPS_REAL_DATA=folder for those on public data)
	$(BIN)/python -m notebooks.execute

docs: $(DOCS)/.ready ## Write the documentation site with the reference of the library to build/docs
	@rm -rf build/pages build/docs
	@EAGER_IMPORT=1 $(BIN)/python -W ignore -m pdoc --docformat google --output-directory build/pages/reference $(MODULES)
	@$(DOCS)/bin/jupyter-nbconvert --log-level ERROR --to markdown --no-prompt --output-dir build/pages/notebooks notebooks/*.ipynb
	@$(BIN)/python -m docs.assemble build/pages
	@NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --quiet
	@echo "Open build/docs/index.html, or with search: python3 -m http.server --directory build/docs --bind 127.0.0.1"

$(DOCS)/.ready: locks/docs.txt $(READY)
	@echo "Setting up $(DOCS) ..."
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(DOCS)
	@$(BIN)/uv pip sync --quiet --python $(DOCS)/bin/python --require-hashes locks/docs.txt
	@touch $@

preview: $(READY) ## Show what `make up` would change in STACK (Pulumi CLI and AWS credentials)
	$(PULUMI)
	pulumi preview --stack $(STACK) --diff

up: $(READY) ## Compare settings with what runs, build the layers, deploy STACK (ACCEPT=key, PLAN=file)
	$(PULUMI)
	$(BIN)/python -m infra.changes $(STACK) $(if $(ACCEPT),--accept $(ACCEPT))
	$(BIN)/python -m infra.packaging
	pulumi up --stack $(STACK) $(if $(filter-out 0,$(YES)),--yes) $(if $(PLAN),--plan $(PLAN))

plan: $(READY) ## Show what `make up` would change in STACK, and keep that plan in build/plan.json
	$(PULUMI)
	$(BIN)/python -m infra.changes $(STACK) $(if $(ACCEPT),--accept $(ACCEPT))
	$(BIN)/python -m infra.packaging
	pulumi preview --stack $(STACK) --diff --save-plan build/plan.json

cost: $(READY) ## Estimate the monthly bill of STACK (COST_OPTIONS="--machines 1000 --batch 20 --basic-ingest --explain")
	@$(BIN)/mlops cost --stack $(STACK) $(COST_OPTIONS)

sizes: $(READY) ## Print what each function deploys: sizes, cold import times, contents
	$(BIN)/python -m infra.package_report

lock: $(READY) ## Renew requirements.txt and locks/ from pyproject.toml
	$(LOCK) pyproject.toml --all-extras --group dev --group notebooks --group build -o requirements.txt
	$(LOCK) pyproject.toml --extra model --group bench -o locks/bench.txt
	$(LOCK) --group docs -o locks/docs.txt
	$(LOCK) --group bench-progpy -c locks/bench.txt -o locks/bench-progpy.txt
	for layer in base polars numpy model; do $(LOCK) --no-deps -c requirements.txt --group layer-$$layer -o locks/layer-$$layer.txt; done
	for group in lambda-runtime emulator; do $(LOCK) --group $$group -o locks/$$group.txt; done

clean: ## Remove what the other targets made, the virtual environment included
	rm -rf build $(VENV)
