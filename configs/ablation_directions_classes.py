"""Directions always, never, or where rows held out say that they pay: the same of classes.

python -m experiments.sweep --config=configs/ablation_directions_classes.py

Record: results/directions_classes, page: docs/recipe.md.
"""

from configs import ablation_directions, default

SETS = {
    "breast_cancer": {"training.batch_size": 32},
    "digits": {"training.batch_size": 32, "training.epochs": 40},
}


def get_config(mode: str = ""):
    """As for regressions, with the directions that tell classes apart."""
    config = ablation_directions.get_config()
    config.variants[ablation_directions.ALWAYS].fit.directions = ("pairs",)
    return default.finish(config, mode)


def sweep(add) -> None:
    """One cell a set."""
    for name, fields in SETS.items():
        add(name, {"data.name": name, **fields})
