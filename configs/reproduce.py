"""The method's own experiments: Abalone and Wine Quality, a spline start against random ones.

python -m experiments.reproduce --config=configs/reproduce.py --workdir=runs/reproduce

Twenty random splits of four sets, five contenders with a grid of five learning rates each: a
quarter of an hour of processor time, measures of cost and of readout included. The records lie in
results/reproduce; docs/reproduction.md says what came out.
"""

from configs import default

SETS = ("abalone", "wine_quality_red", "wine_quality_white", "wine_quality")
VARIANTS = {
    "masked": {"start": "spline", "training": {"keep_axes": True}},  # hinges keep their features
    "penalised": {"start": "spline", "training": {"initial_decay": 1.0}},  # a pull to the start
}


def get_config(mode: str = ""):
    """An additive spline, free, masked and penalised, beside He and Glorot."""
    config = default.get_config()
    with config.unlocked():
        config.variants = VARIANTS
    config.data.name = SETS[0]
    config.fit.directions = ()  # hinges on features alone, as the method has them
    config.initialisations = ("spline", *VARIANTS, "he_normal", "glorot_uniform")
    config.learning_rates = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
    config.seeds, config.training.epochs = 20, 100
    config.extrapolate = "linear"  # the readout scores rows pulled in as well
    config.knot_records, config.checkpoint_every = 1, 1000
    return default.finish(config, mode)


def sweep(add) -> None:
    """A cell per set."""
    for name in SETS:
        add(name, {"data.name": name})
