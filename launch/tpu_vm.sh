#!/usr/bin/env bash
# A sweep on all workers of a TPU VM, from this clone on each of them: worker i runs share i of it.
#
#   launch/tpu_vm.sh NAME ZONE setup
#   launch/tpu_vm.sh NAME ZONE sweep --config=configs/bake_off.py --workdir=runs/bake_off
#
# NAME and ZONE are those of `gcloud compute tpus tpu-vm list`. "setup" copies the last commit and
# installs it; $WORKERS is how many workers there are, 1 if nothing is said.
# The sweep goes on when the connection is lost: what it says is in ~/spline_fc/launch.log there.
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
[ "$program" = sweep ] || { echo "the third word must be setup or sweep; got $program" >&2; exit 2; }
words="$(printf '%q ' "$@")"
# The name of a worker ends in its number. The bounds keep it to the chips of its own host, as the
# processes of a sweep do not know of each other.
on_all "cd spline_fc && worker=\$(hostname | sed 's/.*-w-//')
  export TPU_PROCESS_BOUNDS=1,1,1 TPU_CHIPS_PER_PROCESS_BOUNDS=${CHIPS:-2,2,1}
  nohup .venv/bin/python -m experiments.sweep $words --only=\$((worker + 1))/${WORKERS:-1} > launch.log 2>&1
  status=\$?; tail -n 30 launch.log; exit \$status"
