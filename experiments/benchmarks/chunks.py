"""A fit of a file that is larger than the memory it is given, beside the fit in memory.

python -m experiments.benchmarks.chunks --output=results/chunks/cpu.json
python -m experiments.benchmarks.chunks --table=results/chunks/cpu.json

Float32 files of 100 columns, of which ten matter, are written to --folder and deleted afterwards.
Every fit runs in a fresh process with its peak of resident memory, imports and compiler included.
"""

import dataclasses
import pathlib
import tempfile
import time
from typing import Any, NamedTuple

import numpy as np
from absl import app, flags

from experiments.benchmarks import fit_child, machine, tables

COLUMNS, MATTER = 100, 10
MAX_TERMS = 41
WRITTEN = 1 << 16  # rows that are drawn at once
CASES = {
    "memory": (1_000_000, False),
    "chunks": (1_000_000, True),
    "file": (10_737_419, True),  # 4 GiB
}
_HEAD = (
    "fit",
    "rows",
    "x, GiB",
    "peak, GiB",
    "before the fit, GiB",
    "seconds (compiling)",
    "CPU seconds",
    "rows per second, per CPU second",
    "passes",
    "terms",
    "R2",
)


class Case(NamedTuple):
    """What is fitted, and from where."""

    folder: str
    rows: int
    in_chunks: bool


def draw(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Some rows: a sum of one bend or two in each of the first columns, and noise."""
    x = rng.standard_normal((rows, COLUMNS), np.float32)
    knots, slopes = np.linspace(-1, 1, MATTER), 1 + np.arange(MATTER) % 3
    bends = np.maximum(x[:, :MATTER] - knots, 0) - 0.5 * np.maximum(-x[:, :MATTER] - knots[::-1], 0)
    return x, (bends @ slopes + rng.standard_normal(rows)).astype(np.float32)


def write(folder: pathlib.Path, rows: int) -> None:
    """Writes x.npy and y.npy, a part at a time."""
    rng = np.random.default_rng(0)
    with open(folder / "x.npy", "wb") as x_file, open(folder / "y.npy", "wb") as y_file:
        for file, shape in ((x_file, (rows, COLUMNS)), (y_file, (rows,))):
            head = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, head)
        for start in range(0, rows, WRITTEN):
            x, y = draw(rng, min(WRITTEN, rows - start))
            x.tofile(x_file)
            y.tofile(y_file)


def measure(case: Case) -> dict[str, Any]:
    """Fits in this process, and says what it took."""
    import jax

    import spline_fc as sfc

    jax.block_until_ready(jax.numpy.zeros(1))  # the back end starts here
    before, passes = fit_child.peak_bytes(), []
    files = [pathlib.Path(case.folder) / name for name in ("x.npy", "y.npy")]
    start, cpu = time.perf_counter(), time.process_time()
    if case.in_chunks:
        source = sfc.chunks_of_npy(*files)

        def counted():
            passes.append(0)
            for chunk in source.make():
                passes[-1] += len(chunk[0])
                yield chunk

        fit = sfc.fit_mars(dataclasses.replace(source, make=counted), max_terms=MAX_TERMS)
    else:
        fit = sfc.fit_mars(*map(np.load, files), max_terms=MAX_TERMS)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {
        "rows": case.rows,
        "x_bytes": files[0].stat().st_size,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "compile_seconds": fit.seconds.compile,
        "passes": sum(read == case.rows for read in passes),
        "before_bytes": before,
        "peak_bytes": fit_child.peak_bytes(),
        "terms": fit.num_terms,
        "columns": sorted({v for term in fit.terms for v in term.features}),
        "rss": fit.rss,
        "r2": fit.r2,
    }


def table(record: dict) -> str:
    """Sets a record as markdown."""
    rows = [_row(name, record["cases"][name]) for name in CASES if name in record["cases"]]
    return tables.markdown(_HEAD, rows, machine.sentence(record))


def _row(name: str, found: dict) -> list[str]:
    kinds = {"memory": "in memory", "chunks": "in chunks", "file": "in chunks"}
    return [
        kinds[name],
        f"{found['rows']:,}",
        f"{found['x_bytes'] / 2**30:.2f}",
        f"{found['peak_bytes'] / 2**30:.2f}",
        f"{found['before_bytes'] / 2**30:.2f}",
        f"{found['seconds']:.0f} ({found['compile_seconds']:.0f})",
        f"{found['cpu_seconds']:.0f}",
        f"{found['rows'] / found['seconds']:,.0f}, {found['rows'] / found['cpu_seconds']:,.0f}",
        str(found["passes"] or "-"),
        str(found["terms"]),
        f"{found['r2']:.4f}",
    ]


def main(argv: list[str]) -> None:
    """Measures case after case; the record is written after each."""
    wanted = flags.FLAGS
    if tables.shown(argv, wanted.table, table):
        return
    tables.check_cases(wanted.cases, list(CASES))
    machine.check_output(wanted.output)
    output = pathlib.Path(wanted.output)
    record = machine.continued(output)
    for name in wanted.cases:
        rows, in_chunks = CASES[name]
        with tempfile.TemporaryDirectory(dir=wanted.folder) as folder:
            write(pathlib.Path(folder), rows)
            found = machine.in_fresh_process(measure, Case(folder, rows, in_chunks))
        record["cases"][name] = found
        machine.write(output, record)
        print(" | ".join(_row(name, found)), flush=True)
    print(table(record))


if __name__ == "__main__":
    flags.DEFINE_list("cases", list(CASES), f"Of {', '.join(CASES)}.")
    flags.DEFINE_string("folder", None, "For the files; the system's by default.")
    flags.DEFINE_string("output", "results/chunks/cpu.json", "JSON file to write.")
    flags.DEFINE_string("table", None, "Print the table of this JSON file and end.")
    app.run(main)
