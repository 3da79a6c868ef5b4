"""The run that is killed: python -m experiments.resume_check.program FOLDER EPOCHS EVERY.

Trains on from wherever the checkpoints in FOLDER stand; leaves metrics.jsonl and result.npz.
"""

import pathlib
import sys

import jax
import numpy as np

from spline_fc import data, network, training
from spline_fc.workdir import flatten_params

_BATCH = 32
_ROWS = {"num_train": 400, "num_validation": 100, "num_test": 100}


def run(folder: pathlib.Path, epochs: int, every: int) -> training.TrainResult:
    """Trains a small network with everything a checkpoint has to hold in use.

    Args:
      folder: an existing folder, empty or of an earlier call that was killed.
      epochs: passes over the training part.
      every: epochs from one checkpoint to the next.

    Returns:
      TrainResult, also written to result.npz.
    """
    dataset = data.standardize(data.load("friedman1", **_ROWS))
    start = network.init_params("he_normal", jax.random.key(0), *dataset.train, (32, 32))
    writer = training.JsonlWriter(folder / "metrics.jsonl")
    result = training.train(
        start,
        dataset,
        {"epochs": epochs, "batch_size": _BATCH, "learning_rate": 1e-2},
        seed=3,
        recorder=training.first_layer_recorder(every=10),
        checkpoints=training.Checkpoints(folder / "checkpoints", every=every),
        on_epochs=training.write_epochs(writer, len(dataset.train.x) // _BATCH),
    )
    writer.close()
    best, last = flatten_params(result.params), flatten_params(result.last_params)
    np.savez(
        folder / "result.npz",
        **{f"best/{name}": leaf for name, leaf in best.items()},
        **{f"last/{name}": leaf for name, leaf in last.items()},
        **{f"trace/{name}": leaf for name, leaf in result.trace.items()},
        **{f"history/{name}": values for name, values in result.history.items()},
        best_epoch=result.best_epoch,
    )
    return result


if __name__ == "__main__":
    path = pathlib.Path(sys.argv[1])
    path.mkdir(parents=True, exist_ok=True)
    run(path, int(sys.argv[2]), int(sys.argv[3]))
