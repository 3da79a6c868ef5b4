"""How the units without a hinge are drawn, and whether they learn.

python -m experiments.sweep --config=configs/ablation_widening.py --workdir=runs/widening
"""

from configs import ablation_sets
from spline_fc import network

VARIANTS = {
    **{name: {"fit": {"incoming": name}} for name in network.SAMPLERS if name != "he_normal"},
    "never_learn": {"training": {"group_rates": {"new_units": 0.0}}},
}


def get_config(mode: str = ""):
    """The recipe (He's distribution) and every other sampler."""
    return ablation_sets.get_config(mode, VARIANTS, others=())


def sweep(add) -> None:
    """All of them on every set."""
    ablation_sets.every_set(add)
