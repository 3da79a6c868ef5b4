"""Directions always, never, or where rows held out say that they pay: what each ends at.

python -m experiments.sweep --config=configs/ablation_directions.py --workdir=runs/directions

Seven sets that no other choice of the recipe was judged on, three seeds, two hidden layers of 64:
a few minutes on one CPU core. Record: results/directions, page: docs/recipe.md.
"""

from configs import bake_off, default

FEW = {"data.num_train": 800, "data.num_validation": 400, "data.num_test": 1000}
STATION = "beijing_air_quality/PRSA_Data_Dongsi_20130301-20170228.csv.gz"
LARGE = {"training.epochs": 30}
SETS = {
    "friedman1": FEW,
    "friedman2": FEW,
    "friedman3": FEW,
    "cpwl": FEW,
    "california_housing": {"data.test_fraction": 0.6, **LARGE},
    "diamonds/diamonds.csv.gz": {
        "data.target": ("price",),
        "data.test_fraction": 0.8,
        "data.validation_fraction": 0.6,
        **LARGE,
    },
    STATION: {
        "data.target": ("PM2.5",),
        "data.ignore": ("No", "year", "station"),
        "data.test_fraction": 0.6,
        "data.validation_fraction": 0.7,
        **LARGE,
    },
}
ALWAYS, NEVER, CHOSEN = "always", "never", "recipe"


def get_config(mode: str = ""):
    """He, and the recipe with directions always, never, and as it chooses itself; one rate."""
    config = bake_off.get_config()
    kinds = {ALWAYS: ("ols", "sir", "phd"), NEVER: ()}
    with config.unlocked():
        for name, directions in kinds.items():
            config.variants[name] = {"start": "spline", "fit": {"directions": directions}}
    config.initialisations = (CHOSEN, "he_normal", *kinds)
    config.refit = config.timing = False
    config.seeds, config.learning_rates = 3, (3e-3,)
    config.training.epochs, config.training.batch_size = 80, 64
    return default.finish(config, mode)


def sweep(add) -> None:
    """One cell a set."""
    for name, fields in SETS.items():
        add(name.split("/")[0], {"data.name": name, **fields})
