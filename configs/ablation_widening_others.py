"""What `ablation_widening` showed, on six sets that it was not seen on: units without a hinge.

python -m experiments.sweep --config=configs/ablation_widening_others.py

A minute and a half of one CPU core (AMD EPYC). It did not hold: no gain on average, SWIM 2 % worse.
Record: results/ablations/widening_others.json, page: docs/ablations.md.
"""

from configs import ablation_sets

SETS = ("abalone", "wine_quality", "uci_concrete", "uci_energy", "uci_power", "diabetes")
ROWS = 1000  # at most
SMALL = ("uci_concrete", "uci_energy", "diabetes")
VARIANTS = {name: {"fit": {"incoming": name}} for name in ("glorot_uniform", "orthogonal", "swim")}


def get_config(mode: str = ""):
    """The recipe (He's distribution), and the three that looked best."""
    return ablation_sets.get_config(mode, VARIANTS, others=())


def sweep(add) -> None:
    """All of them on every set."""
    for name in SETS:
        rows = {} if name in SMALL else {"data.num_train": ROWS}
        add(name, {"data.name": name, **rows})
