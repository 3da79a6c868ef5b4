"""Whatever is wrong with the input is named before the compiler is asked for anything."""

import contextlib
import re

import jax
import numpy as np
import pytest

from spline_fc.data import stack
from spline_fc.data.records import PARTS
from spline_fc.training import (
    Checkpoints,
    Origin,
    TrainingConfig,
    epochs,
    inputs,
    stack_params,
    train,
    train_replicas,
)
from tests.training.problems import CONFIG, assert_trees_equal, make_dataset, make_params, without


def _programs():
    return epochs.advance._cache_size(), epochs._begin_jit._cache_size()


@contextlib.contextmanager
def refused(message):
    """Expects a ValueError, and that no part of training was compiled."""
    before = _programs()
    with pytest.raises(ValueError, match=message):
        yield
    assert _programs() == before


def _with(part, **arrays):
    dataset = make_dataset()
    return dataset._replace(**{part: getattr(dataset, part)._replace(**arrays)})


def _rows(part, count):
    whole = getattr(make_dataset(), part)
    return _with(part, x=whole.x[:count], y=whole.y[:count])


def _spoilt(part, field, value):
    array = np.array(getattr(getattr(make_dataset(), part), field))
    array[2, 0] = value
    return _with(part, **{field: array})


def _spoilt_params(value=np.nan, layer="Dense_1", leaf="bias"):
    params = jax.tree.map(np.array, make_params())
    params[layer][leaf].flat[0] = value
    return params


def _without(leaf):
    params = make_params()
    return {**params, "Dense_1": {k: v for k, v in params["Dense_1"].items() if k != leaf}}


def test_a_compilation_is_seen():
    before = _programs()
    train(make_params(), make_dataset(), {"epochs": 0})
    assert all(now == then + 1 for now, then in zip(_programs(), before, strict=True))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"optimizer": "adan"}, "training.optimizer must be one of .*did you mean 'adam'"),
        ({"schedule": "cosin"}, "training.schedule must be one of .*did you mean 'cosine'"),
        ({"loss": "hubert"}, "training.loss must be one of .*did you mean 'huber'"),
        ({"learning_rates": 1e-3}, "field of training .*did you mean 'learning_rate'"),
        ({"learning_rate": np.nan}, "training.learning_rate must be a finite number > 0; got nan"),
        ({"learning_rate": "0.1"}, "training.learning_rate must be a finite number > 0; got '0.1'"),
        ({"group_rates": {"knot": 0.0}}, "training.group_rates .*did you mean 'knots'"),
        ({"group_rates": {"knots": np.nan}}, r"group_rates\['knots'\] must be a finite number"),
        ({"keep_axes": True}, "origin must be given when .*; got None"),
        ("adam", "training must be a TrainingConfig or a mapping; got 'adam'"),
    ],
)
def test_configs(config, message):
    with refused(message):
        train(make_params(), make_dataset(), config)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (_rows("validation", 0), "the validation part must .* as the best epoch is chosen by it"),
        (make_dataset()._replace(validation=None),
         "dataset.validation must be a Part with x and y, as the best epoch is .*; got None"),
        (make_dataset()._replace(test=(1, 2)), r"dataset.test must be a Part .*; got \(1, 2\)"),
        (_with("train", x=make_dataset().train.x.astype(str)), "train x must be .*; got words"),
        (_with("train", y=make_dataset().train.y.astype(complex)), "train y must be .*complex"),
        (_with("train", x=np.ma.array(make_dataset().train.x, mask=True)), "no masked values"),
        (_rows("train", 0), "the train part must have at least one row"),
        (_spoilt("train", "x", np.nan), r"train x must be finite; got 1 .* nan at index \(2, 0\)"),
        (_spoilt("train", "y", np.inf), r"train y must be finite; got 1 .* inf at index \(2, 0\)"),
        (_spoilt("validation", "y", np.nan), "validation y must be finite"),
        (_spoilt("test", "x", np.nan), "test x must be finite"),
    ],
)  # fmt: skip
def test_data(dataset, message):
    with refused(message):
        train(make_params(), dataset, {})


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (_spoilt_params(), r"params\['Dense_1'\]\['bias'\] must be finite; got 1 .* nan"),
        (_spoilt_params(-np.inf, "Dense_0", "kernel"), r"\['kernel'\] must be finite; .* -inf"),
        (jax.tree.map(lambda a: np.asarray(a, int), make_params()), "one floating dtype .* int64"),
        ({**make_params(), "Dense_1": make_params(dtype=np.float16)["Dense_1"]},
         r"params/Dense_1.*one floating dtype with all others; got float16"),
        (_without("bias"), r"params/Dense_1 must hold a kernel and a bias; got \['kernel'\]"),
        (list(make_params().values()), r"params must be a dict of layers; got list"),
        (make_params((4, 8, 1)), r"train x and y must have \(4, 1\) columns, .* got \(3, 1\)"),
    ],
)  # fmt: skip
def test_parameters(params, message):
    with refused(message):
        train(params, make_dataset(), {})


