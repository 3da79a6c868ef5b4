"""Candidate knots per column.

python -m experiments.sweep --config=configs/ablation_knots.py --workdir=runs/knots

One to two minutes of one CPU core (AMD EPYC), without the pages of cells.
Four candidates a column do as well as every data point.
Record: results/ablations/knots.json, page: docs/ablations.md.
"""

from configs import ablation_sets

VARIANTS = {f"knots_{n}": {"fit": {"knots": n}} for n in (4, 8, 16, "all")}


def get_config(mode: str = ""):
    """The recipe (64), fewer, and every data point."""
    return ablation_sets.get_config(mode, VARIANTS, others=())


def sweep(add) -> None:
    """All of them on every set."""
    ablation_sets.every_set(add)
