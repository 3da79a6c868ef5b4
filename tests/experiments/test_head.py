"""The experiment on heads: its models, one small cell, and a record as a table."""

import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from configs import head_fashion
from experiments import head_cells, head_models, head_table
from spline_fc.data import Part
from tests.guides import ROOT


@pytest.fixture(scope="module")
def config():
    return head_fashion.get_config("smoke")


def test_a_cell_holds_the_curves_of_every_contender(config, monkeypatch):
    body = nn.Sequential([nn.Dense(8), nn.relu])  # convolutions take seconds to be compiled
    monkeypatch.setattr(head_models, "Convolutions", lambda channels: body)
    cell = head_cells.measure("convolutions", 0, config)
    assert cell["features"] == 8
    for mode in ("head", "whole"):
        assert list(cell[mode]) == ["fresh", "old", "spline"]
        for run in cell[mode].values():
            for part in ("validation", "test"):
                wanted = config.epochs[mode] * config.looks + 1 if part == "validation" else 2
                assert len(run[f"{part}_log_loss"]) == len(run[f"{part}_accuracy"]) == wanted
            assert run["learning_rate"] in config.learning_rates
            assert run["epoch_seconds"] > 0
    told = cell["whole"]["fresh"]["refitted"]  # to the body of a look, that of one fifth
    assert 0.2 < told["accuracy"] <= 1 and told["log_loss"] > 0
    assert all("refitted" not in run for run in (*cell["head"].values(), cell["whole"]["spline"]))
    for name in cell["head"]:  # a start is the same whatever is trained on
        starts = [cell[mode][name]["test_log_loss"][0] for mode in ("head", "whole")]
        assert starts[0] == pytest.approx(starts[1], abs=1e-4)
    spline, fresh = (cell["head"][name] for name in ("spline", "fresh"))
    assert spline["test_accuracy"][0] > fresh["test_accuracy"][0] + 0.2
    assert spline["test_log_loss"][0] < 0.8 * fresh["test_log_loss"][0]