@pytest.mark.parametrize("group", ["spline_units", "new_units", "knots"])
def test_masks_that_match_nothing(group):
    born = np.full(8, group == "new_units")
    origin = Origin({"Dense_0": born, "Dense_1": born}, np.full(8, -1, np.int32))
    with refused(f"got '{group}', which matches no weight"):
        train(make_params(), make_dataset(), {"group_rates": {group: 0.5}}, origin=origin)
    with refused("training.keep_axes .* matches no weight"):
        train(make_params(), make_dataset(), {"keep_axes": True}, origin=origin)


@pytest.mark.parametrize(
    ("loss", "y", "message"),
    [
        ("sigmoid_cross_entropy", -1.0, r"train y must lie in \[0, 1\] .* from -1 to 1"),
        ("softmax_cross_entropy", 0.5, "train y must have rows that sum to 1 .* sum of 0.5"),
    ],
)
def test_targets_that_are_no_probabilities(loss, y, message):
    target = np.ones((100, 1))
    target[3] = y
    with refused(message):
        train(make_params(), _with("train", y=target), {"loss": loss})


def test_seeds_and_checkpoints(tmp_path):
    with refused("seed must be an integer >= 0; got -1"):
        train(make_params(), make_dataset(), {}, seed=-1)
    with refused(r"seed must be below 2\*\*32; got 4294967296"):
        train(make_params(), make_dataset(), {}, seed=2**32)
    with refused("checkpoints.every must be an integer >= 1; got 0"):
        train(make_params(), make_dataset(), {}, checkpoints=Checkpoints(tmp_path, 0))


@pytest.fixture(scope="module")
def replicas():
    params = stack_params([make_params(seed=s) for s in (0, 1)])
    return params, stack([make_dataset(seed=s) for s in (0, 1)])


@pytest.mark.parametrize(
    ("change", "rates", "seeds", "message"),
    [
        (lambda p: p, [1e-3, np.nan], [0, 1], r"learning_rates\[1\] must be a finite number > 0"),
        (lambda p: p, [], [0, 1], "learning_rates must hold at least one number; got none"),
        (lambda p: p, [1e-3], [0], "seeds must have length 2, one per data set; got 1"),
        (lambda p: {**p, "Dense_0": jax.tree.map(lambda a: a[:1], p["Dense_0"])}, [1e-3], [0, 1],
         r"params/Dense_1/kernel must have the leading axes \(1,\)"),
        (lambda p: {**p, "Dense_1": jax.tree.map(lambda a: a[..., :5], p["Dense_1"])}, [1e-3],
         [0, 1], "params/Dense_2/kernel must have 5 rows"),
    ],
)  # fmt: skip
def test_replicas(replicas, change, rates, seeds, message):
    params, datasets = replicas
    params = jax.tree.map(np.asarray, params)
    with refused(message):
        train_replicas(change(params), datasets, {}, learning_rates=rates, seeds=seeds)


def test_replicas_whose_data_have_other_shapes(replicas):
    params, datasets = replicas
    one = datasets._replace(validation=jax.tree.map(lambda a: a[:1], datasets.validation))
    with refused("validation x must have 2 replicas, as the training part has; got 1"):
        train_replicas(params, one, {}, learning_rates=[1e-3], seeds=[0, 1])
    with refused(r"train x must have shape \(S, n, d\); got \(100, 3\)"):
        train_replicas(params, make_dataset(), {}, learning_rates=[1e-3], seeds=[0, 1])


