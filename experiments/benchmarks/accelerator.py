"""Fits and trains on the device that is there, and says what share of its speed is used.

python -m experiments.benchmarks.accelerator --output=results/accelerator/DEVICE.json
python -m experiments.benchmarks.accelerator --cases=1e6x10,1e6x10-2 --replicas=1,10
python -m experiments.benchmarks.accelerator --table=results/accelerator/DEVICE.json

Under eight minutes with everything on a GPU of 80 GB. The rows are generated on the device, in
float32; what was measured so far is in the file after each case.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags

import spline_fc as sfc
from experiments.benchmarks import machine, tables
from experiments.benchmarks.starts import Starts, spline_starts
from spline_fc import data, training
from spline_fc.sharding import fitted_on, shard_rows

MAX_TERMS = 41
BLOCK = 1 << 20  # rows that are generated together
WARM = 3  # fits after the first
AGREEMENT_ROWS = 100_000
STARTS = 10  # networks that replicas repeat


class Case(NamedTuple):
    """A table to fit."""

    num_rows: int
    num_columns: int
    max_degree: int = 1
    dtype: str = "float32"


CASES = {
    "1e6x10": Case(10**6, 10),
    "1e6x10-2": Case(10**6, 10, 2),
    "1e6x10-float64": Case(10**6, 10, dtype="float64"),
    "1e7x10": Case(10**7, 10),
    "8e6x100": Case(8 * 10**6, 100),
    "1e8x10": Case(10**8, 10),
    "1e7x10-2": Case(10**7, 10, 2),
}
REPLICAS = (1, 10, 100, 1000)
FITTED = ("rows x columns", "degree", "numbers", "cold, s", "warm, s", "million rows a second",
          "R2", "terms", "of the copy bandwidth")  # fmt: skip
AGREED = ("degree", "RSS, device against host", "float32 against float64", "same terms",
          "device, s", "host, s")  # fmt: skip


def rows_of(case: Case, seed: int = 0) -> tuple[jax.Array, jax.Array]:
    """Friedman-1 and columns of noise, x (n, d) and y (n,), drawn where the fit will be."""
    draw = jax.jit(_drawn, static_argnums=(1, 2))
    keys = jax.random.split(jax.random.key(seed), -(-case.num_rows // BLOCK))
    rows = min(BLOCK, case.num_rows)
    parts = [draw(key, rows, case.num_columns) for key in keys]
    x, y = (jnp.concatenate(part)[: case.num_rows] for part in zip(*parts, strict=True))
    x, y = x.astype(case.dtype), y.astype(case.dtype)
    return jax.block_until_ready((x, y))


def _drawn(key: jax.Array, num_rows: int, num_columns: int) -> tuple[jax.Array, jax.Array]:
    k_x, k_noise = jax.random.split(key)
    x = jax.random.uniform(k_x, (num_rows, num_columns), np.float32)
    y = 10 * jnp.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2
    return x, y + 10 * x[:, 3] + 5 * x[:, 4] + jax.random.normal(k_noise, (num_rows,), np.float32)


def measure_fit(case: Case, bandwidth: float) -> dict[str, Any]:
    """Fits a case, cold and then warm.

    Returns:
      "cold_seconds", "warm_seconds" of each, "terms" of the forward pass, and of the fastest the
      share of the copy `bandwidth` (bytes per second) that its search would need at least: an
      order and an offset, of 4 bytes and an item, per row and column for every column that enters.
      "rss", "r2" and "stop_reason" are those of the fit.
    """
    with jax.enable_x64(case.dtype == "float64"):
        x, y = _put(*rows_of(case))
        # Without a threshold all terms are entered, whatever they explain.
        options = {"max_terms": MAX_TERMS, "max_degree": case.max_degree, "threshold": 0.0}
        times = []
        for _ in range(1 + WARM):
            began = time.perf_counter()
            fit = sfc.fit_mars(x, y, **options)
            times.append(time.perf_counter() - began)
    cold, *warm = times
    item = np.dtype(case.dtype).itemsize
    entered = int(fit.forward.num_terms[-1]) + 1  # the intercept and the target among them
    least = case.num_rows * case.num_columns * (4 + item) * entered
    return {
        "case": case._asdict(),
        "cold_seconds": cold,
        "warm_seconds": warm,
        "rows_per_second": case.num_rows / min(warm),
        "terms": int(fit.forward.num_terms[-1]),
        "rss": fit.rss,
        "r2": fit.r2,
        "stop_reason": fit.stop_reason,
        "search_bytes": least,
        "bandwidth_share": least / min(warm) / bandwidth,
    }


def _put(x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Rows that are fitted on their device, whatever it is."""
    if fitted_on(x, 0) is not None:
        return x, y
    return shard_rows(jax.make_mesh((1,), ("rows",)), x, y)[:2]


