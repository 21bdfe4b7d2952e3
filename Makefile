# RecScope on a machine that has git, make and Python 3.11 or newer. `make` alone lists the targets.

VENV := .venv
BIN := $(VENV)/bin
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip --quiet
PYTEST := $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help app test bench samples pictures clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' $(MAKEFILE_LIST)

app: $(VENV)/.runtime  ## serve RecScope on http://127.0.0.1:8501
	STREAMLIT_SERVER_MAX_UPLOAD_SIZE=$${RECSCOPE_MAX_UPLOAD_MB:-200} $(BIN)/python -m streamlit run server.py

# File by file over three processes, the browser's files first: pages share Streamlit's caches, which are global in a
# process, and a file of browser tests takes minutes, part of them spent waiting. BLAS and torch keep to one thread:
# more than there are cores wait for each other at full speed.
test: export OMP_NUM_THREADS := 1
test: $(VENV)/.development  ## check everything: format, lint, types, doctests, unit, page and browser tests
	$(BIN)/python -m tests.browser.chromium
	$(BIN)/python -m tests.java
	$(BIN)/python -m tests.postgres
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy core
	$(PYTEST) -n 3 --dist loadfile --no-loadscope-reorder core tests

bench: $(VENV)/.development  ## measure; prints one JSON object per word
	@$(BIN)/python bench/holdout.py
	@$(BIN)/python bench/thresholds.py
	@$(BIN)/python bench/signoff.py
	@$(BIN)/python bench/graph.py
	@$(BIN)/python bench/delay.py

samples: $(VENV)/.runtime  ## rebuild sample_data byte for byte
	$(BIN)/python -m core.holdout.simulate
	$(BIN)/python -m core.signoff.simulate
	$(BIN)/python -m core.graph.simulate
	$(BIN)/python -m core.delay.simulate

pictures: $(VENV)/.development  ## redraw the pictures of docs
	$(BIN)/python -m tests.browser.chromium
	$(BIN)/python docs/pictures.py

clean:  ## remove what the targets above made
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.runtime: requirements.txt constraints.txt $(VENV)/.made
	$(PIP) install -r requirements.txt
	@touch $@

$(VENV)/.development: requirements-dev.txt $(VENV)/.runtime
	$(PIP) install -r requirements-dev.txt
	@touch $@

# The newest Python that answers; Debian keeps venv in a package of its own, which only root may add.
$(VENV)/.made:
	@for python in python3.14 python3.13 python3.12 python3.11 python3; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then echo 'RecScope needs Python 3.11 or newer; none was found on PATH.' >&2; exit 1; fi; \
	if ! $$found -c 'import ensurepip' >/dev/null 2>&1; then \
	  package=$$($$found -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq install -y $$package; \
	  else echo "$$found cannot make a virtual environment. Install the package $$package, then run make again." >&2; exit 1; fi; \
	fi; \
	echo "making $(VENV) with $$($$found --version)"; $$found -m venv $(VENV)
	@touch $@
