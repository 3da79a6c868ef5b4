#!/usr/bin/env bash
# Installs the wheel of dist/ into an empty environment and runs the smoke test there, with the
# newest or the oldest packages that pyproject.toml allows, and with the extras that are named. A
# Python that this machine does not have is passed over with a word.
#
#     tests/smoke.sh VERSION|PATH highest|lowest-direct [EXTRA...]
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1 resolution=$2
shift 2
uv=.venv/bin/uv
if ! "$uv" python find --no-python-downloads "$python" &>/dev/null; then
  echo "smoke test skipped, as there is no Python $python here: $resolution packages" "$@"
  exit
fi
there=build/smoke-$(basename "$python")-$resolution-$#
"$uv" venv --quiet --clear --no-python-downloads --python "$python" "$there"
"$uv" pip compile --quiet --python "$there/bin/python" --resolution "$resolution" \
  "${@/#/--extra=}" pyproject.toml --output-file "$there/versions.txt"
extras=$(IFS=, && echo "$*")
"$uv" pip install --quiet --python "$there/bin/python" --constraint "$there/versions.txt" \
  "$(echo dist/*.whl)${extras:+[$extras]}"
cd "$there" && bin/python ../../tests/smoke.py "$@"
