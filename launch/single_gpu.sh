#!/usr/bin/env bash
# One GPU of a machine that is yours: a run or a sweep that goes on until it is done.
#
#   launch/single_gpu.sh train --config=configs/friedman1.py --workdir=runs/friedman1
#   GPU=1 launch/single_gpu.sh sweep --config=configs/bake_off.py --workdir=runs/bake_off
#
# $GPU is its number, 0 by default; $PYTHON is another Python than that of `make`. JAX needs its
# CUDA packages once: .venv/bin/pip install "jax[cuda12]".
set -euo pipefail

program="${1:?train or sweep}"
shift
export CUDA_VISIBLE_DEVICES="${GPU:-0}"
exec "${PYTHON:-.venv/bin/python}" -m "experiments.$program" "$@"
