"""The default recipe against cold starts and other warm ones: the sweep of docs/recipe.md's tables.

python -m experiments.sweep --config=configs/bake_off.py --workdir=runs/bake_off

Twelve sets, two sizes, five contenders: about an hour on two CPU cores.
"""

from configs import default

SMALL = {"training.batch_size": 32, "training.epochs": 400, "seeds": 20}
MIDDLE = {"training.batch_size": 64, "training.epochs": 150, "seeds": 5}
LARGE = {"training.batch_size": 64, "training.epochs": 100, "seeds": 5}
SETS = {
    "uci_yacht": {**SMALL, "training.epochs": 600},
    "uci_energy": SMALL,
    "uci_boston": SMALL,
    "uci_concrete": SMALL,
    "uci_wine_red": {**MIDDLE, "training.epochs": 200},
    "wine_quality_red": {**MIDDLE, "training.epochs": 200},
    "wine_quality_white": MIDDLE,
    "abalone": MIDDLE,
    "uci_kin8nm": MIDDLE,
    "uci_power": LARGE,
    "uci_naval": LARGE,
    "uci_protein": {**LARGE, "training.epochs": 40},
}
WIDTHS = (64, 128)  # two hidden layers of each


def get_config(mode: str = ""):
    """What all cells share; a cell is a set at one size, all its splits and contenders."""
    config = default.get_config()
    with config.unlocked():
        config.variants = {"recipe": {"start": "spline"}}
    config.initialisations = ("recipe", "he_normal")
    config.refit = config.timing = True
    return default.finish(config, mode)


def cell(name: str, width: int) -> dict:
    """The fields of a set at one size."""
    split = {"data.split": "published"} if name.startswith("uci_") else {}
    return {"data.name": name, **split, "network.hidden_sizes": (width, width), **SETS[name]}


def sweep(add) -> None:
    """The recipe and He on all splits, the other starts on the first five."""
    for width in WIDTHS:
        for name in SETS:
            fields = cell(name, width)
            add(f"{name}-{width}", fields)
            others = {"initialisations": ("swim", "tree", "lsuv"), "seeds": 5, "refit": False}
            add(f"{name}-{width}-others", {**fields, **others})
