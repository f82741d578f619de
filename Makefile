# Every target sets up what it needs by itself; a second run is quick. tools/ does the work.
PYTHON ?= python3
ONLY ?=
JOBS ?= 3
BROKER ?=
LINES ?=

.DEFAULT_GOAL := help
.PHONY: help demo setup test check conformance mutants matrix matrix-full soak status bench bench-full capture tox format lock clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Python, Node and PHP send tasks to a worker, on an embedded Valkey (BROKER=rabbitmq, or a URL of yours)
	@$(PYTHON) examples/demo/run.py $(BROKER)

setup: ## Install what the tests need: Debian packages (as root or through sudo), .venv, Node and PHP dependencies
	@$(PYTHON) tools/setup.py

test: ## Set up and run everything on private brokers (ONLY=node,php: some steps; JOBS=1: one at a time)
	@$(PYTHON) tools/test.py --only "$(ONLY)" --jobs $(JOBS)

check: ## Lint, format, types, layers, lock files and the specification's gate
	@$(PYTHON) tools/test.py --only check --jobs $(JOBS)

conformance: ## The whole conformance suite: everybody's runs, every mutant, both matrices; half an hour, then a summary
	@rm -rf .cache/reports/suite-* .cache/reports/kill-rate.json .cache/reports/matrix*.json
	@$(PYTHON) tools/test.py --only suite,matrix --jobs $(JOBS); code=$$?; $(PYTHON) tools/closing.py; exit $$code

mutants: setup ## What the suite finds of its deliberate defects; writes conformance/mutants/kill-rate.json and README.md
	@.venv/bin/celeriac-conformance mutants --out conformance/mutants/kill-rate.json
	@$(PYTHON) tools/status.py mutants

matrix: ## Every producer against every worker on every broker and result backend
	@$(PYTHON) tools/test.py --only matrix

matrix-full: ## Everybody against everybody: Celery of three versions and the clients from npm; writes conformance/INTEROP.md
	@$(PYTHON) tools/matrix_full.py
	@$(PYTHON) tools/status.py full

soak: setup ## Python's worker under kills and restarts, and its memory over a million tasks: hours (ONLY=losses; CELERIAC_SOAK_TASKS=5000)
	@cd python && ../.venv/bin/python -m tests.soak --only "$(ONLY)" --json ../.cache/reports/soak.json

status: matrix ## Run the matrix and write its table into README.md
	@$(PYTHON) tools/status.py

bench: ## Measure us and other task queues side by side, in about five minutes (LINES=worker-redis: one table)
	@$(PYTHON) tools/bench.py quick --lines "$(LINES)"

bench-full: ## The same thoroughly, everybody; without LINES, into benchmarks/results and the READMEs, too
	@$(PYTHON) tools/bench.py full $(if $(LINES),--lines "$(LINES)",--publish)

capture: ## Make the vectors of Celery 5.7 anew and compare them with those in spec/vectors
	@$(PYTHON) tools/recapture.py

tox: ## The Python tests on each of 3.10 to 3.13 that is here
	@$(PYTHON) tools/test.py --only python,tox --jobs $(JOBS)

format: setup ## Rewrite the Python files as `make check` wants them
	@.venv/bin/ruff check --fix --quiet python conformance spec tools examples benchmarks
	@.venv/bin/ruff format python conformance spec tools examples benchmarks

lock: ## Compile the lock files anew: the newest versions, by hash (needs uv)
	@$(PYTHON) tools/lock.py

clean: ## Remove everything that the targets above made
	rm -rf .venv .cache .ruff_cache .pytest_cache
	rm -rf clients/node/node_modules clients/node/dist clients/node/build clients/php/vendor
	find python conformance spec tools examples benchmarks \( -name __pycache__ -o -name '.*_cache' -o -name .hypothesis \) -prune -exec rm -rf {} +