def test_what_is_on_the_device_is_named_as_well():
    bad = jax.tree.map(jax.numpy.asarray, _spoilt("validation", "x", np.nan).validation)
    with refused(r"validation x must be finite; got 1 .* nan at index \(2, 0\)"):
        train(make_params(), make_dataset()._replace(validation=bad), {})


def test_data_on_the_device_train_to_the_same_bits():
    dataset = make_dataset()
    parts = {name: jax.tree.map(jax.numpy.asarray, getattr(dataset, name)) for name in PARTS}
    both = [train(make_params(), d, {"epochs": 2}) for d in (dataset, dataset._replace(**parts))]
    assert_trees_equal(both[0].history, both[1].history)
    assert_trees_equal(both[0].last_params, both[1].last_params)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"recorder": "all"}, TypeError, "recorder must be a Recorder; got 'all'"),
        ({"checkpoints": "folder"}, TypeError, "checkpoints must be a Checkpoints; got 'folder'"),
        ({"on_epochs": 3}, ValueError, "on_epochs must be a function; got 3"),
        ({"seed": True}, ValueError, "seed must be an integer >= 0; got True"),
        ({"seed": 10**20}, ValueError, r"seed must be below 2\*\*32; got 1000"),
        ({"weights": "all"}, ValueError, "weights must be an array of numbers; got words"),
        ({"config": {"keep_axes": True}, "origin": 3}, ValueError, "origin must be .*; got 3"),
        ({"config": {"group_rates": "knots"}}, ValueError, "group_rates must be a mapping"),
    ],
)
def test_other_arguments(given, error, message):
    with pytest.raises(error, match=message):
        train(make_params(), make_dataset(), **given)
    with pytest.raises(TypeError, match="dataset must be a Dataset; got None"):
        train(make_params(), None)


@pytest.mark.parametrize("field", ["learning_rates", "seeds", "keep_epochs"])
def test_grids_are_lists(field):
    given = {"learning_rates": [0.1], "seeds": [0], field: 1}
    with pytest.raises(ValueError, match=f"{field} must be a list of .*; got 1"):
        train_replicas(make_params(), make_dataset(), {}, **given)


@pytest.fixture
def told(monkeypatch):
    """What was said with a word."""
    lines = []
    for level in ("info", "warning"):
        monkeypatch.setattr(inputs.logging, level, lambda text, *a: lines.append(text % a))
    return lines


def test_a_large_batch_is_cut_with_a_word(told):
    large = train(make_params(), make_dataset(), {"epochs": 1, "batch_size": 101})
    assert told == ["training.batch_size 101 is cut to the 100 training rows."]
    whole = train(make_params(), make_dataset(), {"epochs": 1, "batch_size": 100})
    assert len(told) == 1 and large.steps_per_epoch == whole.steps_per_epoch == 1
    assert_trees_equal(large.params, whole.params)


@pytest.mark.parametrize(
    ("field", "change", "word"),
    [
        ("x", lambda a: a * [1, 100, 1], "train x should be standardised, .* column 'b' has .*"),
        ("x", lambda a: a + [0, 0, 1e6], "column 'c' has mean 1e"),
        ("x", lambda a: a * 1e-3, r"column 'a' .* \(2 more like it\)"),
        ("y", lambda a: a * 1000, "train y should be standardised, .* column 'y'"),
    ],
)
def test_data_of_other_scales_are_told(told, field, change, word):
    train_part = make_dataset().train
    changed = train_part._replace(**{field: change(getattr(train_part, field))})
    inputs.prepare(
        make_params(), make_dataset()._replace(train=changed), TrainingConfig(), None, None
    )
    assert len(told) == 1 and re.search(word, told[0])


