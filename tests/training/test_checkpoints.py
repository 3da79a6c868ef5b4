"""Runs that were cut off, went on, were damaged, or belong to somebody else."""

import json
import os
import pathlib
import re

import numpy as np
import pytest

from spline_fc.data import stack
from spline_fc.training import (
    Checkpoints,
    checkpoints,
    first_layer_recorder,
    network_recorder,
    stack_params,
    train,
    train_replicas,
)
from tests.training.problems import assert_trees_equal, make_dataset, make_params

EPOCHS = 12
CONFIG = {"epochs": EPOCHS, "batch_size": 16, "learning_rate": 1e-2}


class Stop(Exception):
    """Ends a run in the middle."""


def _stop_at(epoch, error=Stop):
    def on_epochs(done, history):
        if done >= epoch:
            raise error

    return on_epochs


def _train(folder=None, every=3, config=CONFIG, params=None, dataset=None, **more):
    where = None if folder is None else Checkpoints(folder, every)
    arguments = params or make_params(), dataset or make_dataset(), config
    return train(*arguments, **{"seed": 3, **more}, checkpoints=where)


@pytest.fixture(scope="module")
def whole():
    return _train()


def _assert_same(result, whole):
    assert_trees_equal(result.params, whole.params)
    assert_trees_equal(result.last_params, whole.last_params)
    assert_trees_equal(result.history, whole.history)
    assert result.best_epoch == whole.best_epoch
    assert result.stop_reason == whole.stop_reason


def _epochs(folder):
    return sorted(path.name for path in (folder / "epochs").iterdir())


