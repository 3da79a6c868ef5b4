"""The fit where an accelerator is: data made on the device, seconds warm."""

import time

import jax
import numpy as np


def measure(num_rows: int, num_features: int, max_terms: int = 41, repeats: int = 5) -> dict:
    """Fits Friedman-1 data (n, d) that never leaves the device before the fit.

    Returns:
      {"rows", "features", "max_terms", "seconds", "cold_seconds", "r2", "generate_seconds"}.
    """
    from spline_fc import fit_mars
    from spline_fc.data.generated import friedman1

    start = time.perf_counter()
    x, y = _generate(jax.random.key(0), num_rows, num_features, friedman1)
    jax.block_until_ready((x, y))
    generate_seconds, seconds = time.perf_counter() - start, []
    for _ in range(1 + repeats):
        start = time.perf_counter()
        fit = fit_mars(x, y, max_terms=max_terms, threshold=0)
        jax.block_until_ready(fit.spline)
        seconds.append(time.perf_counter() - start)
    return {
        "rows": num_rows, "features": num_features, "max_terms": max_terms,
        "seconds": seconds[1:], "cold_seconds": seconds[0], "r2": fit.r2,
        "generate_seconds": generate_seconds, "median_seconds": float(np.median(seconds[1:])),
    }  # fmt: skip


def _generate(key, num_rows, num_features, target):
    for_x, for_noise = jax.random.split(key)
    x = jax.random.uniform(for_x, (num_rows, num_features))
    # The target is written for NumPy arrays; it reads the first five columns only.
    truth = jax.numpy.asarray(target(np.asarray(x[:, :5])), x.dtype)
    return x, truth + jax.random.normal(for_noise, (num_rows,), x.dtype)
