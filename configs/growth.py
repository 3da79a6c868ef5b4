"""Cost as the data grow: the same network from a spline and from He on more and more rows.

python -m experiments.sweep --config=configs/growth.py --records=results/growth/cells
python -m experiments.growth --output=results/growth/seconds.json

The first trains, the second times starts and steps alone. Of a set, validation and test part are
the same for all numbers of training rows. "tenth" fits its spline on a tenth of the rows.
"""

from configs import default

SMALL = {"seeds": 5, "learning_rates": (3e-3, 1e-2, 3e-2, 1e-1)}
LARGE = {
    "seeds": 3,
    "learning_rates": (1e-3, 3e-3, 1e-2, 3e-2),
    "initialisations": ("spline", "tenth", "he_normal"),
}
SETS = {
    # Generated: five columns act, two of them together, five are idle; noise of deviation 1.
    "friedman1": {
        "data.name": "friedman1",
        "data.noise": 1.0,
        "data.num_validation": 5000,
        "data.num_test": 5000,
    },
    # Prices: a heavy tail, 26 features of which 20 are levels.
    "diamonds": {
        "data.name": "diamonds/diamonds.csv",
        "data.target": ("price",),
        "data.validation_fraction": 0.1,
        "data.test_fraction": 0.15,
    },
}
ROWS = {
    "friedman1": {
        2000: {**SMALL, "training.epochs": 100},
        8000: {**SMALL, "training.epochs": 120},
        50000: {**LARGE, "training.epochs": 40},
        500000: {**LARGE, "training.epochs": 20, "learning_rates": (3e-4, 1e-3, 3e-3, 1e-2)},
    },
    "diamonds": {
        2000: {**SMALL, "training.epochs": 150},
        8000: {**SMALL, "training.epochs": 80},
        40000: {**LARGE, "training.epochs": 40},
    },
}


def get_config(mode: str = ""):
    """What all cells share; a cell is a set at one number of training rows."""
    config = default.get_config()
    with config.unlocked():
        config.variants = {"tenth": {"start": "spline", "fit": {"row_share": 0.1}}}
    config.initialisations = ("spline", "he_normal")
    config.training.batch_size, config.network.hidden_sizes = 64, (64, 64)
    config.knot_records, config.checkpoint_every = 1, 5
    return default.finish(config, mode)


def sweep(add) -> None:
    """Every set at every number of rows, the fewest first."""
    listed = [(rows, name, fields) for name, own in ROWS.items() for rows, fields in own.items()]
    for rows, name, fields in sorted(listed, key=lambda cell: cell[0]):
        add(f"{name}-{rows}", {**SETS[name], "data.num_train": rows, **fields})
