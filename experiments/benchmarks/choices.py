"""What the choices behind the speed of the fit cost in error, on real tables.

python -m experiments.benchmarks.choices --output=results/fit/choices.json
"""

import numpy as np
from absl import app, flags

from experiments.benchmarks import fit_cases as cases
from experiments.benchmarks import machine, tables
from experiments.benchmarks.fit import timed
from spline_fc import evaluate, fit_mars

CHOICES = {
    "every parent": {"fast_k": None},
    "fast_k=10": {"fast_k": 10},
    "fast_k=3": {},  # the default
    "fast_k=1": {"fast_k": 1},
    "knots=32": {"knots": 32},
    "knots=128": {"knots": 128},
}
REFERENCE = "every parent"


def measure(name: str, splits: int) -> dict[str, dict[str, list[float]]]:
    """Fits a table by every choice, in degree 2, split after split.

    Returns:
      {choice: {"rmse": one per split, on its test rows, "seconds": one per split}}.
    """
    case = cases.CASES[f"{name}_2"]
    found: dict = {choice: {"rmse": [], "seconds": []} for choice in CHOICES}
    for seed in range(splits):
        data = cases.draw(case, seed)
        for choice, options in CHOICES.items():
            options = {"max_terms": case.max_terms, "max_degree": 2, **options}

            def fit(options=options, data=data):
                return fit_mars(data.x, data.y, threshold=case.threshold, **options)

            fit()  # compiles
            seconds, result = timed(fit)
            error = np.asarray(evaluate(result, data.x_test))[:, 0] - data.y_test
            found[choice]["rmse"].append(float(np.sqrt(np.mean(error**2))))
            found[choice]["seconds"].append(seconds)
    return found


def table(record: dict) -> str:
    """Errors and seconds over those of the reference, geometric means with standard errors."""
    rows = []
    for name, found in record["tables"].items():
        cells = [name]
        for choice in CHOICES:
            ratios = {
                field: np.log(np.divide(found[choice][field], found[REFERENCE][field]))
                for field in ("rmse", "seconds")
            }
            error = ratios["rmse"].std(ddof=1) / np.sqrt(len(ratios["rmse"]))
            mean, seconds = np.exp(ratios["rmse"].mean()), np.exp(np.median(ratios["seconds"]))
            cells.append(f"{mean:.3f} ± {error:.3f}, {seconds:.2f}")
        rows.append(cells)
    head = ("table", *(f"{choice}: error, time" for choice in CHOICES))
    return tables.markdown(head, rows, machine.sentence(record))


def main(argv: list[str]) -> None:
    """Measures table after table; the file is written after each."""
    wanted = flags.FLAGS
    if tables.shown(argv, wanted.table, table):
        return
    tables.check_cases(wanted.names, list(cases.TABLES), "--names")
    machine.check_output(wanted.output)
    record = {**machine.stamp(), "tables": {}}
    for name in wanted.names:
        record["tables"][name] = measure(name, wanted.splits)
        machine.write(wanted.output, record)
        print(name, flush=True)
    print(table(record))


if __name__ == "__main__":
    flags.DEFINE_list("names", list(cases.TABLES), f"Of {', '.join(cases.TABLES)}.")
    flags.DEFINE_integer("splits", 5, "Random splits of each table.", 2)
    flags.DEFINE_string("output", "results/fit/choices.json", "JSON file to write.")
    flags.DEFINE_string("table", None, "Print the table of this JSON file and end.")
    app.run(main)
