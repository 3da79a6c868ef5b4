"""Optimisers, each with a grid of rates of its own: the recipe against cold starts.

python -m experiments.sweep --config=configs/ablation_optimiser.py --workdir=runs/optimiser
"""

from configs import ablation_sets

ADAM = (1e-3, 3e-3, 1e-2)
OPTIMISERS = {
    "adam": {"learning_rates": ADAM},
    "adamw": {"learning_rates": ADAM, "training.weight_decay": 0.01},
    "sgd": {"learning_rates": (3e-3, 1e-2, 3e-2)},
    "lbfgs": {
        "learning_rates": (0.3, 1.0),
        "training.batch_size": 10_000,
        "training.epochs": 50,
        "training.averaging": 0.0,
    },
    "gauss_newton": {
        "learning_rates": (0.03, 0.1, 0.3),
        "training.batch_size": 256,
        "training.epochs": 20,
    },
}


def get_config(mode: str = ""):
    """The recipe, He and Glorot."""
    return ablation_sets.get_config(mode)


def sweep(add) -> None:
    """Every optimiser on every set; the last needs the squared error."""
    for optimiser, fields in OPTIMISERS.items():
        for name, own in ablation_sets.SETS.items():
            if optimiser != "gauss_newton" or name != ablation_sets.CLASSES:
                add(f"{name}-{optimiser}", {**own, "training.optimizer": optimiser, **fields})
