"""Norms in and out of the units of the spline: balanced or as they come.

python -m experiments.sweep --config=configs/ablation_balance.py --workdir=runs/balance

One to two minutes of one CPU core (AMD EPYC), without the pages of cells.
No difference.
Record: results/ablations/balance.json, page: docs/ablations.md.
"""

from configs import ablation_sets

VARIANTS = {kind: {"fit": {"balance": kind}} for kind in ("any", "none")}


def get_config(mode: str = ""):
    """The recipe (powers of two), equal to rounding, and not at all."""
    return ablation_sets.get_config(mode, VARIANTS, others=())


def sweep(add) -> None:
    """All of them on every set."""
    ablation_sets.every_set(add)
