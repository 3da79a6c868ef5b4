"""How the units without a hinge are drawn, and whether they learn.

python -m experiments.sweep --config=configs/ablation_widening.py --workdir=runs/widening

One to two minutes of one CPU core (AMD EPYC), without the pages of cells.
SWIM's distribution in place of He's takes 4 % off, which `ablation_widening_others` contradicts.
Record: results/ablations/widening.json, page: docs/ablations.md.
"""

from configs import ablation_sets

SAMPLERS = ("glorot_uniform", "orthogonal", "lsuv", "box_lsq", "swim")
VARIANTS = {
    **{name: {"fit": {"incoming": name}} for name in SAMPLERS},
    "never_learn": {"training": {"group_rates": {"new_units": 0.0}}},
}


def get_config(mode: str = ""):
    """The recipe (He's distribution), other samplers, and units that stay as they were drawn."""
    return ablation_sets.get_config(mode, VARIANTS, others=())


def sweep(add) -> None:
    """All of them on every set."""
    ablation_sets.every_set(add)
