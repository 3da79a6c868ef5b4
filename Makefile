# make run and make test do all set-up on a machine with Python >= 3.11 and a package registry.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RUN := runs/quickstart

.PHONY: run test lint bench lock clean

run: $(STAMP)
	$(BIN)/python -m experiments.train --config=configs/friedman1.py --workdir=$(RUN) --overwrite

test: $(STAMP)
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: $(STAMP)
	$(BIN)/python -m experiments.benchmarks.fit --output=results/fit/cpu.json

lock: $(STAMP)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-annotate --no-header --quiet \
	  --extra export --extra tensorboard --extra checkpoint --extra test --extra lint pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) runs

# Reinstalls only when the list of requirements changes.
$(STAMP): requirements.txt requirements.lock pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python >= 3.11 is needed')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --editable ".[export,tensorboard,checkpoint,test,lint]"
	touch $(STAMP)
