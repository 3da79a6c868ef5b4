"""The head of an image classifier replaced by a spline: a convolutional network, an encoder, NNX.

python -m experiments.head --config=configs/head_fashion.py
python -m experiments.head --config=configs/head_fashion.py:smoke --output=runs/head.json

Needs the folder of Fashion-MNIST, but for ":smoke", which takes scikit-learn's digits.
"""

from ml_collections import config_dict


def get_config(mode: str = "") -> config_dict.ConfigDict:
    """Four models, each trained for a while with a head of its own before that is replaced.

    Args:
      mode: "smoke" for a run of seconds on small images.

    Raises:
      ValueError: another mode.
    """
    if mode not in ("", "smoke"):
        raise ValueError(f"the mode of a config must be 'smoke' or left out; got {mode!r}.")
    config = config_dict.ConfigDict()
    config.data = "fashion_mnist"  # square images that load knows by name, or their folder
    config.rows = (20_000, 5_000, 5_000)  # of the training, validation and test part, at most
    config.fit_rows = 20_000  # of the training part that splines are fitted to
    config.models = ("convolutions", "one_layer", "nnx", "encoder")  # of experiments/head_models.py
    config.width = 128  # of the head's hidden layer
    config.channels = (16, 32)  # of the convolutions
    config.tokens = 128  # numbers in each of the encoder's tokens
    config.batch_size = 128
    config.body_epochs = 2  # of the whole network, before its head is replaced
    config.body_rate = 2e-3
    config.epochs = config_dict.ConfigDict({"head": 20, "whole": 8})  # after that
    config.learning_rates = (1e-3, 3e-3, 1e-2)  # each contender gets its own best of them
    config.looks = 4  # at the validation rows, an epoch
    config.seeds = 1
    if mode == "smoke":
        config.data, config.rows = "digits", (256, 64, 64)
        config.models = ("convolutions", "one_layer")
        config.width, config.channels, config.tokens = 16, (4, 8), 8
        config.batch_size, config.body_epochs = 64, 1
        config.epochs = config_dict.ConfigDict({"head": 2, "whole": 1})
        config.learning_rates = config.learning_rates[:1]
    return config.lock()
