"""The charge per knot, what prunes, and how far coefficients are shrunk.

python -m experiments.sweep --config=configs/ablation_pruning.py --workdir=runs/pruning

One to two minutes of one CPU core (AMD EPYC), without the pages of cells.
No rule of pruning matters to the trained network; unshrunk coefficients cost 3 to 7 %.
Record: results/ablations/pruning.json, page: docs/ablations.md.
"""

from configs import ablation_sets

VARIANTS = {
    **{f"penalty_{charge}": {"fit": {"penalty": float(charge)}} for charge in (0, 1, 5)},
    **{f"prune_{rule}": {"fit": {"prune": rule}} for rule in ("cv", "none")},
    "unshrunk": {"fit": {"tolerance": 1e-6}},
    "shrunk_more": {"fit": {"tolerance": 1.0}},
}


def get_config(mode: str = ""):
    """The recipe (GCV at 3 a knot; residuals may grow by a fifth) and others."""
    return ablation_sets.get_config(mode, VARIANTS, others=())


def sweep(add) -> None:
    """All of them on every set."""
    ablation_sets.every_set(add)
