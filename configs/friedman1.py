"""Friedman 1, 2000 training rows, noise 1: the quickstart, about half a minute on two CPU cores.

python -m experiments.train --config=configs/friedman1.py --workdir=runs/friedman1
"""

from configs import default


def get_config(mode: str = ""):
    """Both starts reach the noise floor; the question is in how many steps."""
    config = default.get_config()
    config.data.num_train = 2000
    config.data.noise = 1.0
    config.fit.directions = ()  # hinges on features alone, so that the spline can be read
    config.fit.max_degree = 2
    config.fit.max_terms = 41
    return default.finish(config, mode)
