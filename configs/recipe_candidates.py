"""The choices in the default recipe, each undone alone: which of them the validation loss backs.

python -m experiments.bake_off --config=configs/recipe_candidates.py --output=results/candidates
"""

from ml_collections import config_dict

from configs import bake_off

SETS = ("uci_yacht", "uci_energy", "uci_boston", "uci_concrete", "uci_wine_red", "abalone",
        "uci_kin8nm", "uci_naval")  # fmt: skip


def get_config() -> config_dict.ConfigDict:
    """Eight sets, five splits each, one size; about half an hour on two CPU cores."""
    config = bake_off.get_config()
    config.sets = {name: {**config.sets[name].to_dict(), "splits": 5} for name in SETS}
    config.widths = (64,)
    config.contenders = {
        "recipe": {"start": "recipe"},
        "he_normal": {"start": "he_normal"},
        "on_features": {"start": "recipe", "options": {"directions": ()}},
        "fewer_hinges": {"start": "recipe", "options": {"share": 0.25}},
        "more_hinges": {"start": "recipe", "options": {"share": 0.9}},
        "minima": {"start": "recipe", "options": {"max_degree": 2}},
        "least_squares": {"start": "recipe", "options": {"tolerance": 1e-6}},
        "cross_validated": {"start": "recipe", "options": {"prune": "cv"}},
        "every_knot": {"start": "recipe", "options": {"knots": "all"}},
        "cosine": {"start": "recipe", "training": {"schedule": "cosine"}},
        "longer_averages": {"start": "recipe", "training": {"averaging": 0.998}},
        "unguarded": {"start": "recipe", "training": {"guard": 0.0}},
    }
    return config
