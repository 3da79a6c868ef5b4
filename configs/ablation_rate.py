"""The learning rate: the recipe against cold starts at six rates, none chosen.

python -m experiments.sweep --config=configs/ablation_rate.py --workdir=runs/rate
"""

from configs import ablation_sets

RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)


def get_config(mode: str = ""):
    """The recipe, He and Glorot."""
    return ablation_sets.get_config(mode)


def sweep(add) -> None:
    """One rate a cell."""
    for rate in RATES:
        ablation_sets.every_set(add, f"rate_{rate:g}", {"learning_rates": (rate,)})
