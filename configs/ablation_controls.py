"""Is it the knots, the coefficients or the scale? The start with one of them taken away.

python -m experiments.sweep --config=configs/ablation_controls.py --workdir=runs/controls

Two to three minutes of one CPU core (AMD EPYC), without the pages of cells.
Random knots with fitted coefficients end where the recipe does, other columns 6 % above, other
coefficients above and much later, the scale alone worse than He.
Record: results/ablations/controls.json, page: docs/ablations.md.
"""

from configs import ablation_sets
from spline_fc import network

VARIANTS = {
    **{control: {"control": control} for control in network.CONTROLS},
    "frozen_random_knots": {
        "control": "random_knots",
        "training": {"group_rates": {"knots": 0.0}},
    },
}


def get_config(mode: str = ""):
    """The recipe, cold starts and every control; random knots also where they cannot move."""
    return ablation_sets.get_config(mode, VARIANTS)


def sweep(add) -> None:
    """All of them on every set."""
    ablation_sets.every_set(add)
