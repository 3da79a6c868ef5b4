"""What a config asks for: every field, its default, and its check before anything is computed."""

import dataclasses
import inspect
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from spline_fc import checks, data, network, training
from spline_fc.cpwl import DIRECTIONS, PRUNE_METHODS, check_search_options, most_directions
from spline_fc.cpwl.inputs import column_groups, column_set
from spline_fc.data import Dataset, as_dataset
from spline_fc.files import plain
from spline_fc.protocol import SPLINE, Contender
from spline_fc.training import TrainingConfig

PUBLISHED = "published"  # data.split: seed s takes published split s
WRITERS = ("stdout", "tensorboard")  # of metrics, beside the JSONL files
_VARIANT = ("start", "fit", "training", "control", "noise")


class Plan(NamedTuple):
    """A config, checked and read."""

    config: dict[str, Any]  # plain, every field present: what a workdir keeps
    data: dict[str, Any]
    hidden_sizes: tuple[int, ...]
    contenders: tuple[Contender, ...]
    learning_rates: tuple[float, ...]
    seeds: int
    extrapolate: str
    refit: bool
    timing: bool
    checkpoint_every: int
    knot_records: int
    writers: tuple[str, ...]


def defaults() -> dict[str, Any]:
    """Every field of a config with its default, as plain nested dicts; None means not given."""
    training_fields: dict[str, Any] = dataclasses.asdict(TrainingConfig())
    training_fields.pop("learning_rate")  # the grid below takes its place
    return {
        "data": {"name": None, **_defaults_of(data.load, leave_out=("seed", "encoding"))},
        "fit": network.start_defaults(),
        "network": {"hidden_sizes": (64, 64)},
        "training": {**training_fields, "group_rates": dict.fromkeys(training.GROUPS)},
        "initialisations": (SPLINE, "he_normal"),
        "variants": {},
        "learning_rates": training.LEARNING_RATES,
        "seeds": 5,
        "extrapolate": "clip",
        "refit": False,
        "timing": False,
        "checkpoint_every": 20,
        "knot_records": 50,
        "writers": (),
    }


