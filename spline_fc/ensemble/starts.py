"""What the members of an ensemble set out from, and what makes them differ."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from spline_fc import network, protocol
from spline_fc.checks import as_list, check, check_known_keys, check_mapping, check_one_of
from spline_fc.data import Dataset, Part
from spline_fc.protocol import SPLINE, Contender, Start

SPLINES = ("own", "bootstrap", "shared")
Variety = Mapping[str, Sequence[Any]]

# A draw for members of a regression; docs/ensembles.md has what it is worth.
VARIETY: Variety = {
    "knots": (16, 32, 64, 128),
    "directions": ((), ("ols",), ("ols", "sir"), ("ols", "sir", "phd")),
}


def check_variety(start: str, spline: str, variety: Variety) -> None:
    """Raises ValueError for a variety that there is not."""
    check_one_of("spline", spline, SPLINES)
    check_mapping("variety", variety)
    check(
        start == SPLINE or (spline == "own" and not variety),
        f"start must be {SPLINE!r} where its splines are to differ; got {start!r}.",
    )
    check(
        not variety or spline != "shared",
        f"variety must be left out with a shared spline; got {sorted(variety)}.",
    )
    check_known_keys("variety", variety, network.START_OPTIONS)
    for name, values in variety.items():
        values = as_list(f"variety[{name!r}]", values, "values of this option")
        check(len(values) > 0, f"variety[{name!r}] must hold at least one value; got none.")


def draw(seed: int, members: int, variety: Variety) -> list[dict[str, Any]]:
    """Draws the options in which members differ; every value comes equally often, or once more.

    Args:
      seed: of the draw.
      members: how many.
      variety: {option of `network.spline_start`: its values}.

    Returns:
      {option: value} per member.
    """
    rng = np.random.default_rng([seed, 4])
    drawn: list[dict[str, Any]] = [{} for _ in range(members)]
    for name, values in variety.items():
        for own, place in zip(drawn, rng.permutation(members), strict=True):
            own[name] = values[place % len(values)]
    return drawn


def make_starts(
    seed: int,
    contender: Contender,
    datasets: Sequence[Dataset],
    hidden_sizes: Sequence[int],
    *,
    fitted_on: Dataset,
    spline: str,
    variety: Variety,
) -> list[Start]:
    """Makes the network that each member begins with.

    Args:
      seed: of all that is random.
      contender: which start, with the options that members share.
      datasets: K, standardised, as the members see them.
      hidden_sizes: widths.
      fitted_on: its training part is that of a shared spline.
      spline: "own", of a member's training rows; "bootstrap", of as many drawn from them with
        replacement; "shared", one for all, whose members differ in their free units.
      variety: as in `draw`.

    Returns:
      K starts.

    Raises:
      ValueError: what `protocol.make_start` refuses.
    """
    members = len(datasets)
    key = protocol.key_of(seed, contender)
    keys = [jax.random.fold_in(key, member) for member in range(members)]
    if spline == "shared":
        first = protocol.make_start(key, contender, fitted_on, hidden_sizes)
        return [_refilled(own, contender, first, fitted_on, hidden_sizes) for own in keys]
    starts = []
    for member, (own, options) in enumerate(zip(keys, draw(seed, members, variety), strict=True)):
        chosen = contender._replace(options={**contender.options, **options})
        dataset = datasets[member]
        if spline == "bootstrap":
            dataset = _resampled(dataset, np.random.default_rng([seed, 5, member]))
        starts.append(protocol.make_start(own, chosen, dataset, hidden_sizes))
    return starts


def _refilled(
    key: jax.Array,
    contender: Contender,
    start: Start,
    dataset: Dataset,
    hidden_sizes: Sequence[int],
) -> Start:
    """The start with other free units."""
    if start.fit is None:
        raise ValueError(f"start must be {SPLINE!r} for a shared spline; got an initialiser.")
    given = {n: value for n, value in contender.options.items() if n in network.FILLING}
    params = network.fill_in(key, start.fit, *dataset.train, hidden_sizes, **given)
    return start._replace(params=params)


def _resampled(dataset: Dataset, rng: np.random.Generator) -> Dataset:
    """The data set with training rows drawn from its own with replacement."""
    rows = np.sort(rng.integers(len(dataset.train.x), size=len(dataset.train.x)))
    weights = dataset.weights
    if weights is not None:
        weights = weights._replace(train=weights.train[rows])
    return dataset._replace(train=Part(*(a[rows] for a in dataset.train)), weights=weights)
