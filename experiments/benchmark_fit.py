"""Times the fit against R earth and py-earth on generated data, alternating in one run.

python -m experiments.benchmark_fit --cases=n1e4,n1e5 --output=results/fit/cpu.json
python -m experiments.benchmark_fit --table=results/fit/cpu.json

R earth takes part if Rscript with the package earth is found, py-earth if it is importable. With
--accelerator only our fit is measured, on whatever device JAX finds, on data made there.
"""

import json
import pathlib
import sys

from absl import app, flags

from experiments.fit_benchmark import accelerator, cases, measure, table
from experiments.machine import stamp
from spline_fc import workdir

_CASES = flags.DEFINE_list("cases", list(cases.CASES), f"Of {', '.join(cases.CASES)}.")
_REPEATS = flags.DEFINE_integer("repeats", 5, "Rounds of ours and R earth in turn.", 1)
_OUTPUT = flags.DEFINE_string("output", "results/fit/cpu.json", "JSON file to write.")
_TABLE = flags.DEFINE_string("table", None, "Print the table of this JSON file and end.")
_ACCELERATOR = flags.DEFINE_bool("accelerator", False, "Measure our fit alone, on the device.")
_SIZES = flags.DEFINE_list("sizes", ["1000000x10", "8000000x100"], "Rows x features, on it.")


def main(argv: list[str]) -> None:
    """Measures case after case; the file is written after each, so that nothing is lost."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {argv[1:]}")
    if _TABLE.value:
        print(table.markdown(json.loads(pathlib.Path(_TABLE.value).read_text())))
        return
    unknown = sorted(set(_CASES.value) - set(cases.CASES))
    if unknown:
        sys.exit(f"error: --cases must be among {', '.join(cases.CASES)}; got {unknown[0]}.")
    output = pathlib.Path(_OUTPUT.value)
    output.parent.mkdir(parents=True, exist_ok=True)
    record = {**stamp(), "cases": {}}
    if output.is_file() and not _ACCELERATOR.value:  # cases measured again replace their likes
        record["cases"] = json.loads(output.read_text())["cases"]
    if _ACCELERATOR.value:
        record["cases"] = []
        for size in _SIZES.value:
            record["cases"].append(accelerator.measure(*map(int, size.split("x"))))
            print(record["cases"][-1], flush=True)
            workdir.write_json(output, record)
        return
    for name in _CASES.value:
        print(f"{name}:", flush=True)
        entry = measure.measure(
            cases.CASES[name], _REPEATS.value, lambda line: print(f"  {line}", flush=True)
        )
        record["cases"][name] = {"date": record["date"], **entry}
        workdir.write_json(output, record)
    print(table.markdown(record))


if __name__ == "__main__":
    app.run(main)
