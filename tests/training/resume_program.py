"""A training run to be killed: python -m tests.training.resume_program FOLDER EPOCHS."""

import pathlib
import sys

import numpy as np

from spline_fc.training import Checkpoints, JsonlWriter, train, write_epochs
from tests.training.problems import make_dataset, make_params


def run(folder, epochs):
    """Trains on from wherever the folder stands; leaves metrics.jsonl and result.npz."""
    writer = JsonlWriter(folder / "metrics.jsonl")
    result = train(
        make_params(),
        make_dataset(),
        {"epochs": epochs, "batch_size": 16, "learning_rate": 1e-2},
        seed=3,
        checkpoints=Checkpoints(folder / "checkpoints", every=3),
        on_epochs=write_epochs(writer, steps_per_epoch=6),
    )
    writer.close()
    leaves = {
        f"{tree}/{layer}/{name}": leaf
        for tree, params in (("best", result.params), ("last", result.last_params))
        for layer, leaves in params.items()
        for name, leaf in leaves.items()
    }
    np.savez(folder / "result.npz", **leaves, **result.history, best_epoch=result.best_epoch)
    return result


if __name__ == "__main__":
    path = pathlib.Path(sys.argv[1])
    path.mkdir(parents=True, exist_ok=True)
    run(path, int(sys.argv[2]))
