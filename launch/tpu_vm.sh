#!/usr/bin/env bash
# The same program on all workers of a TPU VM, from this clone on each of them.
#
#   launch/tpu_vm.sh NAME ZONE setup
#   launch/tpu_vm.sh NAME ZONE train --config=configs/friedman1.py --workdir=runs/friedman1
#
# NAME and ZONE are those of `gcloud compute tpus tpu-vm list`. "setup" copies the
# last commit and installs it; "train" and "sweep" are programs of experiments/, with their flags.
# A program goes on when the connection is lost: what it says is in ~/spline_fc/launch.log there.
set -euo pipefail

name="${1:?the name of the TPU VM}" zone="${2:?its zone}" program="${3:?setup, train or sweep}"
shift 3
on_all() {
  gcloud compute tpus tpu-vm ssh "$name" --zone="$zone" --worker=all --command="$1"
}

if [ "$program" = setup ]; then
  folder="$(mktemp -d)"
  git archive --prefix=spline_fc/ --output="$folder/spline_fc.tar" HEAD
  gcloud compute tpus tpu-vm scp "$folder/spline_fc.tar" "$name": --zone="$zone" --worker=all
  on_all 'tar -xf spline_fc.tar && cd spline_fc && python3 -m venv .venv &&
    .venv/bin/pip install --quiet "jax[tpu]" -r requirements.txt'
  exit
fi
words="$(printf '%q ' "$@")"
on_all "cd spline_fc && nohup .venv/bin/python -m experiments.$program $words > launch.log 2>&1
  status=\$?; tail -n 30 launch.log; exit \$status"
