"""Every start there is, at the same budget.

python -m experiments.sweep --config=configs/ablation_initialisation.py --workdir=runs/starts
"""

from configs import ablation_sets
from spline_fc import network

OTHERS = tuple(name for name in network.INITIALISERS if name != "spline")


def get_config(mode: str = ""):
    """The recipe and every initialiser, each with its own rate."""
    return ablation_sets.get_config(mode, others=OTHERS)


def sweep(add) -> None:
    """All of them on every set."""
    ablation_sets.every_set(add)
