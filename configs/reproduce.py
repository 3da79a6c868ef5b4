"""The method's own experiments: Abalone and Wine Quality, a spline start against random ones.

python -m experiments.reproduce --workdir=runs/reproduce

Twenty random splits of four sets, six contenders with a grid of four learning rates each: under 15
minutes on two CPU cores, all measures of cost and of readout included.
"""

from configs import default

SETS = ("abalone", "wine_quality_red", "wine_quality_white", "wine_quality")
VARIANTS = {
    "oblique": {"start": "spline", "fit": {"directions": None}},  # this library's own default
    "masked": {"start": "spline", "training": {"keep_axes": True}},  # hinges keep their features
    "penalised": {"start": "spline", "training": {"initial_decay": 1.0}},  # a pull to the start
}


def get_config(mode: str = ""):
    """An additive spline, free, masked and penalised, one with oblique hinges, He and Glorot."""
    config = default.get_config()
    with config.unlocked():
        config.variants = VARIANTS
    config.data.name = SETS[0]
    config.fit.directions = ()  # hinges on features alone, as the method has them
    config.initialisations = ("spline", *VARIANTS, "he_normal", "glorot_uniform")
    config.learning_rates = (3e-4, 1e-3, 3e-3, 1e-2)
    config.seeds, config.training.epochs, config.timing = 20, 100, True
    config.knot_records, config.checkpoint_every = 1, 1000
    return default.finish(config, mode)


def sweep(add) -> None:
    """A cell per set."""
    for name in SETS:
        add(name, {"data.name": name})
