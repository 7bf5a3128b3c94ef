# `make` lists what there is to do. Every target sets up what it needs first. Needs Python 3.11 or later, and nothing
# else that it cannot bring or name.
# The system's own Python comes first: distributions build it with profile-guided optimisation, as the images have it;
# one compiled by hand or by pyenv usually is not, and takes 1.4 to 1.9 times as long for the same.
ifndef PYTHON
PYTHON := $(shell for one in /usr/bin/python3 python3; do \
	$$one -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; done; echo $$one)
endif
VENV := .local/venv/bin
ANY_PYTHON = $(firstword $(wildcard $(VENV)/python) $(PYTHON))
T ?=
B ?=
SERVICES := members hub surveys notifications
# Compiled once for all processes, outside of the sources: each would otherwise compile 4 s of libraries where the
# environment forbids to write beside them.
export PYTHONPYCACHEPREFIX := $(CURDIR)/.local/pycache
unexport PYTHONDONTWRITEBYTECODE
# For every platform, each file by its hash, and from whichever index the machine is set to use.
PIN := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-package common \
	--custom-compile-command "make lock"
# Words behind `clock` and `logs` are theirs, not targets: make clock +11d, make logs hub.
WORDS := $(wordlist 2,9,$(MAKECMDGOALS))
# Services have the dependencies of common through it (DEP003); three of them are loaded by name (DEP002).
DEPTRY := $(VENV)/deptry --ignore DEP003 --per-rule-ignores "DEP002=httptools|tzdata|uvloop"

.DEFAULT_GOAL := help
.PHONY: help run test check doctor reset logs clock contracts bench lock chaos chaos-long screens ready ready-to-test

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ready ## Start everything on http://localhost:8000; Ctrl-C stops it
	@exec $(VENV)/python -m deploy.local.run

test: ready-to-test ## Run the tests on engines of their own; a part in seconds: make test T=services/hub
	@exec $(VENV)/python -m pytest $(if $(T),$(T),-n 2 --dist loadfile --no-loadscope-reorder)

check: ready ## Lint, types, arrows, migrations, contracts, spelling
	$(VENV)/ruff check
	$(VENV)/ruff format --check
	$(VENV)/mypy
	$(VENV)/lint-imports
	$(VENV)/squawk services/*/*/*migrations/*.sql libs/common/common/migrations/*.sql
	$(VENV)/python -m pytest --noconftest -q tests/contracts/test_gate.py
	$(VENV)/codespell
	@set -e; for package in libs/common $(SERVICES:%=services/%); do \
		echo "deptry $$package"; $(DEPTRY) --config $$package/pyproject.toml $$package/$${package##*/}; done
	@$(MAKE) --no-print-directory check-deploy

doctor: ## Look at what this machine has and what runs
	@$(ANY_PYTHON) -m deploy.local.doctor

reset: ## Stop what is left running and forget all local data (what was fetched stays)
	@test ! -x $(VENV)/python || $(VENV)/python -m deploy.local.reset

logs: ## Follow the logs; of one service: make logs hub
	@exec $(PYTHON) -m deploy.local.logs $(if $(filter logs,$(firstword $(MAKECMDGOALS))),$(WORDS))

clock: ## Move the shared clock: make clock +11d, make clock now
	@exec $(PYTHON) -m deploy.local.clock $(if $(filter clock,$(firstword $(MAKECMDGOALS))),$(WORDS))

contracts: ready ## Write new versions of event schemas, and the documents made from them
	@exec $(VENV)/python -m tests.contracts.golden

lock: ## Pin every Python package anew (needs uv)
	for service in $(SERVICES); do $(PIN) services/$$service/pyproject.toml -o requirements/$$service.txt; done
	$(PIN) $(SERVICES:%=services/%/pyproject.toml) --group pyproject.toml:development -o requirements/development.txt
	$(PIN) --constraint requirements/development.txt --group pyproject.toml:deploy -o requirements/deploy.txt

bench: ready ## Measure every path against its bare limit; one of them: make bench B=relay
	@exec $(VENV)/python -m benchmarks $(B)

chaos: ready-to-test ## Kill, stop and hurt everything, and count what was lost; again: CHAOS_SEED=n
	@exec $(VENV)/python -m pytest tests/chaos -n 2 --dist loadfile --no-loadscope-reorder

chaos-long: ready-to-test ## The same for hours, and processes that hang as long as in production
	@exec $(VENV)/python -m pytest tests/chaos -m "long or not long" -n 2 --dist loadfile --timeout 7200

screens: ready-to-test ## Drive the main journey in a browser, with pictures in .local/screens
	@exec $(VENV)/python -m pytest tests/journeys

ready:
	@$(PYTHON) -m deploy.local.bootstrap run

ready-to-test:
	@$(PYTHON) -m deploy.local.bootstrap test

include deploy/containers.mk

ifneq ($(filter clock logs,$(firstword $(MAKECMDGOALS))),)
.PHONY: $(WORDS)
$(WORDS):
	@:
endif
