"""How many terms, and how much of the first layer they may take.

python -m experiments.sweep --config=configs/ablation_terms.py --workdir=runs/terms

One to two minutes of one CPU core (AMD EPYC), without the pages of cells.
From ten terms on the trained networks can hardly be told apart.
Record: results/ablations/terms.json, page: docs/ablations.md.
"""

from configs import ablation_sets

VARIANTS = {
    **{f"terms_{count}": {"fit": {"max_terms": count}} for count in (3, 6, 11, 21)},
    "share_25": {"fit": {"share": 0.25}},
}


def get_config(mode: str = ""):
    """The recipe (at most 61 terms and half of the layer), cold starts, and fewer or more."""
    return ablation_sets.get_config(mode, VARIANTS)


def sweep(add) -> None:
    """All of them on every set."""
    ablation_sets.every_set(add)
