"""Classifiers from spline starts against other starts: the sweep of docs/classes.md's tables.

python -m experiments.sweep --config=configs/classes.py --workdir=runs/classes

Three tables and two sets of 48,000 training images; five starts, two hidden layers of 128.
"""

from configs import bake_off, default

IMAGES = {
    "fit.directions": ("pairs", "spread"),
    "fit.num_directions": 4,
    "fit.knots": 32,
    "fit.screen": 64,
    "fit.passes": 0,
    "training.batch_size": 128,
    "training.epochs": 10,
}
SETS = {
    "breast_cancer": {"training.batch_size": 32, "training.epochs": 100},
    "digits": {"training.batch_size": 32, "training.epochs": 100},
    "adult": {"training.batch_size": 64, "training.epochs": 15},
    "fashion_mnist": IMAGES,
    "mnist": IMAGES,
}
WIDTH = 128
STARTS = ("recipe", "he_normal", "lsuv", "swim", "tree")


def get_config(mode: str = ""):
    """The recipe and the other starts on all seeds, each with its own best rate of one grid."""
    config = bake_off.get_config()
    config.initialisations = STARTS
    config.learning_rates = (3e-4, 1e-3, 3e-3, 1e-2)
    config.refit = False
    return default.finish(config, mode)


def sweep(add) -> None:
    """Every set once, the smallest first; trees of images, which take longest, by themselves."""
    sizes = {"network.hidden_sizes": (WIDTH, WIDTH)}
    for name, fields in SETS.items():
        fields = {"data.name": name, **sizes, **fields}
        if SETS[name] is not IMAGES:
            add(f"{name}-{WIDTH}", fields)
            continue
        add(f"{name}-{WIDTH}", {**fields, "initialisations": STARTS[:-1]})
        add(f"{name}-{WIDTH}-tree", {**fields, "initialisations": STARTS[-1:]})
