"""The choices in the default recipe, each undone alone: which of them the validation loss backs.

python -m experiments.sweep --config=configs/ablation_recipe.py --workdir=runs/ablation_recipe

Eight sets, five splits each, one size: about half an hour on two CPU cores.

These are the sets on which the recipe was made. Least squares, minima and no guard cost 3 to 5 %,
all others are within 1 %. Record: results/candidates, page: docs/recipe.md; on other sets
docs/ablations.md.
"""

from configs import bake_off, default

SETS = (
    "uci_yacht",
    "uci_energy",
    "uci_boston",
    "uci_concrete",
    "uci_wine_red",
    "abalone",
    "uci_kin8nm",
    "uci_naval",
)
UNDONE = {
    "on_features": {"fit": {"directions": ()}},
    "fewer_hinges": {"fit": {"share": 0.25}},
    "more_hinges": {"fit": {"share": 0.9}},
    "minima": {"fit": {"max_degree": 2}},
    "least_squares": {"fit": {"tolerance": 1e-6}},
    "cross_validated": {"fit": {"prune": "cv"}},
    "every_knot": {"fit": {"knots": "all"}},
    "cosine": {"training": {"schedule": "cosine"}},
    "longer_averages": {"training": {"averaging": 0.998}},
    "unguarded": {"training": {"guard": 0.0}},
}


def get_config(mode: str = ""):
    """The recipe, He, and the recipe with one choice undone at a time."""
    config = bake_off.get_config()
    with config.unlocked():
        config.variants.update({name: {"start": "spline", **own} for name, own in UNDONE.items()})
    config.initialisations = ("recipe", "he_normal", *UNDONE)
    config.refit = config.timing = False
    return default.finish(config, mode)


def sweep(add) -> None:
    """Five splits of every set."""
    for name in SETS:
        add(f"{name}-64", {**bake_off.cell(name, 64), "seeds": 5})
