# make run and make test do all set-up on a machine with Python >= 3.11 and a package registry.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RUN := runs/quickstart
ROOMS := data cpwl network training analysis protocol model runs report pipeline estimators
USER_EXTRAS := plots checkpoints export tensorboard pyearth

# Few, quick, and the ones whose last digits depend on the processor.
DELICATE := tests/cpwl/test_foreign.py tests/cpwl/test_reference.py tests/cpwl/test_shrinkage.py \
  tests/network/test_exactness.py tests/training/test_recording_bits.py
DELICATE_TEST := $(BIN)/python -m pytest -n auto --dist loadfile $(DELICATE)

.PHONY: run test lint processors bench wheel pictures tables notebooks docs lock clean

run: $(STAMP)
	$(BIN)/python -m experiments.train --config=configs/friedman1.py --workdir=$(RUN) --overwrite

test: $(STAMP)
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyrefly check --python-interpreter-path $(BIN)/python

# The kernels of other x86 processors: OpenBLAS's with AVX2, with AVX-512 where this one has it, and
# those of one with neither, for NumPy's and XLA's own loops as well.
processors: $(STAMP)
	OPENBLAS_CORETYPE=Haswell $(DELICATE_TEST)
	! grep -qs avx512f /proc/cpuinfo || OPENBLAS_CORETYPE=SkylakeX $(DELICATE_TEST)
	OPENBLAS_CORETYPE=Prescott XLA_FLAGS=--xla_cpu_max_isa=AVX \
	  NPY_DISABLE_CPU_FEATURES="X86_V3 X86_V4 AVX512_ICL AVX512_SPR" $(DELICATE_TEST)

bench: $(STAMP)
	$(BIN)/python -m experiments.benchmarks.fit --output=results/fit/cpu.json

# Builds a wheel and tries it where nothing else is installed: bare and with all that a user may
# want, the newest packages and the oldest that pyproject.toml allows; on the Python at hand and, as
# far as they are there, on both ends of the range.
wheel: $(STAMP)
	rm -rf dist build/lib build/bdist.*
	$(BIN)/uv build --quiet --wheel --out-dir dist
	tests/smoke.sh $(BIN)/python highest
	tests/smoke.sh 3.13 highest
	tests/smoke.sh 3.13 highest $(USER_EXTRAS)
	tests/smoke.sh 3.11 lowest-direct $(USER_EXTRAS)

# The pictures of README and guides, and their tables from the records of results/.
pictures: $(STAMP)
	$(BIN)/python -m experiments.pictures

tables: $(STAMP)
	$(BIN)/python -m experiments.tables

# The notebooks from their texts, without outputs.
notebooks: $(STAMP)
	$(BIN)/jupytext --quiet --update --to ipynb notebooks/*.py

# Pages of the API from the docstrings of what each room hands out.
docs: $(STAMP)
	$(BIN)/pdoc --docformat google --output-directory build/api \
	  spline_fc $(ROOMS:%=spline_fc.%)

lock: $(STAMP)
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-annotate --no-header --quiet \
	  --extra dev pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) runs build dist

# Reinstalls only when the list of requirements changes.
$(STAMP): requirements.txt requirements.lock pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python >= 3.11 is needed')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --editable ".[dev]"
	touch $(STAMP)
