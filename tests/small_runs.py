"""Configs of seconds for tests of whole runs, and what is compared of two of them."""

import json

import numpy as np

from configs import default


def small(**changes):
    """Few rows, two seeds, three epochs; fields by their path, `{"training.epochs": 5}`."""
    config = default.get_config()
    config.data.num_train, config.data.num_validation, config.data.num_test = 300, 100, 100
    config.fit.directions = ()
    config.fit.max_terms = 11
    config.fit.share = 1.0
    config.network.hidden_sizes = (16, 16)
    config.training.epochs = 3
    config.seeds = 2
    config.learning_rates = (1e-3, 1e-2)
    config.checkpoint_every = 1
    with config.unlocked():
        config.update_from_flattened_dict(changes)
    return config


def rows(folder, name="runs"):
    """The rows of runs.json or fits.json."""
    return json.loads((folder / f"{name}.json").read_text())


def without_seconds(value):
    """A JSON value without the fields that a clock decided."""
    if isinstance(value, dict):
        return {k: without_seconds(v) for k, v in value.items() if "seconds" not in k}
    return [without_seconds(v) for v in value] if isinstance(value, list) else value


TABLES = ("runs.json", "fits.json", "baselines.json")


def bits(folder):
    """Everything that a run computed, by file: arrays by name, rows without seconds."""
    found = {}
    for path in sorted(folder.rglob("*.npz")):
        with np.load(path) as stored:
            for name in stored.files:
                found[f"{path.relative_to(folder)}:{name}"] = stored[name].tobytes()
    for path in [*map(folder.joinpath, TABLES), *sorted(folder.rglob("*.jsonl"))]:
        lines = [path.read_text()] if path.suffix == ".json" else path.read_text().splitlines()
        kept = [without_seconds(json.loads(line)) for line in lines]
        found[str(path.relative_to(folder))] = json.dumps(kept)
    return found
