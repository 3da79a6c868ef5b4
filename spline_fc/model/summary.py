"""What a model is, in a page of text."""

from collections.abc import Mapping, Sequence
from typing import Any

from tabulate import tabulate

from spline_fc.data.encoding import FEATURE, WEIGHTS
from spline_fc.ensemble import LEVEL
from spline_fc.ensemble.held_out import each_member
from spline_fc.model.make import NETWORK, SPLINE_ALONE
from spline_fc.model.record import Model
from spline_fc.network import Params, layer_sizes
from spline_fc.printing import significant


def summarize_model(model: Model, most: int | None) -> str:
    """Writes what there is to know of a model: what, of which rows, how good, why, the formula."""
    parts = [describe(model), score_table(model), interval_table(model), _importance(model)]
    if model.spline is not None:
        parts.append(f"{_formula_head(model)}\n\n{model.formula(most)}")
    return "\n\n".join(part for part in parts if part)


def score_table(model: Model) -> str:
    """The scores on test rows, a line each for the mean, a linear model, spline and network."""
    rows = model.score_rows()
    return _table(rows[1:], rows[0]) if rows else ""


def interval_table(model: Model) -> str:
    """How many test rows the intervals of an ensemble hold, and how wide they are; "" if none."""
    found = dict(model.made.get("intervals", {}))
    if model.held_out is not None and model.held_out.num_members == 1 and "minmax" in found:
        # Of one member both are split conformal prediction, and one interval.
        found = {"split conformal (cv+, minmax)": found.pop("minmax"), **found}
        found.pop("cv+", None)
    names = list(next(iter(found.values()), {}))
    rows = [
        [method, *(_measure(name, own.get(name)) for name in names)]
        for method, own in found.items()
    ]
    what = "sets" if model.task != "regression" else "intervals"
    return _table(rows, [f"{100 * LEVEL:g} % {what} on test rows", *names]) if rows else ""


def _measure(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return _share(value) if name.startswith("coverage") else significant(value, 4)


def describe(model: Model) -> str:
    """What a model is and of which rows it was made, in a few lines."""
    made, d = model.made, len(model.feature_names)
    columns = len(model.columns())
    levels = f" ({d} with levels)" if d != columns else ""
    target = ", ".join(model.target_names if model.task == "regression" else model.classes)
    lines = [f"{model.name}: {model.task} of {target}"]
    lines.append(f"by {_parts(model)}, of {columns} column{'s' * (columns > 1)}{levels}")
    rows = made.get("rows")
    if isinstance(rows, Mapping):
        listed = ", ".join(f"{count} {part}" for part, count in rows.items())
        lines.append(f"rows: {listed}{_gaps(model, sum(rows.values()))}")
    if model.extrapolate == "clip":
        lines.append("rows beyond the range of the training rows are pulled in to it")
    if isinstance(made.get("directions"), str):
        lines.append(made["directions"].rstrip("."))
    versions = made.get("versions")
    versions = versions if isinstance(versions, Mapping) else {}
    told = {"date": made.get("date"), "seed": made.get("seed")}
    told |= {name: versions.get(name) for name in ("spline_fc", "jax")}
    told = {name: value for name, value in told.items() if value is not None}
    lines.append("made: " + ", ".join(f"{name} {value}" for name, value in told.items()))
    return "\n".join(lines if told else lines[:-1])


def _parts(model: Model) -> str:
    if model.params is None:
        return "a spline"
    widths = _widths(model.params)
    if model.held_out is not None and model.held_out.num_members > 1:
        members = each_member(model.held_out.members)
        began = " that began as splines" if model.spline is not None else ""
        return f"a network ({widths}), the mean of {len(members)} ({_widths(members[0])}){began}"
    return f"a network ({widths})" + (" that began as a spline" if model.spline is not None else "")


def _widths(params: Params) -> str:
    return ", ".join(map(str, layer_sizes(params)[1:-1]))


def _share(share: float) -> str:
    return f"{100 * share:.1f} %"


def _gaps(model: Model, used: int) -> str:
    """What became of rows with gaps."""
    encoding = model.encoding
    if encoding is None or encoding.num_rows is None:
        return ""
    dropped = encoding.num_rows - used
    filled = [column for column in encoding.of_role(FEATURE) if column.missing]
    weighted = bool(encoding.of_role(WEIGHTS))
    lack = "a target or a weight" if weighted else "a target"
    why = f"without {lack}" if encoding.missing == "median" else "for gaps"
    told = f"; {dropped} left out {why}" if dropped else ""
    if filled and encoding.missing == "median":
        told += f"; gaps filled in {', '.join(f'{c.name} ({c.missing})' for c in filled)}"
    return told


def _importance(model: Model) -> str:
    shares = zip((column.name for column in model.columns()), model.importance, strict=False)
    rows = sorted(((name, share) for name, share in shares if share > 0), key=lambda r: -r[1])
    cells = [[name, _share(share)] for name, share in rows]
    # An estimator has no test rows: its importance is of rows held out, or of those it learnt from.
    head = "importance on test rows" if model.score_rows() else "importance"
    return _table(cells, [head, "share"]) if cells else ""


def _formula_head(model: Model) -> str:
    """What the formula is, and how to read it."""
    what = "The formula"
    if model.params is not None:
        score, made = _telling(model), model.made.get("scores", {})
        known = [made.get(name, {}).get(score) for name in (SPLINE_ALONE, NETWORK)]
        told = "" if None in known else f" ({score} {known[0]:.4g}, the network {known[1]:.4g})"
        began = (
            "the network"
            if model.held_out is None or model.held_out.num_members == 1
            else f"the first of {model.held_out.num_members}"
        )
        what = f"The spline with which {began} began{told}"
    if model.task != "regression":
        logits = model.output_scale() == "logit"
        what += (
            "; it gives the logit of the class, 0.69 more doubles the odds"
            if logits
            else ("; it is near 1 for the class and near 0 for others")
        )
    return f"{what}.\nmax(0, ...) is a hinge; [column = level] is 1 where it holds and else 0."


def _telling(model: Model) -> str:
    """The score that tells in one number how good a model is; of several targets the mean R2."""
    several = model.task == "regression" and len(model.target_names) > 1
    return "r2" if several else model.shown_scores()[0]


def _table(rows: Sequence[Sequence[Any]], heads: Sequence[str]) -> str:
    sides = ["left", *["right" for _ in heads[1:]]]
    return tabulate(rows, heads, tablefmt="plain", disable_numparse=True, colalign=sides)
