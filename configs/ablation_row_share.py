"""The share of the training rows that the spline is fitted on.

python -m experiments.sweep --config=configs/ablation_row_share.py --workdir=runs/row_share

One to two minutes of one CPU core (AMD EPYC), without the pages of cells.
Half of the rows costs 3 %, a tenth 9 %.
Record: results/ablations/row_share.json, page: docs/ablations.md.
"""

from configs import ablation_sets

VARIANTS = {f"rows_{part}": {"fit": {"row_share": part / 100}} for part in (10, 25, 50)}


def get_config(mode: str = ""):
    """The recipe (all rows), cold starts, and shares; training uses all rows in every case."""
    return ablation_sets.get_config(mode, VARIANTS)


def sweep(add) -> None:
    """All of them on every set."""
    ablation_sets.every_set(add)
