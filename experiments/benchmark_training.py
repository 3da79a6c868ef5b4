"""Times 100 replicas trained in one vmap against one replica, in turn, in one process.

python -m experiments.benchmark_training --output=results/training/replicas_cpu.json
python -m experiments.benchmark_training --table=results/training/replicas_cpu.json

The replicas are 20 splines times 5 learning rates. Beside the ratio stands its floor: the matrix
products alone of 100 replicas over a whole step of one.
"""

import json
import pathlib
import sys

from absl import app, flags

from experiments.machine import stamp
from experiments.replica_benchmark import measure
from spline_fc import workdir

_CASES = flags.DEFINE_list("cases", list(measure.CASES), f"Of {', '.join(measure.CASES)}.")
_ROUNDS = flags.DEFINE_integer("rounds", 7, "Rounds of one and all in turn.", 1)
_OUTPUT = flags.DEFINE_string("output", "results/training/replicas_cpu.json", "JSON to write.")
_TABLE = flags.DEFINE_string("table", None, "Print the table of this JSON file and end.")


def main(argv: list[str]) -> None:
    """Measures case after case; the file is written after each."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {argv[1:]}")
    if _TABLE.value:
        print(measure.table(json.loads(pathlib.Path(_TABLE.value).read_text())))
        return
    unknown = sorted(set(_CASES.value) - set(measure.CASES))
    if unknown:
        sys.exit(f"error: --cases must be among {', '.join(measure.CASES)}; got {unknown[0]}.")
    output = pathlib.Path(_OUTPUT.value)
    output.parent.mkdir(parents=True, exist_ok=True)
    record = {**stamp(), "cases": {}}
    for name in _CASES.value:
        print(f"{name}:", flush=True)
        record["cases"][name] = measure.measure(
            measure.CASES[name], _ROUNDS.value, lambda line: print(f"  {line}", flush=True)
        )
        workdir.write_json(output, record)
    print(measure.table(record))


if __name__ == "__main__":
    app.run(main)