def test_nothing_is_told_of_constant_columns_and_of_labels(told):
    part = make_dataset().train
    part = part._replace(x=part.x * [1, 1, 0] + [0, 0, 1e6], y=0.01 * (part.y > 9))
    config = TrainingConfig(loss="sigmoid_cross_entropy")
    inputs.prepare(make_params(), make_dataset()._replace(train=part, validation=part, test=part),
                   config, None, None)  # fmt: skip
    assert not told


def _with_target(change):
    dataset = make_dataset()
    return dataset._replace(train=dataset.train._replace(y=change(dataset.train.y)))


@pytest.mark.parametrize(
    ("params", "dataset", "config", "message"),
    [
        (make_params(), without("validation"), {}, "the validation part must have at least one"),
        (make_params(), without("train"), {}, "the train part must have at least one"),
        (make_params((4, 8, 1)), make_dataset(), {},
         r"train x and y must have \(4, 1\) columns, .* got \(3, 1\)"),
        (make_params((3, 8, 2)), make_dataset(), {}, r"must have \(3, 2\) columns.*got \(3, 1\)"),
        ({"Dense_1": make_params()["Dense_0"]}, make_dataset(), {},
         r"layers Dense_0, Dense_1, .* got \['Dense_1'\]"),
        ({}, make_dataset(), {}, "params must have the layers Dense_0, .* got "),
        (make_params(), _with_target(lambda y: y[:, 0]), {},
         r"train y must have shape \(n, k\); got \(100,\)"),
        (make_params(), _with_target(lambda y: y[:9]), {},
         r"train y must have leading axes \(100,\)"),
    ],
)  # fmt: skip
def test_bad_input_is_named(params, dataset, config, message):
    with pytest.raises(ValueError, match=message):
        train(params, dataset, config)


def test_replicas_of_different_shapes_are_named():
    dataset = stack([make_dataset(), make_dataset()])
    params = stack_params([make_params(), make_params()])
    arguments = {"learning_rates": [1e-3], "seeds": [0, 1]}
    short = jax.tree.map(lambda a: a[:1], params)
    with pytest.raises(
        ValueError, match="params must have the leading axis 2, one per data set; got 1"
    ):
        train_replicas(short, dataset, CONFIG, **arguments)
    with pytest.raises(ValueError, match=r"train x must have shape \(S, n, d\); got \(100, 3\)"):
        train_replicas(params, make_dataset(), CONFIG, **arguments)
    with pytest.raises(ValueError, match="validation x must have 2 replicas"):
        one = dataset.validation._replace(x=dataset.validation.x[:1], y=dataset.validation.y[:1])
        train_replicas(params, dataset._replace(validation=one), CONFIG, **arguments)
    with pytest.raises(ValueError, match="seeds must have length 2, one per data set; got 1"):
        train_replicas(params, dataset, CONFIG, learning_rates=[1e-3], seeds=[0])
    with pytest.raises(ValueError, match=r"learning_rates\[1\] must be a finite number > 0"):
        train_replicas(params, dataset, CONFIG, learning_rates=[1e-3, -1], seeds=[0, 1])
    with pytest.raises(ValueError, match="learning_rates must hold at least one"):
        train_replicas(params, dataset, CONFIG, learning_rates=[], seeds=[0, 1])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(99), r"weights must have shape \(100,\), one per training row; got \(99,\)"),
        (-np.ones(100), "weights must not be negative; got -1"),
        (np.zeros(100), "weights must not all be 0"),
        (np.full(100, np.nan), "weights must be finite"),
    ],
)
def test_bad_weights_are_named(weights, message):
    with pytest.raises(ValueError, match=message):
        train(make_params(), make_dataset(), CONFIG, weights=weights)


def test_rows_that_float32_cannot_tell_apart_are_told_of(caplog):
    """Standardised by hand, one half around a far value leaves the other one value."""
    x = np.array(make_dataset().train.x, np.float64)
    x[::2, 0] += 1e9
    x[:, 0] = (x[:, 0] - x[:, 0].mean()) / x[:, 0].std()
    inputs.prepare(make_params(), _with("train", x=x.astype(np.float32)), CONFIG, None, None)
    assert "float32" not in caplog.text
    inputs.prepare(make_params(), _with("train", x=x), CONFIG, None, None)
    assert "train x should have values that float32 tells apart: column 0" in caplog.text
