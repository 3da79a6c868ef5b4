"""Small tables for the estimators, of shapes that several tests share."""

import numpy as np
import pandas as pd

SMALL = {"hidden_sizes": (8,), "max_terms": 9, "directions": (), "epochs": 6, "batch_size": 32}


def houses(rows=200, seed=0):
    """A frame of all kinds of columns, with gaps, and a price that most of them decide."""
    rng = np.random.default_rng(seed)
    area, floor = rng.uniform(20, 200, rows), rng.integers(0, 9, rows)
    tree, lit = rng.integers(0, 3, rows), rng.random(rows) < 0.5
    sold = pd.Timestamp("2024-03-01") + pd.to_timedelta(rng.integers(0, 90, rows), "D")
    price = 3 * np.maximum(area - 90, 0) + 40 * (tree == 2) + 30 * lit + rng.normal(0, 5, rows)
    frame = pd.DataFrame(
        {
            "area": np.where(rng.random(rows) < 0.05, np.nan, area),
            "floor": floor,
            "tree": pd.Series(np.array(["ash", "elm", "oak"])[tree]).where(rng.random(rows) > 0.05),
            "lit": lit,
            "zone": pd.Categorical(np.array(["a", "b"])[rng.integers(0, 2, rows)]),
            "sold": sold,
        }
    )
    return frame, pd.Series(price, name="price")


def numbers(rows=200, seed=0):
    """x (n, 3), and y (n,) that bends along the first and is flat along the last."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, (rows, 3))
    return x, np.maximum(x[:, 0], 0) - 0.5 * x[:, 1] + rng.normal(0, 0.05, rows)
