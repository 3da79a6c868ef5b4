"""Small tables, and what an ensemble of them is trained with."""

import numpy as np

import spline_fc as sfc

SIZES = (8, 8)
RATES = (3e-3, 1e-2)
GIVEN = {
    "members": 3,
    "training_config": {"epochs": 3, "batch_size": 16},
    "start_options": {"max_terms": 7, "directions": ()},
    "learning_rates": RATES,
}


def table(task="regression", rows=100, seed=0, weighted=False):
    """A raw data set of three features, in which two rows stand twice."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 3))
    x[-2:] = x[:2]
    y = np.maximum(x[:, 0], 0) - np.maximum(x[:, 1] - 0.3, 0) + 0.1 * np.sin(40 * x[:, 2])
    if task == "binary":
        y = np.where(y > 0, "yes", "no")
    elif task == "multiclass":
        y = np.array(["low", "middle", "high"])[np.digitize(y, [-0.1, 0.3])]
    # A third of the rows is the validation part, as large as a fold of three: one program for both.
    given = {"task": task, "seed": seed, "validation_fraction": 1 / 3}
    dataset = sfc.from_arrays(10 + x, y, feature_names=["a", "b", "c"], **given)
    if weighted:
        parts = (dataset.train, dataset.validation, dataset.test)
        weights = sfc.data.Weights(*(rng.integers(0, 4, len(p.x)).astype(float) for p in parts))
        dataset = dataset._replace(weights=weights)
    return dataset


def train(dataset, **changed):
    """A small ensemble."""
    return sfc.train_ensemble(0, dataset, SIZES, **{**GIVEN, **changed})
