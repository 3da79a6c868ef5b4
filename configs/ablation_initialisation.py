"""Every start there is, at the same budget.

python -m experiments.sweep --config=configs/ablation_initialisation.py --workdir=runs/starts

One to two minutes of one CPU core (AMD EPYC), without the pages of cells.
The recipe is lowest on average; SWIM ends 2 % above, Glorot 5 %, He 19 %.
Record: results/ablations/initialisation.json, page: docs/ablations.md.
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