def copy_bandwidth(size: int) -> float:
    """Bytes per second, read and written, of copies of `size` bytes: the median of ten."""
    array = jax.random.uniform(jax.random.key(0), (size // 4,))
    copy = jax.jit(lambda a: a + 1)
    jax.block_until_ready(copy(array))
    return 2 * size / _median_seconds(lambda: copy(array), 10)


def _median_seconds(run: Callable[[], Any], times: int) -> float:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        jax.block_until_ready(run())
        found.append(time.perf_counter() - began)
    return float(np.median(found))


def agreement(num_rows: int, degrees: Sequence[int] = (1, 2)) -> dict[str, Any]:
    """How fits on the device differ from those of the host, and in float32 from float64."""
    found = {}
    cpu = jax.local_devices(backend="cpu")[0]
    for max_degree in degrees:
        x, y = rows_of(Case(num_rows, 10), seed=1)
        options = {"max_terms": MAX_TERMS, "max_degree": max_degree}
        near = [jax.device_put(np.asarray(a), cpu) for a in (x, y)]
        for _ in range(2):  # the second time nothing is compiled
            here = sfc.fit_mars(*_put(x, y), **options)
            host = sfc.fit_mars(*near, **options)
        steps = min(len(here.forward.rss), len(host.forward.rss))
        path = np.abs(here.forward.rss[:steps] / host.forward.rss[:steps] - 1)
        found[f"degree_{max_degree}"] = {
            "rss": abs(here.rss / host.rss - 1),
            "path": float(path.max()),
            "same_terms": _kinds(here) == _kinds(host),
            "terms": [here.num_terms, host.num_terms],
            "rss_in_float64": _in_float64(x, y, options, here.rss),
            "seconds": [here.seconds.run, host.seconds.run],
        }
    return found


def _in_float64(x: jax.Array, y: jax.Array, options: dict[str, Any], rss: float) -> float:
    """How the residual of a fit in float32 differs from that of one in float64."""
    with jax.enable_x64(True):
        wide = sfc.fit_mars(*_put(x.astype(np.float64), y.astype(np.float64)), **options)
    return abs(rss / wide.rss - 1)


def _kinds(fit: sfc.FitResult) -> list:
    return [[(v, np.sign(slope)) for v, slope, _ in term.factors] for term in fit.terms]


def measure_start(num_rows: int) -> dict[str, Any]:
    """Seconds of a spline start of a network (64, 64) from so many rows, cold and warm."""
    x, y = _put(*rows_of(Case(num_rows, 10)))
    times = []
    for _ in range(1 + WARM):
        began = time.perf_counter()
        start = sfc.spline_start(0, x, y, (64, 64))
        times.append(time.perf_counter() - began)
    return {"seconds": times, "directions": start.directions.taken, "r2": start.fit.r2}


def measure_replicas(counts: list[int]) -> dict[str, Any]:
    """Seconds of an epoch of so many networks (64, 64) in one vmap, batches of 64 of 1024 rows.

    The networks are STARTS spline starts of Friedman-1, repeated with learning rates of their own.
    """
    rows = {"num_train": 1024, "num_validation": 256, "num_test": 256}
    found = {}
    for count in counts:
        seeds = min(count, STARTS)
        problem = spline_starts(
            lambda seed: data.load("friedman1", seed=seed, **rows), seeds, (64, 64)
        )
        rates = np.geomspace(1e-3, 1e-2, count // seeds).tolist()
        found[str(count)] = _epoch(problem, rates, range(seeds))
        print(f"{count} networks: {found[str(count)]}", flush=True)
    least = found[str(min(counts))]["epoch_seconds"]
    for entry in found.values():
        entry["ratio"] = entry["epoch_seconds"] / least
    return found


def _epoch(problem: Starts, rates: list[float], seeds: range) -> dict[str, float]:
    """Seconds of an epoch, warm, from runs of two lengths: what both have in common is left out."""
    times = {}
    for epochs in (10, 60):
        config = {"epochs": epochs, "batch_size": 64}
        runs = [
            training.train_replicas(
                problem.params, problem.datasets, config, learning_rates=rates, seeds=seeds
            ).seconds
            for _ in range(2)
        ]
        times[epochs] = min(run.run for run in runs)
    seconds = max(times[60] - times[10], 1e-9) / 50
    replicas = len(rates) * len(seeds)
    return {"epoch_seconds": seconds, "replica_steps_per_second": 16 * replicas / seconds}


def table(record: dict[str, Any]) -> str:
    """Markdown of a record: where it was made, fits, starts, replicas, agreement with the host."""
    fits = [_row(entry) for entry in record["fits"].values()]
    replicas = [
        [count, f"{1e3 * entry['epoch_seconds']:.2f}", f"{entry['ratio']:.2f}",
         f"{entry['replica_steps_per_second']:,.0f}"]
        for count, entry in record.get("replicas", {}).items()
    ]  # fmt: skip
    starts = [
        [f"{int(count):,}", f"{entry['seconds'][0]:.2f}", f"{min(entry['seconds'][1:]):.3f}"]
        for count, entry in record.get("starts", {}).items()
    ]
    several = ("networks in one vmap", "ms an epoch", "of one", "steps a second, all together")
    copied = f"Copies: {record['copy_bytes_per_second'] / 1e9:.0f} GB/s."
    parts = [f"{machine.sentence(record)} {copied}"]
    if fits:
        parts.append(tables.markdown(FITTED, fits))
    if starts:
        parts.append(tables.markdown(("rows of a spline start", "cold, s", "warm, s"), starts))
    if replicas:
        parts.append(tables.markdown(several, replicas))
    found = record["agreement"].items()
    agreed = [
        [name.removeprefix("degree_"), f"{entry['rss']:.0e}", f"{entry['rss_in_float64']:.0e}",
         "yes" if entry["same_terms"] else "no", *(f"{s:.3f}" for s in entry["seconds"])]
        for name, entry in found
    ]  # fmt: skip
    parts.append(tables.markdown(AGREED, agreed))
    return "\n\n".join(parts)


def _row(entry: dict[str, Any]) -> list[str]:
    case = Case(**entry["case"])
    if "failed" in entry:
        return [f"{case.num_rows:,} x {case.num_columns}", str(case.max_degree), case.dtype,
                entry["failed"], "", "", "", "", ""]  # fmt: skip
    return [
        f"{case.num_rows:,} x {case.num_columns}",
        str(case.max_degree),
        case.dtype,
        f"{entry['cold_seconds']:.2f}",
        f"{min(entry['warm_seconds']):.3f}",
        f"{entry['rows_per_second'] / 1e6:.1f}",
        f"{entry['r2']:.4f}",
        str(entry["terms"]),
        f"{100 * entry['bandwidth_share']:.1f} %",
    ]


def main(argv: list[str]) -> None:
    """Measures case after case; the file is written after each."""
    wanted = flags.FLAGS
    if tables.shown(argv, wanted.table, table):
        return
    tables.check_cases(wanted.cases, list(CASES))
    starts = tables.counts("--starts", wanted.starts)
    replicas = tables.counts("--replicas", wanted.replicas)
    machine.check_output(wanted.output)
    bandwidth = copy_bandwidth(wanted.copied)
    record = {**machine.stamp(), "copy_bytes_per_second": bandwidth, "max_terms": MAX_TERMS}
    print(f"copy: {bandwidth / 1e9:.0f} GB/s", flush=True)
    record["agreement"] = agreement(wanted.agreement_rows)
    print(f"agreement with the host: {record['agreement']}", flush=True)
    record["fits"] = {}
    for name in wanted.cases:
        try:
            record["fits"][name] = measure_fit(CASES[name], bandwidth)
        except (MemoryError, jax.errors.JaxRuntimeError) as error:  # a row, not the end
            said = str(error).split("\n")[0][:200]
            record["fits"][name] = {"case": CASES[name]._asdict(), "failed": said}
        print(f"{name}: {record['fits'][name]}", flush=True)
        machine.write(wanted.output, record)
    record["starts"] = {}
    for rows in starts:
        record["starts"][str(rows)] = measure_start(rows)
        print(f"a start from {rows} rows: {record['starts'][str(rows)]}", flush=True)
        machine.write(wanted.output, record)
    record["replicas"] = measure_replicas(replicas) if replicas else {}
    machine.write(wanted.output, record)
    print(table(record))


if __name__ == "__main__":
    flags.DEFINE_list("cases", list(CASES), f"Of {', '.join(CASES)}.")
    flags.DEFINE_list(
        "replicas", [str(count) for count in REPLICAS], "How many networks are trained in one vmap."
    )
    flags.DEFINE_list("starts", ["50000", "500000"], "Rows of the spline starts that are timed.")
    flags.DEFINE_integer(
        "agreement_rows", AGREEMENT_ROWS, "Rows of the comparison with the host.", 1
    )
    flags.DEFINE_integer("copied", 1 << 32, "Bytes that are copied to measure the bandwidth.", 4)
    flags.DEFINE_string("output", "results/accelerator/here.json", "JSON to write.")
    flags.DEFINE_string("table", None, "Print the table of this JSON file and end.")
    app.run(main)
