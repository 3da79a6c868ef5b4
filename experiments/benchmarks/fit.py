"""Times the fit against R earth and py-earth on generated data, alternating in one run.

python -m experiments.benchmarks.fit --cases=n1e4,n1e5 --output=results/fit/cpu.json
python -m experiments.benchmarks.fit --table=results/fit/cpu.json

R earth takes part if Rscript with the package earth is found, py-earth if it is importable.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from absl import app, flags

from experiments.benchmarks import fit_cases as cases
from experiments.benchmarks import fit_child as child
from experiments.benchmarks import machine, tables
from spline_fc import evaluate

EARTH_SECONDS = 150  # about as long as R earth may take in all in one case, two runs at least
PYEARTH_WORK = 5e7  # rows * features * max_terms**2 beyond which py-earth takes minutes
COLD_RUNS = 3
_CLOCKS = ("seconds", "processor_seconds")  # of the wall, and of all threads together
ROUND_SECONDS = 0.5  # ours and R earth fit again and again for so long in each round
_HEAD = (
    "case",
    "ours, s",
    "R earth, s",
    "py-earth, s",
    "figure",
    "wanted",
    "met",
    "terms ours / earth",
    "test RMSE ours / earth",
    "memory / input: all, without compiler",
)


def measure(case: cases.Case, repeats: int, say: Callable[[str], None]) -> dict:
    """Runs all contenders of a case on the same data.

    Args:
      case: what to fit.
      repeats: rounds of ours and R earth in turn; fewer where R earth takes long.
      say: called with a line of progress after each fit.

    Returns:
      {"case": ..., "ours": ..., "earth": ..., "pyearth": ..., "outcome": ...}; a contender that
      could not run has {"reason": ...}.
    """
    data = cases.draw(case)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        cases.write(folder, case, data)
        cold = [_child("ours", folder) for _ in range(COLD_RUNS if case.wanted == "cold" else 1)]
        say(f"ours, cold: {cold[-1]['seconds']:.2f} s")
        if case.wanted == "weights":
            record = {"ours": _weights_rounds(case, data, repeats, say)}
        else:
            record = _rounds(case, data, folder, repeats, say)
            record["pyearth"] = _pyearth(case, folder, data)
        record["ours"]["cold_seconds"] = [run["seconds"] for run in cold]
        record["ours"]["import_seconds"] = cold[-1]["import_seconds"]
        record["ours"]["memory_over_input"] = cold[-1]["peak_bytes"] / cold[-1]["input_bytes"]
        data_bytes = cold[-1]["peak_bytes"] - _compiler_bytes(case)
        record["ours"]["data_memory_over_input"] = data_bytes / cold[-1]["input_bytes"]
    record["case"] = case._asdict()
    record["outcome"] = outcome(case, record)
    return record


def _compiler_bytes(case: cases.Case) -> int:
    """Peak memory of the same fit on few rows: the compiler's share and that of the tables."""
    small = case._replace(num_rows=max(cases.FEW_ROWS, 2 * case.max_terms))
    with tempfile.TemporaryDirectory() as name:
        cases.write(pathlib.Path(name), small, cases.draw(small))
        return _child("ours", pathlib.Path(name))["peak_bytes"]


def outcome(case: cases.Case, record: dict) -> dict:
    """The figure that the case is about, what was wanted of it, and whether it is met."""
    ours, earth = record["ours"], record.get("earth", {})
    value = None
    if case.wanted == "cold":
        value = float(np.median(ours["cold_seconds"]))
    elif case.wanted == "weights":
        value = float(np.median(ours["weighted_seconds"]) / np.median(ours["seconds"]))
    elif "seconds" in earth:
        value = float(np.median(earth[case.clock]) / np.median(ours[case.clock]))
    met = None
    if value is not None:
        met = value >= case.bound if case.wanted == "ratio" else value <= case.bound
        if case.wanted == "ratio" and case.max_degree == 1:  # not bought with a worse fit
            met = met and ours["rmse"] <= 1.02 * earth["rmse"]
    return {"figure": case.wanted, "value": value, "bound": case.bound, "met": met}