def _contents(folder):
    """Every file below a folder, with its bytes."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _data_files(folder, epoch):
    found = [path for path in (folder / "epochs" / epoch).rglob("d/*") if path.is_file()]
    assert found
    return found


@pytest.mark.parametrize("error", [Stop, KeyboardInterrupt])
def test_resumes_to_the_same_bits(tmp_path, whole, error):
    with pytest.raises(error):
        _train(tmp_path, on_epochs=_stop_at(7, error))
    seen = []
    result = _train(tmp_path, on_epochs=lambda done, history: seen.append(done))
    assert seen[0] == 6  # the latest multiple of 3, not from the start
    _assert_same(result, whole)
    again = _train(tmp_path, on_epochs=lambda done, history: seen.append(done))
    assert seen[-1] == EPOCHS and seen.count(EPOCHS) == 2  # a finished run is only read
    _assert_same(again, whole)


def test_replicas_resume_to_the_same_bits(tmp_path):
    params = stack_params([make_params(seed=s) for s in (0, 1)])
    datasets = stack([make_dataset(seed=s) for s in (0, 1)])
    config = {**CONFIG, "patience": 5, "initial_decay": 0.1}

    def run(checkpoints, on_epochs=None):
        return train_replicas(params, datasets, config, learning_rates=[1e-3, 0.3], seeds=[3, 4],
                              recorder=first_layer_recorder(4), checkpoints=checkpoints,
                              on_epochs=on_epochs)  # fmt: skip

    with pytest.raises(Stop):
        run(Checkpoints(tmp_path, 3), _stop_at(7))
    wanted, seen = run(None), []
    result = run(Checkpoints(tmp_path, 3), lambda done, history: seen.append(done))
    assert seen[0] == 6
    for field in ("params", "last_params", "history", "best_epoch", "trace"):
        assert_trees_equal(getattr(result, field), getattr(wanted, field))
    assert (result.stop_reason == wanted.stop_reason).all()


def test_keeps_two_checkpoints_on_the_way_and_one_at_the_end(tmp_path, whole):
    seen = []
    _train(tmp_path, on_epochs=lambda done, history: seen.append(_epochs(tmp_path)))
    assert ["6", "9"] in seen
    assert _epochs(tmp_path) == ["12"]


def test_an_interrupt_while_saving_costs_that_checkpoint_alone(tmp_path, whole, monkeypatch):
    digests, calls = checkpoints._file_digests, []

    def interrupted(folder):
        calls.append(folder)
        if len(calls) == 2:  # the state of epoch 6 is there, but not yet under its name
            raise KeyboardInterrupt
        return digests(folder)

    monkeypatch.setattr(checkpoints, "_file_digests", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _train(tmp_path)
    monkeypatch.undo()
    assert [name.partition(".")[0] for name in _epochs(tmp_path)] == ["3", "6"]
    seen = []
    _assert_same(_train(tmp_path, on_epochs=lambda done, history: seen.append(done)), whole)
    assert seen[0] == 3 and _epochs(tmp_path) == ["12"]


def _truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("damage", [_truncate, _flip, pathlib.Path.unlink])
def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_it_used(
    tmp_path, whole, damage, caplog
):
    with pytest.raises(Stop):
        _train(tmp_path, on_epochs=_stop_at(7))
    for path in _data_files(tmp_path, "6"):
        damage(path)
    left, seen = _contents(tmp_path / "epochs" / "6"), []
    result = _train(tmp_path, on_epochs=lambda done, history: seen.append(done))
    assert re.search("epoch 6 .* is damaged .*set aside as 6.damaged", caplog.text)
    assert seen[0] == 3
    _assert_same(result, whole)
    kept = _contents(tmp_path / "epochs" / "6.damaged")
    assert list(kept.values()) == list(left.values())


@pytest.mark.parametrize("name", ["digests.json", "_METADATA"])
def test_damage_of_what_describes_the_data(tmp_path, whole, name, caplog):
    _train(tmp_path)
    (path,) = (tmp_path / "epochs" / "12").rglob(name)
    _truncate(path)
    _assert_same(_train(tmp_path), whole)
    assert f"{name} is not what was saved" in caplog.text
    assert _epochs(tmp_path) == ["12", "12.damaged"]
    _truncate(next((tmp_path / "epochs" / "12").rglob(name)))
    _train(tmp_path)
    assert "set aside as 12.damaged-2" in caplog.text


def test_all_checkpoints_damaged_start_afresh(tmp_path, whole, caplog):
    with pytest.raises(Stop):
        _train(tmp_path, on_epochs=_stop_at(7))
    for epoch in ("3", "6"):
        for path in _data_files(tmp_path, epoch):
            path.write_bytes(b"")
    _assert_same(_train(tmp_path), whole)
    named = [message.split(" in ")[0] for message in caplog.messages if "checkpoint" in message]
    assert named == ["The checkpoint of epoch 6", "The checkpoint of epoch 3"]


def test_a_file_that_cannot_be_read_is_raised_and_nothing_is_touched(tmp_path, whole):
    with pytest.raises(Stop):
        _train(tmp_path, on_epochs=_stop_at(7))
    (path, *_) = _data_files(tmp_path, "6")
    content = path.read_bytes()
    path.unlink()
    path.symlink_to(path)  # not even the superuser can follow it
    before, names = _contents(tmp_path), _epochs(tmp_path)
    with pytest.raises(OSError, match="symbolic links"):
        _train(tmp_path)
    assert _contents(tmp_path) == before and _epochs(tmp_path) == names
    path.unlink()
    path.write_bytes(content)
    seen = []
    _assert_same(_train(tmp_path, on_epochs=lambda done, history: seen.append(done)), whole)
    assert seen[0] == 6


def test_a_folder_without_permission_is_raised_and_nothing_is_touched(tmp_path, monkeypatch):
    _train(tmp_path)
    before = _contents(tmp_path)

    def refuse(path):
        raise PermissionError(f"no access to {path}")

    monkeypatch.setattr(pathlib.Path, "read_bytes", refuse)
    with pytest.raises(PermissionError):
        _train(tmp_path)
    monkeypatch.undo()
    assert _contents(tmp_path) == before


@pytest.mark.parametrize("recorder", [None, network_recorder(2), first_layer_recorder(5)])
def test_more_epochs_end_at_the_bits_of_a_run_of_as_many(tmp_path, recorder):
    longer = {**CONFIG, "epochs": 20}
    _train(tmp_path, recorder=recorder)
    seen = []
    result = _train(tmp_path, config=longer, recorder=recorder,
                    on_epochs=lambda done, history: seen.append(done))  # fmt: skip
    assert seen[0] == 12
    whole = _train(config=longer, recorder=recorder)
    _assert_same(result, whole)
    assert_trees_equal(result.trace, whole.trace)
    with pytest.raises(ValueError, match="training.epochs must be at least 20, .*; got 12"):
        _train(tmp_path, recorder=recorder)


def test_a_history_longer_than_its_room_goes_on(tmp_path):
    config = {**CONFIG, "epochs": 2, "batch_size": 100}
    _train(tmp_path, 200, config)
    result = _train(tmp_path, 200, {**config, "epochs": 130})  # more columns than 2 epochs have
    assert_trees_equal(result.history, _train(config={**config, "epochs": 130}).history)


def test_a_schedule_that_depends_on_the_epochs_takes_no_more(tmp_path):
    config = {**CONFIG, "schedule": "cosine"}
    _train(tmp_path, config=config)
    with pytest.raises(ValueError, match="must be 12, .* the schedule 'cosine', which depends on"):
        _train(tmp_path, config={**config, "epochs": 13})


def _moved(dataset, part):
    x = np.array(getattr(dataset, part).x)
    x[-1, -1] += 1
    return dataset._replace(**{part: getattr(dataset, part)._replace(x=x)})


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            {"config": {**CONFIG, "learning_rate": 2e-2}},
            "learning_rate ('0.01' there, '0.02' here)",
        ),
        ({"config": {**CONFIG, "momentum": 0.5}}, "momentum (0.9 there, 0.5 here)"),
        (
            {"config": {**CONFIG, "guard": 0, "patience": 3}},
            "guard (1.02 there, 0.0 here), another",
        ),
        ({"params": make_params(seed=1)}, "another params."),
        ({"dataset": _moved(make_dataset(), "train")}, "another data."),
        ({"dataset": _moved(make_dataset(), "test")}, "another data."),
        ({"weights": np.arange(100.0)}, "another weights."),
        ({"seed": 4}, "another seeds."),
        ({"recorder": network_recorder(5)}, "another recorder."),
    ],
)
def test_another_run_is_refused_by_the_names_of_what_differs(finished, change, named):
    before = _contents(finished)
    with pytest.raises(ValueError, match="checkpoints must be those of the same run") as caught:
        _train(finished, **{"recorder": network_recorder(3), **change})
    assert f"another {named}".replace("another another", "another") in str(caught.value)
    assert _contents(finished) == before


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    _train(folder, recorder=network_recorder(3))
    return folder


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"training": 3}'])
def test_a_broken_description_is_named(tmp_path, content):
    _train(tmp_path)
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(ValueError, match="checkpoints must have a sound run.json"):
        _train(tmp_path)
    os.remove(tmp_path / "run.json")
    with pytest.raises(ValueError, match="checkpoints must have a run.json that tells whose"):
        _train(tmp_path)


def test_the_description_is_json_for_people(finished):
    run = json.loads((finished / "run.json").read_text())
    assert run["training"]["epochs"] == EPOCHS and run["seeds"] == 3


def test_every_is_checked(tmp_path):
    with pytest.raises(ValueError, match="checkpoints.every must be an integer >= 1; got 0"):
        _train(tmp_path, every=0)