def test_a_head_of_one_layer_is_also_made_two(config):
    train = head_cells.images("digits", (256, 1, 1), 0)[0]
    model, wider = head_cells.models("one_layer", config, train)
    tree = model.init(0, train.x[:1])
    starts = head_cells.starting_points(model, wider, tree, train, 1, config)
    layers = {name: len(jax.tree.leaves(start.tree["head"])) // 2 for name, start in starts.items()}
    two = {"fresh, two layers": 2, "spline, two layers": 2}
    assert layers == {"fresh": 1, "old": 1, "spline": 1} | two
    features = model.features(tree["body"], train.x)
    for name in ("spline", "spline, two layers"):
        logits = starts[name].model.head(starts[name].tree["head"], features)
        assert (logits.argmax(1) == train.y.argmax(1)).mean() > 0.5
        assert starts[name].cold > 0 and starts[name].warm > 0


def test_only_the_head_of_an_nnx_model_is_replaced(config):
    x, y = head_cells.images("digits", (60, 1, 1), 0)[0]
    model, wider = head_cells.models("nnx", config, Part(x, y))
    tree = model.init(0, x[:1])
    features = jax.random.normal(jax.random.key(0), (60, 8))
    assert wider is None and jax.eval_shape(model.features, tree["body"], x).shape == (60, 8)
    new = model.replaced(tree, features, y, 0, max_terms=3)
    same = jax.tree.map(lambda a, b: bool((a == b).all()), tree, new)
    assert all(jax.tree.leaves(same["body"])) and not any(jax.tree.leaves(same["head"]))
    assert jax.eval_shape(model.logits, new, x).shape == (60, 10)


def test_the_vector_of_the_encoder_is_as_wide_as_those_of_transformers():
    full, images = head_fashion.get_config(), jnp.zeros((2, 784))
    model, _ = head_cells.models("encoder", full, Part(images, jnp.zeros((2, 10))))
    tree = jax.eval_shape(lambda x: model.init(0, x), images)
    assert jax.eval_shape(model.features, tree["body"], images).shape == (2, 512)
    assert tree["head"]["layers_0"]["kernel"].shape == (512, 128)


def test_images_of_another_size_are_named(config):
    with pytest.raises(ValueError, match="images must be square; got 63 pixels"):
        head_models.Convolutions((4, 4)).init(jax.random.key(0), jnp.ones((1, 63)))
    with pytest.raises(ValueError, match="a side that 4 divides; got 6"):
        head_models.Encoder(8).init(jax.random.key(0), jnp.ones((1, 36)))
    part = Part(jnp.ones((1, 64)), jnp.ones((1, 10)))
    with pytest.raises(ValueError, match="config.models must be of convolutions"):
        head_cells.models("convolution", config, part)


def run_of(accuracy, loss, start=0.0, epoch=2.0):
    """A run by its looks; of test rows it has the values at the start and at the best look."""
    best = int(np.argmin(loss))
    curves = {"validation_accuracy": accuracy, "validation_log_loss": loss}
    curves |= {
        "test_accuracy": [accuracy[0], accuracy[best]],
        "test_log_loss": [loss[0], loss[best]],
    }
    return {
        "learning_rate": 1e-3,
        "cold": 2 * start,
        "warm": start,
        "epoch_seconds": epoch,
        **curves,
    }


def record_of(runs):
    config = json.loads(head_fashion.get_config("smoke").to_json_best_effort()) | {"looks": 2}
    cell = {"model": "nnx", "seed": 0, "features": 8, "head": runs, "whole": runs}
    environment = dict.fromkeys(("jax", "flax", "optax", "numpy", "cpu_count"), "2")
    stamp = {"date": "2026-01-01", "processor": "one", "environment": environment}
    return {"config": config, "cells": [cell], "note": "A test.", **stamp}


def test_a_table_tells_epochs_and_seconds_to_the_last_accuracy_of_a_fresh_head():
    fresh = run_of([0.1, 0.6, 0.7, 0.65, 0.8], [2.0, 1.0, 0.9, 0.8, 0.7])  # a look each half epoch
    old = run_of([0.7, 0.7, 0.7, 0.7, 0.7], [0.9, 0.8, 0.7, 0.6, 0.65])
    spline = run_of([0.75, 0.8, 0.8, 0.8, 0.8], [0.8, 0.6, 0.7, 0.7, 0.7], start=0.5)
    runs = {"fresh": fresh, "old": old, "spline": spline}
    lines = head_table.table(record_of(runs)).splitlines()
    cells = [[word.strip() for word in line.split("|")[2:-1]] for line in lines[2:5]]
    assert cells[0] == ["fresh", "10.0%", "80.0%", "2.000", "0.700", "2", "4", "-"]
    assert cells[1] == ["old", "70.0%", "70.0%", "0.900", "0.600", "not in 2", "-", "-"]
    assert cells[2] == ["spline", "75.0%", "80.0%", "0.800", "0.600", "0.5", "1.5", "0.5 (1)"]
    (said, _) = head_table.findings(record_of(runs))
    assert "met: accuracy at step 0 +5.0%" in said
    assert "MISSED: 0.25 of the epochs of fresh; met: 0.38 of its seconds (0.50 with" in said
    at_once = {**runs, "fresh": run_of([0.7, 0.6], [1.0, 1.0])}
    assert "met: 0.00 of the epochs of fresh" in head_table.findings(record_of(at_once))[0]
    assert len(head_table.figure(record_of(runs)).axes) == 2


def test_heads_of_two_layers_are_compared_with_fresh_ones_of_both_shapes():
    refitted = {"refitted": {"accuracy": 0.7, "log_loss": 1.0}}
    runs = {
        "fresh": run_of([0.1, 0.6, 0.6], [2.0, 1.0, 0.9]) | refitted,
        "old": run_of([0.5, 0.5, 0.5], [0.9, 0.8, 0.7]),
        "spline, two layers": run_of([0.6, 0.7, 0.7], [0.8, 0.6, 0.7]),
        "fresh, two layers": run_of([0.1, 0.6, 0.8], [2.0, 1.0, 0.9]) | refitted,
    }
    first, second, *_ = head_table.findings(record_of(runs))
    assert "met: 0.00 of the epochs of fresh;" in first
    assert "MISSED: inf of the epochs of fresh, two layers;" in second
    bounds = head_table.table(record_of(runs)).splitlines()
    assert "| convolutions, NNX; whole network | fresh | 70.0% | 60.0% | 1 of 1 |" in bounds
    assert (
        "| convolutions, NNX; whole network | fresh, two layers | 70.0% | 80.0% | 0 of 1 |"
        in bounds
    )


def test_what_is_recorded_is_not_run_again(tmp_path):
    path = tmp_path / "record.json"
    record = record_of({"fresh": run_of([0.1], [2.0]), "old": run_of([0.2], [1.0])})
    record["config"]["looks"] = head_fashion.get_config("smoke").looks
    path.write_text(json.dumps(record))
    command = [sys.executable, "-m", "experiments.head", f"--output={path}"]
    command += ["--config=configs/head_fashion.py:smoke", "--config.models=('nnx',)"]
    told = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert told.returncode == 0, told.stderr
    assert "| old | 20.0% |" in told.stdout
    assert json.loads(path.read_text())["cells"] == record["cells"]
    told = subprocess.run([*command, "--config.width=9"], capture_output=True, text=True, cwd=ROOT)
    assert told.returncode == 1
    assert told.stderr == f"error: {path} must hold runs of config.width=9; it holds 16.\n"


def test_the_config_knows_its_modes():
    with pytest.raises(ValueError, match="'smoke' or left out"):
        head_fashion.get_config("quick")
    assert np.isclose(head_fashion.get_config().learning_rates, (1e-3, 3e-3, 1e-2)).all()
