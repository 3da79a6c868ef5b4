#!/usr/bin/env bash
# Installs the wheel of dist/ into an empty environment and runs the smoke test there, with the
# newest or the oldest packages that pyproject.toml allows, and with the extras that are named.
#
#     tests/smoke.sh 3.13 highest|lowest-direct [EXTRA...]
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1 resolution=$2
shift 2
uv=.venv/bin/uv there=build/smoke-$python-$resolution-$#
"$uv" venv --quiet --clear --python "$python" "$there"
"$uv" pip compile --quiet --python-version "$python" --resolution "$resolution" \
  "${@/#/--extra=}" pyproject.toml --output-file "$there/versions.txt"
extras=$(IFS=, && echo "$*")
"$uv" pip install --quiet --python "$there/bin/python" --constraint "$there/versions.txt" \
  "$(echo dist/*.whl)${extras:+[$extras]}"
cd "$there" && bin/python ../../tests/smoke.py "$@"
