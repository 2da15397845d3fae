# make run: set up and start the page. make test: set up and test. make check: ruff and mypy. make screenshots: pictures of the page.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test test-slow check audit setup dev pocket screenshots

run: setup
	$(BIN)/python app.py

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.txt requirements-dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@

test: setup
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || test -n "$$CHROMIUM" || \
		echo "No chromium: the browser tests are skipped (apt-get install -y chromium, or set CHROMIUM to its path)."
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

# The tests that take minutes each: a Ray cluster, the whole job on the embedded base, servers of other projects.
test-slow: setup
	$(BIN)/python -m pytest -m slow --timeout 1500

# Every step of the page, light and dark, wide and 390 px, into docs/pictures.
screenshots: setup
	$(BIN)/python -m benchmarks.screenshots

# app.py stands beside app/: mypy takes them for one module, so it runs twice (see docs/engineering.md).
check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p memory -p tuning -p pocket -p app -p benchmarks
	$(BIN)/mypy app.py

# Known vulnerabilities of what is installed, from PyPI's database of advisories: needs the network, so it is no part of `make check`. --strict, because
# pip-audit otherwise ends well where it found no database and looked at nothing.
audit: setup
	test -x .venv-audit/bin/pip-audit || ($(PYTHON) -m venv .venv-audit && .venv-audit/bin/python -m pip install --quiet "pip-audit>=2.9,<3")
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' | grep == > .venv-audit/installed.txt
	.venv-audit/bin/pip-audit -r .venv-audit/installed.txt --no-deps --disable-pip --strict

# Trains the embedded base from nothing (hours on two cores; see pocket/README.md).
pocket: setup
	$(BIN)/python -m pocket.tokens
	$(BIN)/python -m pocket.lexicon
	$(BIN)/python -m pocket.meaning
	$(BIN)/python -m pocket.train --stage near --steps 300
	$(BIN)/python -m pocket.train --stage far --steps 1400 --decay 800
	$(BIN)/python -m pocket.train --export
