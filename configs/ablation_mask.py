"""What of the spline may move: everything, hinges on their axes, no knots, or on a leash.

python -m experiments.sweep --config=configs/ablation_mask.py --workdir=runs/mask

One to two minutes of one CPU core (AMD EPYC), without the pages of cells.
Hinges that stay on their axes cost at most 1 %, frozen knots up to 3 %.
Record: results/ablations/mask.json, page: docs/ablations.md.
"""

from configs import ablation_sets

VARIANTS = {
    "free": {"fit": {"directions": ()}},
    "on_axis": {"fit": {"directions": ()}, "training": {"keep_axes": True}},
    "frozen_knots": {"training": {"group_rates": {"knots": 0.0}}},
    "frozen_spline_units": {"training": {"group_rates": {"spline_units": 0.0}}},
    **{f"decay_{pull}": {"training": {"initial_decay": float(pull)}} for pull in (1, 10)},
}


def get_config(mode: str = ""):
    """The recipe, hinges on features free and on their axes, and weights held back."""
    return ablation_sets.get_config(mode, VARIANTS, others=())


def sweep(add) -> None:
    """All of them on every set."""
    ablation_sets.every_set(add)
