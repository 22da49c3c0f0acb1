# Every command of a contributor. Works with the make of Debian and of macOS; CI runs the same targets (.ci/run).

.DEFAULT_GOAL := help
.PHONY: help setup check test test-extra test-postgresql test-browser faults demo bench lock clean
ARGS ?=

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

setup: ## Make .venv: hash-pinned packages, the project, a Prometheus (PYTHON=... chooses the interpreter)
	@tools/setup.sh

check: setup ## Lint, check formatting and types
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

test: setup ## Run the tests (ARGS="-k veto" goes to pytest)
	.venv/bin/pytest -n 4 --dist loadfile --no-loadscope-reorder $(ARGS)

test-extra: test-postgresql test-browser ## Run what not every machine has the programs for: the next two

test-postgresql: setup ## The audit store on a PostgreSQL server of this machine
	.venv/bin/pytest tests/extra/test_*_postgresql.py $(ARGS)

test-browser: setup ## People who click in a Chromium of this machine, on the page of the imitated Slack
	.venv/bin/pytest tests/extra/test_slack_page.py $(ARGS)

faults: setup ## Inject every fault at every stage on real processes, half an hour (ARGS="--only Temporal" takes some rows)
	.venv/bin/python -m tests.faults.matrix $(ARGS)

demo: setup ## Climb a whole ladder on this machine: Temporal, Prometheus, simulation and worker in one command
	.venv/bin/ladder demo $(ARGS)

bench: setup ## Measure against peers in the same run
	.venv/bin/python benchmarks/run.py $(ARGS)

lock: setup ## Write requirements.lock anew from pyproject.toml (ARGS=--upgrade takes newer versions)
	tools/lock.sh $(ARGS)

clean: ## Remove .venv, builds and caches
	rm -rf .venv build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
