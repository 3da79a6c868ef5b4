"""The default recipe against cold starts and other warm ones: the sweep of docs/recipe.md's tables.

python -m experiments.bake_off --config=configs/bake_off.py --output=results/bake_off
"""

from ml_collections import config_dict

SMALL = {"batch_size": 32, "epochs": 400, "splits": 20}
MIDDLE = {"batch_size": 64, "epochs": 150, "splits": 5}
LARGE = {"batch_size": 64, "epochs": 100, "splits": 5}


def get_config() -> config_dict.ConfigDict:
    """Twelve sets, two sizes, five contenders; about an hour on two CPU cores."""
    config = config_dict.ConfigDict()
    config.sets = {
        "uci_yacht": {**SMALL, "epochs": 600},
        "uci_energy": SMALL,
        "uci_boston": SMALL,
        "uci_concrete": SMALL,
        "uci_wine_red": {**MIDDLE, "epochs": 200},
        "wine_quality_red": {**MIDDLE, "epochs": 200},
        "wine_quality_white": MIDDLE,
        "abalone": MIDDLE,
        "uci_kin8nm": MIDDLE,
        "uci_power": LARGE,
        "uci_naval": LARGE,
        "uci_protein": {**LARGE, "epochs": 40},
    }
    config.widths = (64, 128)  # two hidden layers of each
    config.contenders = {
        "recipe": {"start": "recipe", "refit": True},
        "he_normal": {"start": "he_normal", "refit": True},
        "swim": {"start": "swim", "splits": 5},
        "tree": {"start": "tree", "splits": 5},
        "lsuv": {"start": "lsuv", "splits": 5},
    }
    config.learning_rates = (1e-3, 3e-3, 1e-2)
    config.training = {
        "optimizer": "adam", "schedule": "constant", "warmup_epochs": 5, "averaging": 0.99,
        "guard": 1.02,
    }  # fmt: skip
    return config
