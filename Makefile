.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
# Some tests wait for processes: four workers keep two cores busy.
WORKERS ?= 4
BIN := $(VENV)/bin
export VENV PYTHON
# Compiled modules make every start three times as fast.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: model alerts soak fleet capacity faults histories restore-drill mutants help run reset crowd test test-exhaustive test-fast attacks tests lint types imports collected interleavings journey screenshots messages docs lock venv venv-dev browser mariadb checkers backup restore bench bench-compare

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1 \t\2/' | expand -t 24

run: venv ## start everything on this machine: PORT=8000 RUN_DIR=.run HTTPS=0
	@exec $(BIN)/python -m deploy.local

reset: venv ## clear RUN_DIR: database, keys, mail, logs
	@$(BIN)/python -m deploy.local reset

test: ## every gate and every test, as in .ci/run: WORKERS=4
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target venv-dev browser
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target collected lint imports checkers
	@$(MAKE) --no-print-directory --jobs 2 types tests

# mypy takes a minute of one core, which the tests at the beginning, of browsers and processes, do not all need.
tests: venv-dev
	$(BIN)/pytest -n $(WORKERS)

# Asserts are rewritten once and not by every worker; what cannot be imported is known before anything runs.
collected: venv-dev
	$(BIN)/pytest --collect-only -q --no-summary >/dev/null

test-exhaustive: ## the same with every window, language, role and broken application: each night
	EXHAUSTIVE=1 $(MAKE) test

test-fast: venv-dev ## the tests without browser and worker, until the first failure
	$(BIN)/pytest -n $(WORKERS) -x -m "not browser and not slow"

attacks: venv-dev ## audit log and seals under attack in full counts (about half an hour); ATTACKS_SEED repeats a run
	ATTACKS=full $(BIN)/pytest tests/audit/test_attacks.py tests/vault/test_sealed_cells.py -q -s -p no:randomly

lint: venv-dev ## ruff for the code, djade for the templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	find templates -name '*.html' -print0 | xargs -0 $(BIN)/djade --check --target-version 5.2

types: venv-dev ## mypy
	SECRET_KEY=types DATABASE_URL=postgresql:///types BROKER_URL=pgmq:// PROFILE=development $(BIN)/mypy

imports: venv-dev ## the floors of docs/house.md
	$(BIN)/lint-imports

interleavings: venv-dev ## 10,000 orders of a withdrawal against a share being sent
	INTERLEAVINGS=10000 $(BIN)/pytest tests/consent/test_sharing_interleavings.py -q

model: venv-dev ## 5,000 steps of random lives: every way to ask against a model of its own (about three minutes)
	MODEL_STEPS=5000 $(BIN)/pytest tests/consent/test_decisions_model.py -q

histories: venv-dev ## 1,000 random histories of rights requests against a model of their own (about an hour)
	HISTORIES=1000 $(BIN)/pytest tests/erasure/test_request_histories.py -q -s -p no:randomly -k ends_as

faults: venv-dev ## the fault matrix F1 to F27: FAULTS="--seed 1 --full F7 F10"; without, a few of each (about half an hour)
	$(BIN)/python -m tests.faults $(FAULTS)

alerts: venv-dev ## every alert fired by a real fault under a real Prometheus (about half an hour): ALERTS="PortalSlow"
	$(BIN)/python -W ignore -m tests.alerts $(ALERTS)

soak: venv-dev ## does a dependency leak? memory of web and worker under load: SOAK=--short
	$(BIN)/python -W ignore -m tests.soak $(SOAK)

fleet: venv-dev ## two web processes behind HAProxy, PgBouncer and RabbitMQ (from Debian), restarted and killed under load
	$(BIN)/python -W ignore -m tests.fleet $(FLEET)

capacity: venv-dev ## cores, memory, connections for 1k to 1M requests a second: CAPACITY="--measured artefacts/cpu.json"
	$(BIN)/python -m bench.capacity $(CAPACITY)
bench: venv-dev ## every figure beside its floor, as artefacts/bench.html: PEOPLE=100000 ONLY="http imports"
	$(BIN)/python -m bench --people $(or $(PEOPLE),100000) $(if $(ONLY),--only $(ONLY))

bench-compare: venv-dev ## what a change did: BASE=artefacts/bench-TIME.json against the last run, or NEW=file
	@$(BIN)/python -m bench --compare "$(BASE)" $(NEW)

journey: venv-dev ## walk a running instance as its people would
	$(BIN)/python -m tests.journey

screenshots: venv-dev browser ## pictures of every page of a fresh running instance (make reset run): LOOKS=360-light,1440-dark SCENES="full desk"
	$(BIN)/python -m tests.browser.screenshots $(SCENES)

crowd: venv ## made-up people with answers and requests in the running instance, so that the desks have something to show
	@$(BIN)/python -m deploy.local manage demo --crowd $(or $(PEOPLE),80)

backup: venv ## back the running instance up: TO=folder KEYS_TO=another-place
	@$(BIN)/python -m deploy.local manage backup "$(or $(TO),backups)" $(if $(KEYS_TO),--keys-to "$(KEYS_TO)")

restore: venv ## put a backup in the place of the database of a stopped instance: FROM=folder
	@$(BIN)/python -m deploy.local restore "$(FROM)"

restore-drill: venv-dev ## back up, undo, restore, replay: with pg_dump and pg_restore
	$(BIN)/pytest tests/erasure/test_restore_drill.py tests/operations/test_backups.py

mutants: venv-dev ## change the pure modules and see whether the tests notice; takes long
	$(BIN)/python -m tests.mutants

messages: venv-dev ## bring the German and French catalogues up to the strings: WORDS=words.json
	@command -v xgettext >/dev/null || { echo "messages needs gettext: apt-get install gettext" >&2; exit 1; }
	@SECRET_KEY=messages DATABASE_URL=postgresql:///messages BROKER_URL=pgmq:// PROFILE=development $(BIN)/python -m tests.browser.catalogue $(WORDS)

docs: venv-dev ## the documentation as a site, in artefacts/site
	$(BIN)/mkdocs build --strict

lock: ## resolve the dependencies anew
	$(PYTHON) -m uv pip compile --universal --generate-hashes --upgrade pyproject.toml -o requirements.txt --no-header --no-emit-index-url
	$(PYTHON) -m uv pip compile --universal --generate-hashes --upgrade --group dev pyproject.toml -c requirements.txt -o requirements-dev.txt --no-header --no-emit-index-url
	echo uv | $(PYTHON) -m uv pip compile --universal --generate-hashes --upgrade - -o deploy/local/installer.txt --no-header --no-emit-index-url

venv:
	@deploy/local/venv.sh requirements.txt

venv-dev:
	@deploy/local/venv.sh requirements-dev.txt

browser:
	@deploy/local/browser.sh

mariadb:
	@deploy/local/mariadb.sh

checkers: venv-dev mariadb
	@deploy/local/checkers.sh
