"""Four sets of unlike kinds, and what all ablations on them share.

python -m experiments.train --config=configs/ablation_sets.py --workdir=runs/ablation_sets

The config alone is the recipe against He on Friedman 1. `ablation_directions` and
`ablation_recipe` are on other sets: those on which these choices were made.
"""

from collections.abc import Mapping

from configs import default

RECIPE = "recipe"
COLD = ("he_normal", "glorot_uniform")  # the customary start, and the best cold one on these sets
SETS = {
    # Generated: five columns act, two of them together, five are idle; noise of deviation 1.
    "friedman1": {
        "data.name": "friedman1",
        "data.num_train": 800,
        "data.num_validation": 400,
        "data.num_test": 2000,
    },
    # Heavy tails, two columns that are a place on a map.
    "california_housing": {
        "data.name": "california_housing",
        "data.num_train": 1000,
        "data.validation_fraction": 0.05,
        "data.test_fraction": 0.05,
    },
    # A robot arm: smooth, hardly any noise, all columns act together.
    "kin8nm": {
        "data.name": "uci_kin8nm",
        "data.num_train": 1000,
        "data.validation_fraction": 0.1,
        "data.test_fraction": 0.1,
    },
    # Two classes, 107 features of numbers and words.
    "adult": {
        "data.name": "adult/adult-train.csv",
        "data.header": False,
        "data.target": (14,),
        "data.missing": "median",
        "data.num_train": 1000,
        "data.validation_fraction": 0.03,
        "data.test_fraction": 0.05,
        "training.epochs": 20,
    },
}
CLASSES = "adult"


def get_config(mode: str = "", variants: Mapping[str, Mapping] | None = None, others: tuple = COLD):
    """The recipe, other starts and variants of the recipe: five seeds, each its own rate of three.

    Args:
      mode: "smoke" for the smallest run.
      variants: {name: what differs from the recipe}; the start is the spline unless it says so.
      others: initialisers beside them.
    """
    config = default.get_config()
    own = {name: {"start": "spline", **fields} for name, fields in (variants or {}).items()}
    with config.unlocked():
        config.variants = {RECIPE: {"start": "spline"}, **own}
    config.initialisations = (RECIPE, *others, *own)
    config.learning_rates = (1e-3, 3e-3, 1e-2)
    config.seeds, config.training.epochs, config.training.batch_size = 5, 60, 64
    config.knot_records, config.checkpoint_every = 1, 1000
    return default.finish(config, mode)


def every_set(add, label: str = "", fields: Mapping | None = None) -> None:
    """A cell of every set, named by it and by what distinguishes the cell within the sweep."""
    for name, own in SETS.items():
        add(f"{name}-{label}" if label else name, {**own, **(fields or {})})
