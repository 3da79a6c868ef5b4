"""One fit in a fresh process, told on standard output as a line of JSON.

    python -m experiments.benchmarks.fit_child ours|pyearth FOLDER

Imports are timed apart; memory is the growth of the process's peak over what it held with
libraries loaded and data read.
"""

import json
import pathlib
import resource
import sys
import time

import numpy as np

from experiments.benchmarks import fit_cases as cases


def main(contender: str, folder: pathlib.Path) -> None:
    """Fits and prints the record."""
    case, data = cases.read(folder)
    record, predictions = {"ours": ours, "pyearth": pyearth}[contender](case, data)
    predictions.astype(np.float64).tofile(folder / f"{contender}_predictions.f64")
    print(json.dumps(record))


def peak_bytes() -> int:
    """The largest resident size of this process so far."""
    status = pathlib.Path("/proc/self/status")
    if status.is_file():  # getrusage would hand on the parent's peak on Linux
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return 1024 * int(line.split()[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def fit_ours(case: cases.Case, data: cases.FitData, weights: np.ndarray | None = None):
    """The call that the benchmark is about, waited for; returns its FitResult."""
    import jax

    from spline_fc import fit_mars

    options = {"max_terms": case.max_terms, "max_degree": case.max_degree}
    fit = fit_mars(data.x, data.y, weights=weights, threshold=case.threshold, **options)
    jax.block_until_ready(fit.spline)
    return fit


def ours(case: cases.Case, data: cases.FitData) -> tuple[dict, np.ndarray]:
    """Our fit: cold seconds, import seconds, peak memory."""
    start = time.perf_counter()
    import jax

    from spline_fc import evaluate

    jax.block_until_ready(jax.numpy.zeros(1))  # the back end starts here
    import_seconds, before = time.perf_counter() - start, peak_bytes()
    start = time.perf_counter()
    fit = fit_ours(case, data)
    seconds, after = time.perf_counter() - start, peak_bytes()
    record = {
        "seconds": seconds,
        "compile_seconds": fit.seconds.compile,
        "import_seconds": import_seconds,
        "peak_bytes": after - before,
        "input_bytes": data.x.nbytes,
        "terms": fit.num_terms,
        "forward_terms": 1 + len(fit.terms),
    }
    return record, np.asarray(evaluate(fit.spline, data.x_test))[:, 0]


def pyearth(case: cases.Case, data: cases.FitData) -> tuple[dict, np.ndarray]:
    """py-earth, in float64 as it wants."""
    from pyearth import Earth

    x, y = data.x.astype(np.float64), data.y.astype(np.float64)
    model = Earth(max_terms=case.max_terms, max_degree=case.max_degree, thresh=case.threshold)
    start, processor = time.perf_counter(), time.process_time()
    model.fit(x, y)
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    terms = list(model.basis_)
    selected = sum(not term.is_pruned() for term in terms)
    record = {"seconds": seconds, "processor_seconds": processor}
    record |= {"terms": selected, "forward_terms": len(terms)}
    return record, model.predict(data.x_test.astype(np.float64)).ravel()


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
