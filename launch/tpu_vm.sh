#!/usr/bin/env bash
# A run, or a sweep, on all workers of a TPU VM, from this clone on each of them: they train a run
# together, or worker i runs share i of the sweep.
#
#   launch/tpu_vm.sh NAME ZONE setup
#   launch/tpu_vm.sh NAME ZONE train --config=configs/friedman1.py --workdir=/mnt/runs/friedman1
#   launch/tpu_vm.sh NAME ZONE sweep --config=configs/bake_off.py --workdir=runs/bake_off
#
# NAME and ZONE are those of `gcloud compute tpus tpu-vm list`. "setup" copies the last commit and
# installs it; $WORKERS is how many workers there are, 1 if nothing is said.
# The workers of a run need a workdir that all see, such as a mounted bucket.
# The program goes on when the connection is lost: what it says is in ~/spline_fc/launch.log there.
set -euo pipefail

name="${1:?the name of the TPU VM}" zone="${2:?its zone}" program="${3:?setup or sweep}"
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
case "$program" in
sweep) # its processes do not know of each other: the bounds keep each to the chips of its own host
  here="export TPU_PROCESS_BOUNDS=1,1,1 TPU_CHIPS_PER_PROCESS_BOUNDS=${CHIPS:-2,2,1}" ;;
train) # the first worker is where they meet
  here="true"
  first="$(gcloud compute tpus tpu-vm describe "$name" --zone="$zone" \
    --format='value(networkEndpoints[0].ipAddress)')"
  set -- "$@" --coordinator="$first:8476" ;;
*) echo "the third word must be setup, train or sweep; got $program" >&2; exit 2 ;;
esac
words="$(printf '%q ' "$@")"
# The name of a worker ends in its number.
on_all "cd spline_fc && worker=\$(hostname | sed 's/.*-w-//')
  $here
  nohup .venv/bin/python -m experiments.$program $words --process_id=\$worker --num_processes=${WORKERS:-1} > launch.log 2>&1
  status=\$?; tail -n 30 launch.log; exit \$status"
