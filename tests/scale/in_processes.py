"""What tests/scale runs in two processes of two devices each.

    python -m tests.scale.in_processes PROCESS PORT FOLDER

prints one JSON object: what was measured.
"""

import json
import sys

import jax
import numpy as np

import spline_fc as sfc
from spline_fc.training import Checkpoints
from tests.scale.on_devices import compared, rows, training_part

COUNT = 9004  # rows of both processes together
CONFIG = {"epochs": 8, "batch_size": COUNT, "warmup_epochs": 0, "learning_rate": 1e-2}
PARAMS = {
    "Dense_0": {"kernel": np.eye(3, 8, dtype=np.float32), "bias": np.zeros(8, np.float32)},
    "Dense_1": {"kernel": np.ones((8, 1), np.float32), "bias": np.zeros(1, np.float32)},
}


def dataset(train):
    """Training rows that may be divided, and other rows that every process has."""
    x, y, _ = (a[:1000] for a in rows(1))
    parts = {"train": train, "validation": (x, y), "test": (x, y)}
    parts = {name: training_part(*part) for name, part in parts.items()}
    return sfc.from_arrays(x, y)._replace(**parts)


def own_rows(process):
    """The rows of a process, divided over the devices of both; and their weights."""
    x, y, _ = rows(count=COUNT)
    own = slice(process * COUNT // 2, (process + 1) * COUNT // 2)
    mesh = jax.make_mesh((4,), ("rows",))
    return sfc.shard_process_rows(mesh, x[own], y[own])


def fitted(process, folder):
    x, y, weights = own_rows(process)
    options = {"max_terms": 9}
    one = sfc.fit_mars(*rows(count=COUNT)[:2], **options)
    try:
        sfc.shard_process_rows(x.sharding.mesh, np.zeros((4, 2 + process)))
        unlike = "nothing"
    except ValueError as error:
        unlike = str(error).partition(";")[0]
    fit = sfc.fit_mars(x, y, weights=weights, **options)
    rss = float((weights * (sfc.evaluate(fit, x)[:, 0] - y) ** 2).sum())
    return {"fit": compared(one, fit), "unlike": unlike, "evaluated": rss / fit.rss - 1}


def trained(process, folder):
    """Trains with checkpoints, and goes on from the last of them."""
    x, y, _ = own_rows(process)
    saved, done = Checkpoints(folder, every=1), []
    for epochs in (3, CONFIG["epochs"]):
        done.clear()
        config = {**CONFIG, "epochs": epochs}
        watched = {"on_epochs": lambda at, _: done.append(at), "checkpoints": saved}
        result = sfc.train(PARAMS, dataset((x, y)), config, **watched)
    return {"began": done[0], "history": result.history["train_loss"].tolist()}


if __name__ == "__main__":
    process, port, folder = sys.argv[1:]
    jax.distributed.initialize(f"localhost:{port}", 2, int(process))
    print(json.dumps({f.__name__: f(int(process), folder) for f in (fitted, trained)}), flush=True)
