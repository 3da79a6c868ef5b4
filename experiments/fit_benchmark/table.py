"""The benchmark's record as a markdown table."""

import numpy as np

_HEAD = (
    "case", "ours, s", "R earth, s", "py-earth, s", "figure", "wanted", "met",
    "terms ours / earth", "test RMSE ours / earth", "memory / input: all, without compiler",
)  # fmt: skip


def markdown(record: dict) -> str:
    """Makes the table of a record of `experiments.benchmark_fit`: medians, and in brackets the
    range over the rounds."""
    rows = [_row(name, entry) for name, entry in record["cases"].items()]
    lines = [_HEAD, ["---"] * len(_HEAD), *rows]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"{_device(record)}\n\n{table}"


def _device(record: dict) -> str:
    e = record["environment"]
    versions = ", ".join(f"{name} {e[name]}" for name in ("jax", "numpy") if name in e)
    return f"{record['date']}, {record['processor']}, {e['cpu_count']} cores, {versions}."


def _row(name: str, entry: dict) -> list[str]:
    case, ours, result = entry["case"], entry["ours"], entry["outcome"]
    earth, pyearth = entry.get("earth", {}), entry.get("pyearth", {})
    title = (
        f"{name}: {case['num_rows']:.0e} x {case['num_features']}, degree {case['max_degree']}, "
        f"{case['max_terms']} terms"
    )
    seconds = ours["cold_seconds"] if case["wanted"] == "cold" else ours["seconds"]
    sign = ">=" if case["wanted"] == "ratio" else "<="
    value = "not measured" if result["value"] is None else f"{result['value']:.3g}"
    unit = {"ratio": "x", "cold": " s cold", "weights": " with / without weights"}
    return [
        title, _spread(seconds), _contender(earth), _contender(pyearth),
        value + unit[case["wanted"]], f"{sign} {case['bound']:g}",
        {True: "yes", False: "no", None: "-"}[result["met"]],
        _both(ours, earth, "terms", "d"), _both(ours, earth, "rmse", ".4f"),
        f"{ours['memory_over_input']:.0f}, {ours['data_memory_over_input']:.1f}",
    ]  # fmt: skip


def _spread(seconds: list[float]) -> str:
    return f"{np.median(seconds):.3g} [{min(seconds):.3g}, {max(seconds):.3g}]"


def _contender(record: dict) -> str:
    if not record:
        return "-"
    return record["reason"] if "reason" in record else _spread(record["seconds"])


def _both(ours: dict, earth: dict, field: str, spec: str) -> str:
    return " / ".join(
        format(record[field], spec) if field in record else "-" for record in (ours, earth)
    )
