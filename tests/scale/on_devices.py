"""What tests/scale runs in a process of its own, with eight devices that are one CPU.

    python -m tests.scale.on_devices FOLDER NAME...

prints one JSON object: by name what was measured, and which programs were dumped to the folder.
"""

import json
import pathlib
import sys
import tempfile

import jax
import numpy as np

import spline_fc as sfc
from spline_fc.cpwl.sharded.inputs import checked_rows, drawn_rows
from spline_fc.sharding import shard_rows
from spline_fc.training import Checkpoints

ROWS = 13003  # more than a search without a compiler takes, and no multiple of 8


def mesh():
    return jax.make_mesh((8,), ("rows",))


def rows(seed=0, count=ROWS):
    """Float32 rows on which the best term is far ahead of the second at every step."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 3)).astype(np.float32)
    x[:, 2] = np.where(rng.random(count) < 0.6, 0, x[:, 2])  # ties leave quantiles free
    y = 2 * np.abs(x[:, 0]) + np.maximum(x[:, 1] - 0.3, 0) - x[:, 2] + 0.1 * rng.normal(size=count)
    return x, y.astype(np.float32), rng.integers(0, 3, count).astype(np.float32)


def difference(a, b):
    """Largest relative difference of two arrays, on the scale of the second."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    return float(np.abs(a - b).max() / np.abs(b).max()) if a.shape == b.shape else float("inf")


def compared(one, several):
    """How two fits differ."""
    kinds = [
        [[(v, np.sign(slope)) for v, slope, _ in t.factors] for t in fit.terms]
        for fit in (one, several)
    ]
    knots = [[f[2] for t in fit.terms for f in t.factors] for fit in (several, one)]
    return {
        "same_terms": kinds[0] == kinds[1] and one.names == several.names,
        "same_knots": difference(*knots) == 0,
        "coefficients": difference(several.spline.coef, one.spline.coef),
        "rss": abs(several.rss / one.rss - 1),
        "path": difference(several.forward.rss, one.forward.rss),
        "rows": several.num_rows - one.num_rows,
    }


def started():
    """A start, and training from it on batches of all rows, on one device and on eight."""
    x, y, weights = rows()
    options = {"max_terms": 9, "directions": ()}
    one = sfc.spline_start(0, x, y, 12, weights=weights, **options)
    X, Y, W = shard_rows(mesh(), x, y, weights=weights)
    start = sfc.spline_start(0, X, Y, 12, weights=W, **options)
    other = [a[:1000] for a in rows(1)]
    parts = {"validation": other[:2], "test": other[:2]}
    config = {"epochs": 3, "learning_rate": 1e-2, "warmup_epochs": 0, "output_ridge": 0.1}
    results = []
    for params, train, w in ((one.params, (x, y), weights), (start.params, (X, Y), W)):
        dataset = sfc.from_arrays(x[:100], y[:100])._replace(
            **{name: training_part(*p) for name, p in {"train": train, **parts}.items()}
        )
        results.append(sfc.train(params, dataset, {**config, "batch_size": len(w)}, weights=w))
    outputs = sfc.evaluate(start, X)
    leaves = [jax.tree.leaves(r.params) for r in (results[1], results[0])]
    return {
        "fit": compared(one.fit, start.fit),
        "outputs": difference(np.asarray(outputs)[: len(x)], sfc.evaluate(one, x)),
        "outputs_on": len(outputs.sharding.device_set),
        "params": max(map(difference, *map(jax.tree.leaves, (start.params, one.params)))),
        "history": {
            name: difference(results[1].history[name], results[0].history[name])
            for name in results[0].history
        },
        "trained": max(map(difference, *leaves)),
        "fell": float(results[0].history["train_loss"][-1] / results[0].history["train_loss"][0]),
        "drawn": drawn(),
    }


def drawn():
    """Some rows of those on eight devices."""
    x = np.arange(8 * 50, dtype=np.float32)
    everything = checked_rows(*shard_rows(mesh(), x[:, None], x))
    some = drawn_rows(jax.random.key(0), everything, 0.3)
    return {
        "rows": np.asarray(some.x)[:, 0].tolist(),
        "targets": np.asarray(some.y)[:, 0].tolist(),
        "devices": len(some.x.sharding.device_set),
    }


def classes():
    """A start for classes, its second search on a working response, on one device and on eight."""
    x, y, _ = rows(count=2001)
    labels = (y > np.median(y)).astype(np.float32)
    options = {"task": "binary", "max_terms": 5, "directions": ()}
    one = sfc.spline_start(0, x, labels, 8, **options)
    X, Y, W = shard_rows(mesh(), x, labels)
    start = sfc.spline_start(0, X, Y, 8, weights=W, **options)
    try:
        sfc.fit_classes(X, Y + 0.5, weights=W)
        refused = "nothing"
    except ValueError as error:
        refused = str(error)
    return {
        "fit": compared(one.fit, start.fit),
        "log_loss": abs(start.fit.log_loss / one.fit.log_loss - 1),
        "params": max(map(difference, *map(jax.tree.leaves, (start.params, one.params)))),
        "refused": refused,
    }


def interactions():
    x, y, weights = rows()
    y = y + 2 * np.minimum(np.maximum(x[:, 0], 0), np.maximum(x[:, 1] + 0.5, 0))
    options = {"max_terms": 6, "max_degree": 2}
    one = sfc.fit_mars(x, y, weights=weights, **options)
    *several, w = shard_rows(mesh(), x, y, weights=weights)
    return {
        "fit": compared(one, sfc.fit_mars(*several, weights=w, **options)),
        "degree": max(len(term.factors) for term in one.terms),
    }


def members():
    """An ensemble of three at two rates on eight devices, begun on one, and all of it on one."""
    x, y, _ = rows(count=96)
    options = {"members": 3, "start": "he_normal", "learning_rates": (1e-2, 1e-3)}
    saved = Checkpoints(tempfile.mkdtemp(), every=1)

    def trained(epochs, num_devices, **more):
        own = jax.make_mesh((num_devices,), ("any",), devices=jax.devices()[:num_devices])
        config = {"epochs": epochs, "batch_size": 16, "warmup_epochs": 0}
        dataset = sfc.from_arrays(x, y)
        return sfc.train_ensemble(
            0, dataset, 8, training_config=config, mesh=own, **options, **more
        )

    one = trained(4, 1)
    trained(2, 1, checkpoints=saved)
    several = trained(4, 8, checkpoints=saved)
    return {
        "loss": difference(several.history["train_loss"], one.history["train_loss"]),
        "same_rate": several.learning_rate == one.learning_rate,
        "same_epochs": np.array_equal(several.best_epochs, one.best_epochs),
        "fell": float(one.history["train_loss"][0, -1] / one.history["train_loss"][0, 0]),
    }


def training_part(x, y):
    return sfc.data.Part(x, y[:, None] if y.ndim == 1 else y)


if __name__ == "__main__":
    folder, *names = sys.argv[1:]
    told, seen = {}, set()
    for name in names:
        found = globals()[name]()
        dumped = {path.name for path in pathlib.Path(folder).glob("*after_optimizations.txt")}
        told[name] = {"found": found, "programs": sorted(dumped - seen)}
        seen |= dumped
    print(json.dumps(told))
