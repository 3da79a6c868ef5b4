import pathlib

import pytest

from spline_fc.data import stack
from spline_fc.training import Checkpoints, first_layer_recorder, train, train_replicas
from tests.training.problems import assert_trees_equal, make_dataset, make_params

# orbax leaves a coroutine behind when a file cannot be read.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
EPOCHS = 12
CONFIG = {"epochs": EPOCHS, "batch_size": 16, "learning_rate": 1e-2}


class Stop(Exception):
    """Ends a run in the middle."""


def _stop_at(epoch):
    def on_epochs(done, history):
        if done >= epoch:
            raise Stop

    return on_epochs


def _train(folder=None, every=3, config=CONFIG, **more):
    checkpoints = None if folder is None else Checkpoints(folder, every)
    return train(make_params(), make_dataset(), config, seed=3, checkpoints=checkpoints, **more)


@pytest.fixture(scope="module")
def whole():
    return _train()


def _assert_same(result, whole):
    assert_trees_equal(result.params, whole.params)
    assert_trees_equal(result.last_params, whole.last_params)
    assert_trees_equal(result.history, whole.history)
    assert result.best_epoch == whole.best_epoch
    assert result.stop_reason == whole.stop_reason


def _latest_files(folder):
    latest = max((folder / "epochs").iterdir(), key=lambda p: int(p.name))
    return [path for path in sorted(latest.rglob("*")) if path.is_file()]


def test_resumes_to_the_same_bits(tmp_path, whole):
    with pytest.raises(Stop):
        _train(tmp_path, on_epochs=_stop_at(7))
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


def test_keeps_two_checkpoints(tmp_path, whole):
    _assert_same(_train(tmp_path), whole)
    assert sorted(int(p.name) for p in (tmp_path / "epochs").iterdir()) == [9, 12]


def _truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("damage", [_truncate, _flip, pathlib.Path.unlink])
def test_a_damaged_checkpoint_is_reported_and_the_one_before_it_used(tmp_path, whole, damage):
    with pytest.raises(Stop):
        _train(tmp_path, on_epochs=_stop_at(7))
    data_files = [p for p in _latest_files(tmp_path) if p.parent.name == "d"]
    assert data_files
    for path in data_files:
        damage(path)
    seen = []
    with pytest.warns(UserWarning, match="checkpoint of epoch 6 .* is damaged .* one before it"):
        result = _train(tmp_path, on_epochs=lambda done, history: seen.append(done))
    assert seen[0] == 3
    _assert_same(result, whole)


def test_all_checkpoints_damaged_start_afresh(tmp_path, whole):
    with pytest.raises(Stop):
        _train(tmp_path, on_epochs=_stop_at(7))
    for path in (tmp_path / "epochs").rglob("*"):
        if path.is_file() and path.parent.name == "d":
            path.write_bytes(b"")
    with pytest.warns(UserWarning) as caught:
        _assert_same(_train(tmp_path), whole)
    named = [str(w.message).split(" in ")[0] for w in caught if "checkpoint" in str(w.message)]
    assert named == ["the checkpoint of epoch 6", "the checkpoint of epoch 3"]


@pytest.mark.parametrize("change", [{"learning_rate": 2e-2}, {"epochs": 13}, {"momentum": 0.5}])
def test_the_checkpoints_of_another_run_are_refused(tmp_path, change):
    _train(tmp_path)
    with pytest.raises(ValueError, match="checkpoints must be those of the same config, data"):
        _train(tmp_path, config={**CONFIG, **change})


def test_every_is_checked(tmp_path):
    with pytest.raises(ValueError, match="checkpoints.every must be an integer >= 1; got 0"):
        _train(tmp_path, every=0)