def _defaults_of(function: Any, leave_out: tuple[str, ...]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    given = [p for p in parameters if p.kind == p.KEYWORD_ONLY and p.name not in leave_out]
    return {parameter.name: parameter.default for parameter in given}


def read_plan(config: Any) -> Plan:
    """Checks a config and reads it; fields that are not named have their defaults.

    Args:
      config: mapping or ConfigDict with any of the fields of `configs/default.py`.

    Returns:
      Plan.

    Raises:
      ValueError: an unknown field (the closest one is suggested) or a bad value.
    """
    given = config.to_dict() if hasattr(config, "to_dict") else config
    checks.check_mapping("config", given)
    full = _filled(given)
    checks.check(full["data"]["name"] is not None, "config.data.name must be given; got None.")
    checks.check_integer("config.seeds", full["seeds"], 1)
    checks.check_integer("config.checkpoint_every", full["checkpoint_every"], 1)
    checks.check_integer("config.knot_records", full["knot_records"], 1)
    checks.check_one_of("config.extrapolate", full["extrapolate"], data.EXTRAPOLATE)
    for name in ("refit", "timing"):
        checks.check_boolean(f"config.{name}", full[name])
    for name in _listed("config.writers", full["writers"]):
        checks.check_one_of("config.writers", name, WRITERS)
    checks.check_mapping("config.variants", full["variants"])
    sizes = checks.as_sizes("hidden_sizes", full["network"]["hidden_sizes"])
    full["network"] = {**full["network"], "hidden_sizes": sizes}
    names = _names(full)
    read = {name: _contender(full, name) for name in (*full["variants"], *names)}
    contenders = tuple(read[name] for name in names)
    checks.check(
        not full["refit"] or all(c.training.schedule == "constant" for c in contenders),
        "config.training.schedule must be 'constant' with config.refit, which trains for fewer "
        "epochs than the schedule was made for.",
    )
    return Plan(
        config=plain(full),
        data={key: value for key, value in full["data"].items() if value is not None},
        hidden_sizes=sizes,
        contenders=contenders,
        learning_rates=_rates(full["learning_rates"]),
        seeds=full["seeds"],
        extrapolate=full["extrapolate"],
        refit=full["refit"],
        timing=full["timing"],
        checkpoint_every=full["checkpoint_every"],
        knot_records=full["knot_records"],
        writers=tuple(full["writers"]),
    )


def _filled(given: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults with what is given in their place, no field beyond them."""
    full = defaults()
    checks.check_known_keys("config", given, full)
    for section, value in given.items():
        if section == "variants" or not isinstance(full[section], dict):
            full[section] = value
            continue
        checks.check_mapping(f"config.{section}", value)
        checks.check_known_keys(f"config.{section}", value, full[section])
        full[section] = {**full[section], **value}
    # An empty tuple is how a command line says that no column is named.
    full["data"] = {k: None if v in ((), []) else v for k, v in full["data"].items()}
    return full


def _names(full: Mapping[str, Any]) -> tuple[str, ...]:
    names = _listed("config.initialisations", full["initialisations"])
    checks.check(len(names) > 0, "config.initialisations must name at least one start; got none.")
    known = (*network.INITIALISERS, *full["variants"])
    for name in names:
        checks.check_one_of("config.initialisations", name, known)
        checks.check(
            re.fullmatch(r"\w+", name) is not None and names.count(name) == 1,
            f"config.initialisations must hold words, each once, as they name files; got {name!r}.",
        )
    return names


def _contender(full: Mapping[str, Any], name: str) -> Contender:
    """One entry of `initialisations`: a start, or a variant with fields of its own."""
    variant = full["variants"].get(name, {"start": name})
    where = f"config.variants.{name}" if name in full["variants"] else "config"
    checks.check_mapping(where, variant)
    checks.check_known_keys(where, variant, _VARIANT)
    for section in ("fit", "training"):
        checks.check_mapping(f"{where}.{section}", variant.get(section, {}))
    start = variant.get("start", SPLINE)
    checks.check_one_of(f"{where}.start", start, network.INITIALISERS)
    options = {**full["fit"], **variant.get("fit", {})}
    checks.check_known_keys(f"{where}.fit", options, full["fit"])
    _check_fit(f"{where}.fit", options)
    fields = {**full["training"], **variant.get("training", {})}
    checks.check_mapping("config.training.group_rates", fields["group_rates"])
    fields["group_rates"] = {k: v for k, v in fields["group_rates"].items() if v is not None}
    if start != SPLINE:  # there are no hinges whose groups or axes could be kept
        fields.update(group_rates={}, keep_axes=False)
    given = {key: value for key, value in options.items() if value is not None}
    control, noise = variant.get("control"), variant.get("noise", 0.0)
    _check_altered(where, start, given, control, noise)
    return Contender(name, start, given, training.as_config(fields), control, float(noise))


def _check_altered(
    where: str, start: str, options: Mapping[str, Any], control: Any, noise: Any
) -> None:
    """What is taken from a spline start, or added to it, is wanted of spline starts alone."""
    checks.check_number(f"{where}.noise", noise, at_least=0)
    checks.check(
        start == SPLINE or (control is None and noise == 0),
        f"{where}.control and noise must be left out without a spline; got the start {start!r}.",
    )
    if control is not None:
        checks.check_one_of(f"{where}.control", control, network.CONTROLS)
        checks.check(
            options["row_share"] == 1,
            f"{where}.fit.row_share must be 1 with a control; got {options['row_share']!r}.",
        )


def check_against_data(plan: Plan, dataset: Dataset) -> None:
    """Raises ValueError where a loss wants labels of a regression, or a column is not there."""
    task = as_dataset(dataset).task
    for contender in plan.contenders:
        if contender.start == SPLINE:
            _check_range(contender, dataset)
        loss = contender.training.loss_of(task)
        checks.check(
            task != "regression" or not loss.endswith("cross_entropy"),
            f"config.training.loss must be squared_error or huber for regression; got {loss!r}.",
        )


def _check_range(contender: Contender, dataset: Dataset) -> None:
    """Directions, of which there may be fewer than asked for, are columns after the features."""
    options, features = contender.options, dataset.feature_names
    task = training.fitted_as(contender.training.loss, dataset.task)
    kinds = options.get("directions", network.DIRECTIONS_OF[task])
    kinds = (kinds,) if isinstance(kinds, str) else kinds
    each, names = options["num_directions"], list(features)
    for kind in kinds:
        most = max(each, most_directions(kind, len(features), dataset.train.y, each))
        names += [f"{kind} {j + 1}" for j in range(most)]
    column_set("config.fit.linear", options.get("linear", ()), names)
    column_groups("config.fit.allowed", options.get("allowed", ()), names)


def _check_fit(name: str, options: Mapping[str, Any]) -> None:
    """What a fit would refuse without a look at the data."""
    directions = () if options["directions"] is None else options["directions"]
    for direction in (
        (directions,) if isinstance(directions, str) else _listed(f"{name}.directions", directions)
    ):
        checks.check_one_of(f"{name}.directions", direction, DIRECTIONS)
    search = ("max_terms", "max_degree", "penalty", "threshold", "min_span", "end_span", "fast_k",
              "screen")  # fmt: skip
    check_search_options(**{option: options[option] for option in search})
    for share in ("share", "row_share"):
        checks.check_number(f"{name}.{share}", options[share], above=0, at_most=1)
    checks.check_one_of(f"{name}.incoming", options["incoming"], network.SAMPLERS)
    checks.check_one_of(f"{name}.balance", options["balance"], network.BALANCES)
    checks.check_number(f"{name}.tolerance", options["tolerance"], above=0)
    checks.check_integer(f"{name}.passes", options["passes"], 0)
    if options["ridge"] is not None:
        checks.check_number(f"{name}.ridge", options["ridge"], above=0)
    checks.check_one_of(f"{name}.prune", options["prune"], PRUNE_METHODS)
    for option, least in (("num_directions", 1), ("num_slices", 2), ("num_folds", 2)):
        checks.check_integer(f"{name}.{option}", options[option], least)
    if options["max_hinges"] is not None:
        checks.check_integer(f"{name}.max_hinges", options["max_hinges"], 0)
    knots = options["knots"]
    if knots != "all":
        checks.check_integer(f'{name}.knots, unless it is "all",', knots, 1)
    for group in _listed(f"{name}.allowed", options["allowed"] or ()):
        _check_columns(f"each group of {name}.allowed", group)
    _check_columns(f"{name}.linear", options["linear"])


def _check_columns(name: str, columns: Any) -> None:
    """What is wrong with columns by number or name, before it is known which there are."""
    for column in _listed(name, columns):
        if not isinstance(column, str):
            checks.check_integer(f"a column in {name}", column, 0)


def _listed(name: str, values: Any) -> tuple[Any, ...]:
    """The values of a list; ValueError for a single one, a text among them."""
    checks.check(isinstance(values, (list, tuple)), f"{name} must be a list; got {values!r}.")
    return tuple(values)


def _rates(rates: Any) -> tuple[float, ...]:
    rates = _listed("config.learning_rates", rates)
    checks.check(len(rates) > 0, "config.learning_rates must name at least one rate; got none.")
    for rate in rates:
        checks.check_number("config.learning_rates", rate, above=0)
        checks.check(
            rates.count(rate) == 1, f"config.learning_rates must differ; got {rate:g} twice."
        )
    return tuple(float(rate) for rate in rates)