def timed(fit: Callable) -> tuple[float, Any]:
    """Seconds of a fit, and what it returned."""
    start = time.perf_counter()
    result = fit()
    return time.perf_counter() - start, result


def _for_a_while(fit: Callable) -> tuple[dict[str, float], Any]:
    """Median seconds of the fits that go into one round, by both clocks, and the last result."""
    seconds, processor = [], []
    while sum(seconds) < ROUND_SECONDS:
        start = time.process_time()
        taken, result = timed(fit)
        processor.append(time.process_time() - start)
        seconds.append(taken)
    return {
        n: float(np.median(a)) for n, a in zip(_CLOCKS, (seconds, processor), strict=True)
    }, result


def _rounds(case, data, folder, repeats, say) -> dict:
    """Ours and R earth in turn, both warm; the median of each round counts."""
    own, earth = [], []
    fit = child.fit_ours(case, data)  # compiles
    for number in range(repeats):
        taken, fit = _for_a_while(lambda: child.fit_ours(case, data))
        own.append(taken)
        earth.append(_earth(case, folder))
        say(f"round {number + 1}: ours {taken['seconds']:.4f} s, {_brief(earth[-1])}")
        if "reason" in earth[-1]:
            break
        if number >= 1 and (number + 2) * earth[-1]["seconds"] > EARTH_SECONDS:
            break
    ours = {
        **_of_rounds(own),
        "terms": fit.num_terms,
        "forward_terms": 1 + len(fit.terms),
        **_errors(np.asarray(evaluate(fit.spline, data.x_test))[:, 0], data),
    }
    if "reason" in earth[-1]:
        return {"ours": ours, "earth": earth[-1]}
    predicted = np.fromfile(folder / "earth_predictions.f64")
    together = {**earth[-1], **_of_rounds(earth), **_errors(predicted, data)}
    return {"ours": ours, "earth": together}


def _of_rounds(runs: list[dict]) -> dict[str, list[float]]:
    return {clock: [run[clock] for run in runs] for clock in _CLOCKS}


def _weights_rounds(case, data, repeats, say) -> dict:
    """Ours without and with weights in turn."""
    plain, weighted = [], []
    for _ in range(1 + 3 * repeats):  # the first pair compiles and is not counted
        plain.append(timed(lambda: child.fit_ours(case, data))[0])
        weighted.append(timed(lambda: child.fit_ours(case, data, data.weights))[0])
    say(f"without weights {np.median(plain[1:]):.4f} s, with {np.median(weighted[1:]):.4f} s")
    return {"seconds": plain[1:], "weighted_seconds": weighted[1:]}


def _errors(predicted: np.ndarray, data: cases.FitData) -> dict:
    def rmse(target):
        return float(np.sqrt(np.mean((predicted - target) ** 2)))

    return {"rmse": rmse(data.y_test), "rmse_to_truth": rmse(data.truth_test)}


