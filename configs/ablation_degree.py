"""Additive splines, directions, and minima of two hinges.

python -m experiments.sweep --config=configs/ablation_degree.py --workdir=runs/degree

One to two minutes of one CPU core (AMD EPYC), without the pages of cells.
Minima take 15 % off on Friedman 1 and nothing on average.
Record: results/ablations/degree.json, page: docs/ablations.md.
"""

from configs import ablation_sets

VARIANTS = {
    "features": {"fit": {"directions": ()}},
    "minima": {"fit": {"directions": (), "max_degree": 2}},
    "minima_and_directions": {"fit": {"max_degree": 2}},
    "random_directions": {"fit": {"directions": ("random",)}},
}


def get_config(mode: str = ""):
    """The recipe, which chooses between features and directions by rows held out, and others."""
    return ablation_sets.get_config(mode, VARIANTS)


def sweep(add) -> None:
    """All of them on every set."""
    ablation_sets.every_set(add)
