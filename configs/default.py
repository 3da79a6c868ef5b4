"""Every field of a config, with its default; the other configs start from here."""

from ml_collections import config_dict


def get_config() -> config_dict.ConfigDict:
    """Friedman 1 with five seeds; see configs/friedman1.py for the command."""
    config = config_dict.ConfigDict()
    config.data = config_dict.ConfigDict({"name": "friedman1"})
    config.published_splits = False  # seed s takes published split s, where the data have splits
    config.fit = config_dict.ConfigDict(  # options of network.spline_start and fit_mars
        {
            "directions": ("ols", "sir", "phd"),  # () keeps every hinge on a feature: readable
            "max_terms": 61,
            "max_degree": 1,
            "share": 0.5,  # of the first layer, at most, are hinges
            "tolerance": 0.2,  # of the residuals, for smaller coefficients
            "penalty": 3.0,  # GCV's charge per knot
            "knots": 64,
        }
    )
    config.network = config_dict.ConfigDict({"hidden_sizes": (64, 64)})
    config.training = config_dict.ConfigDict(
        {
            "loss": "squared_error",
            "optimizer": "adam",
            "batch_size": 64,
            "epochs": 100,
            "warmup_epochs": 5,
            "schedule": "constant",
            "averaging": 0.99,
            "guard": 1.02,
            "patience": 0,
        }
    )
    config.learning_rates = (1e-3, 3e-3, 1e-2)
    config.initialisations = ("spline", "he_normal")
    config.seeds = 5
    return config.lock()