def _earth(case: cases.Case, folder: pathlib.Path) -> dict:
    """One fit of R earth in a process of its own, timed inside R."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return {"reason": "Rscript was not found"}
    program = pathlib.Path(__file__).with_name("earth.R")
    sizes = (case.num_rows, case.num_features, case.max_terms, case.max_degree, case.threshold)
    command = [rscript, str(program), str(folder), *map(str, sizes), case.earth_options]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return {"reason": f"R earth failed: {done.stderr.strip().splitlines()[-1]}"}
    return json.loads(done.stdout.splitlines()[-1])


def _pyearth(case: cases.Case, folder: pathlib.Path, data: cases.FitData) -> dict:
    """One fit of py-earth, on one BLAS thread, with which it is fastest."""
    if case.num_rows * case.num_features * case.max_terms**2 * case.max_degree > PYEARTH_WORK:
        return {"reason": "left out: py-earth takes minutes to hours at this size"}
    record = _child("pyearth", folder, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    if "reason" in record:
        return record
    predicted = np.fromfile(folder / "pyearth_predictions.f64")
    return {**record, **_of_rounds([record]), **_errors(predicted, data)}


def _child(contender: str, folder: pathlib.Path, **environment: str) -> dict:
    """One fit in a fresh Python process."""
    command = [sys.executable, "-m", "experiments.benchmarks.fit_child", contender, str(folder)]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}
    )
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1]
        if contender == "ours":
            raise RuntimeError(f"the fit in a fresh process failed: {reason}")
        return {"reason": reason}
    return json.loads(done.stdout.splitlines()[-1])


def _brief(record: dict) -> str:
    if "reason" in record:
        return f"R earth: {record['reason']}"
    return f"R earth {record['seconds']:.3f} s"


def table(record: dict) -> str:
    """Sets a record as markdown: medians, and in brackets the range over the rounds."""
    rows = [_row(name, entry) for name, entry in record["cases"].items()]
    return tables.markdown(_HEAD, rows, machine.sentence(record))


def _row(name: str, entry: dict) -> list[str]:
    case, ours, result = entry["case"], entry["ours"], entry["outcome"]
    earth, pyearth = entry.get("earth", {}), entry.get("pyearth", {})
    title = (
        f"{name}: {case['num_rows']:.0e} x {case['num_features']}, degree {case['max_degree']}, "
        f"{case['max_terms']} terms"
    )
    clock = case.get("clock", "seconds")
    seconds = ours["cold_seconds"] if case["wanted"] == "cold" else ours[clock]
    sign = ">=" if case["wanted"] == "ratio" else "<="
    value = "not measured" if result["value"] is None else f"{result['value']:.3g}"
    unit = {"ratio": "x", "cold": " s cold", "weights": " with / without weights"}
    return [
        title,
        _spread(seconds),
        _contender(earth, clock),
        _contender(pyearth, clock),
        value + unit[case["wanted"]],
        f"{sign} {case['bound']:g}",
        {True: "yes", False: "no", None: "-"}[result["met"]],
        _both(ours, earth, "terms", "d"),
        _both(ours, earth, "rmse", ".4f"),
        f"{ours['memory_over_input']:.0f}, {ours['data_memory_over_input']:.1f}",
    ]


def _spread(seconds: list[float]) -> str:
    return f"{np.median(seconds):.3g} [{min(seconds):.3g}, {max(seconds):.3g}]"


def _contender(record: dict, clock: str) -> str:
    if not record:
        return "-"
    return record["reason"] if "reason" in record else _spread(record[clock])


def _both(ours: dict, earth: dict, field: str, spec: str) -> str:
    return " / ".join(
        format(record[field], spec) if field in record else "-" for record in (ours, earth)
    )


def main(argv: list[str]) -> None:
    """Measures case after case; the file is written after each, so that nothing is lost."""
    wanted = flags.FLAGS
    if tables.shown(argv, wanted.table, table):
        return
    tables.check_cases(wanted.cases, list(cases.CASES))
    machine.check_output(wanted.output)
    _run_cases(wanted.cases, wanted.repeats, pathlib.Path(wanted.output))


def _run_cases(names: list[str], repeats: int, output: pathlib.Path) -> None:
    record = machine.continued(output)
    for name in names:
        print(f"{name}:", flush=True)
        entry = measure(cases.CASES[name], repeats, lambda line: print(f"  {line}", flush=True))
        record["cases"][name] = {"date": record["date"], **entry}
        machine.write(output, record)
    print(table(record))


if __name__ == "__main__":
    flags.DEFINE_list("cases", list(cases.CASES), f"Of {', '.join(cases.CASES)}.")
    flags.DEFINE_integer("repeats", 5, "Rounds of ours and R earth in turn.", 1)
    flags.DEFINE_string("output", "results/fit/cpu.json", "JSON file to write.")
    flags.DEFINE_string("table", None, "Print the table of this JSON file and end.")
    app.run(main)
