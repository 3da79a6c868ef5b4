"""Configs with a field of another kind, out of range or unknown; an earlier run stands."""

import pathlib
from typing import Any

import numpy as np

from spline_fc import files, pipeline, runs
from spline_fc.workdir import FORMAT
from tests.malformed.cases import Case, pick

_JUNK: dict[str, Any] = {
    "None": None,
    "a text": "x",
    "a number as text": "3",
    "a complex number": 1 + 2j,
    "a mapping": {"a": 1},
    "NaN": float("nan"),
    "infinity": float("inf"),
    "-1": -1,
    "0.5": 0.5,
    "True": True,
    "10**400": 10**400,
    "an object": object(),
    "a date": np.datetime64("2020-01-01"),
    "a list of a list": [[1]],
    "a list of None": [None],
    "a list of text": ["x"],
    "bytes": b"x",
}
# What is right for a field besides; all else is to be refused.
_FINE = {
    "None": (
        "fit.penalty fit.knots fit.min_span fit.end_span fit.allowed fit.max_hinges fit.screen "
        "training.group_rates.knots training.group_rates.output"
    ),
    "-1": "fit.penalty",
    "0.5": (
        "fit.share fit.tolerance fit.penalty fit.threshold training.averaging training.momentum "
        "training.weight_decay training.initial_decay training.output_ridge "
        "training.group_rates.knots training.group_rates.output"
    ),
    "10**400": "seeds checkpoint_every knot_records training.epochs training.warmup_epochs "
    "training.patience fit.num_directions fit.num_slices fit.max_terms fit.max_degree fit.knots "
    "fit.min_span fit.end_span fit.num_folds fit.max_hinges fit.screen training.batch_size",
    "True": "refit timing training.keep_axes",
    "a list of a list": "fit.allowed",
}
_UNKNOWN = ("sedes", "fit.max_term", "training.epoch", "network.sizes", "datas", "training.gaurd")
_SHAPED = {
    "learning_rates": [(), (0.1, 0.1), 0.1, (0.1, -0.1), (True,), ("0.1",), {0.1}, (np.nan,)],
    "initialisations": [(), "spline", ("spline", "spline"), (1,), ("splin",), ("a b",), None, [[]]],
    "network.hidden_sizes": [(), (0,), (4, -4), (4.5,), (True,), "64", None, ("4",), (None,)],
    "writers": ["stdout", ("csv",), 1, None, (None,), {"stdout"}],
    "variants": [None, [], {"a": 1}, {"a": {"strat": 1}}, {"a": {"fit": 1}}, {"a": {"start": 1}}],
    "fit.linear": [(-1,), (0.5,), "0", (True,), None, 0, ((0,),)],
    "fit.allowed": [(0,), ((-1,),), "all", ((0.5,),), 3, (("a",),)],
    "fit.directions": [("oops",), (1,), 5, None, "oops", ((),)],
    "training.group_rates": [None, [], 5, {"knot": 1}, {"knots": -1}, {"knots": "0"}],
    "training": [None, [], 5, "x"],
    "fit": [None, [], 5, "x"],
    "network": [None, [], 5, "x"],
    "data": [None, [], 5, "x", {}],
}
_FIELDS = [
    *("seeds", "refit", "timing", "checkpoint_every", "knot_records"),
    *(f"fit.{name}" for name in runs.defaults()["fit"] if name not in ("linear", "directions")),
    *(f"training.{name}" for name in runs.defaults()["training"] if name != "group_rates"),
    *("training.group_rates.knots", "training.group_rates.output"),
]


def make(rng: np.random.Generator, folder: pathlib.Path) -> Case:
    """A field of a config is something else, or unknown; or the config is none."""
    workdir = folder / "run"
    _write_run(workdir)
    kind = pick(rng, ["junk"] * 5 + ["shaped"] * 4 + ["unknown", "whole"])
    if kind == "whole":
        config = pick(rng, [None, [], 5, "friedman1", ("data",), {}])
        return _case("the whole config", f"{config!r}", config, ["config"], workdir, None)
    if kind == "unknown":
        field, what, value = pick(rng, _UNKNOWN), "unknown", 1
    elif kind == "shaped":
        field = pick(rng, list(_SHAPED))
        value = pick(rng, _SHAPED[field])
        what = repr(value)
    else:
        field = pick(rng, _FIELDS)
        what, value = pick(rng, list(_JUNK.items()))
    config = _config(field, value)
    named = [f"config.{field}", field, *field.split(".")[-1:], "config"]
    fine = kind == "junk" and field in _FINE.get(what, "").split()
    return _case(field, what, config, named, workdir, (lambda _: True) if fine else None)


def _case(field, what, config, named, workdir, right) -> Case:
    def use() -> Any:
        read = runs.read_plan(config)
        if right is None:  # the road must refuse it too, before anything is touched
            return pipeline.run(config, workdir, overwrite=True)
        return read

    return Case(f"{field}: {what}", use, named, right, [workdir])


def _config(field: str, value: Any) -> dict[str, Any]:
    config: dict[str, Any] = {
        "data": {"name": "friedman1", "num_train": 40, "num_validation": 20, "num_test": 20},
        "seeds": 1,
        "training": {"epochs": 1, "warmup_epochs": 0, "batch_size": 8},
        "network": {"hidden_sizes": (8,)},
    }
    if field == "variants":
        config["initialisations"] = ("a",)
    *sections, last = field.split(".")
    node = config
    for section in sections:
        node = node.setdefault(section, {})
    node[last] = value
    return config


def _write_run(workdir: pathlib.Path) -> None:
    """The files of an earlier run, as far as they are looked at before a run begins."""
    (workdir / "params").mkdir(parents=True)
    files.write_json(workdir / "workdir.json", {"format": FORMAT})
    files.write_json(workdir / "config.json", {"seeds": 3})
    files.write_text(workdir / "params" / "earlier.npz", "precious")
