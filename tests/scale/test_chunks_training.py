"""Training on rows in chunks is training on their arrays, as far as windows go."""

import jax
import numpy as np
import pytest

import spline_fc as sfc
from spline_fc import data
from spline_fc.data import Part
from spline_fc.training import Checkpoints

ROWS = 1044  # 16 batches and some rows
CONFIG = {"epochs": 4, "batch_size": 64, "learning_rate": 3e-2, "warmup_epochs": 1}


@pytest.fixture(scope="module")
def problem():
    """Standardised rows, twice as many as are trained on, and a network."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2 * ROWS, 3)).astype(np.float32)
    y = np.abs(x[:, :1]) - x[:, 1:2]
    return x, y, sfc.init_params("he_normal", 0, x, y, 8)


def source_of(x, y, *weights, cuts=(1, 450, 451)):
    return sfc.chunks_of(lambda: zip(*(np.split(a, cuts) for a in (x, y, *weights)), strict=True))


def test_one_window_is_training_in_memory(problem):
    x, y, params = problem
    weights = 1 + np.arange(ROWS) % 3
    held = Part(x[ROWS:], y[ROWS:])
    dataset = sfc.from_arrays(x, y)._replace(
        train=Part(x[:ROWS], y[:ROWS]), validation=held, test=held
    )
    expected = sfc.train(params, dataset, CONFIG, weights=weights)
    source = source_of(x[:ROWS], y[:ROWS], weights)
    found = sfc.train_chunks(params, source, held, CONFIG, test=held)
    assert found.steps_per_epoch == expected.steps_per_epoch == 16
    for name, curve in expected.history.items():
        np.testing.assert_allclose(found.history[name], curve, rtol=1e-4)
    assert found.best_epoch == expected.best_epoch > 0
    for one, other in zip(*map(jax.tree.leaves, (found.params, expected.params)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_windows_learn_and_a_killed_run_ends_at_the_same_bits(problem, tmp_path):
    x, y, params = problem
    held, source = (x[ROWS:], y[ROWS:, 0]), source_of(x[:ROWS], y[:ROWS])
    options = {"config": CONFIG, "window": 300}
    whole = sfc.train_chunks(params, source, held, **options)
    losses = whole.history["validation_loss"]
    assert losses[-1] < 0.5 * losses[0] and np.isnan(whole.history["test_loss"]).all()
    assert whole.seconds.compile > 0

    def dies(done, _):
        if done == 2:
            raise KeyboardInterrupt

    saved = Checkpoints(tmp_path / "run", every=1)
    with pytest.raises(KeyboardInterrupt):
        sfc.train_chunks(params, source, held, **options, checkpoints=saved, on_epochs=dies)
    begun = []
    again = sfc.train_chunks(
        params, source, held, **options, checkpoints=saved, on_epochs=lambda d, _: begun.append(d)
    )
    assert begun[0] >= 1
    for one, other in zip(*map(jax.tree.leaves, (again.params, whole.params)), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="source"):
        other = source_of(x[:ROWS], y[:ROWS], cuts=(500,))
        sfc.train_chunks(params, other, held, **options, checkpoints=saved)


def test_what_is_wrong_is_told(problem, monkeypatch):
    x, y, params = problem
    held, source = (x[ROWS:], y[ROWS:]), source_of(x[:ROWS], y[:ROWS])
    for options, sentence in (
        ({"window": 0}, "window must be an integer >= 1; got 0"),
        ({"config": {"output_ridge": 1.0}}, "output_ridge must be 0 for rows in chunks"),
        ({"validation": x}, "validation must be .x, y. or a Part; got ndarray"),
        ({"validation": (x.astype(str), y)}, "validation x must be an array of numbers; got words"),
        ({"source": source_of(x, y[:, [0, 0]])}, "train x and y must have"),
    ):
        with pytest.raises(ValueError, match=sentence):
            sfc.train_chunks(**{"params": params, "source": source, "validation": held, **options})
    with pytest.raises(TypeError, match="source must be a source of Chunks; got .<ndarray"):
        sfc.train_chunks(params, held, held)
    monkeypatch.setattr("spline_fc.training.stream.free_bytes", lambda: 10)
    with pytest.raises(ValueError, match="window must leave memory for 5 copies of it"):
        sfc.train_chunks(params, source, held)


def test_a_source_is_standardised_as_arrays_are(problem):
    x, y, _ = problem
    x = np.concatenate([1e3 + 5 * x, np.full((len(x), 1), 7, np.float32)], axis=1)
    expected = data.fit_scaler(Part(x, y))
    weights = np.ones(len(x))
    broken, weights[3] = np.where(np.arange(len(x))[:, None] == 3, np.nan, x), 0
    scaler = data.fit_chunk_scaler(source_of(x, y))
    for one, other in zip(scaler, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    left_out = data.fit_chunk_scaler(source_of(broken, y, weights))
    wanted = data.fit_scaler(Part(np.delete(x, 3, 0), np.delete(y, 3, 0)))
    np.testing.assert_allclose(left_out.x_scale, wanted.x_scale, rtol=1e-12)
    scaled = list(data.scale_chunks(source_of(x, y), scaler))
    np.testing.assert_array_equal(
        np.concatenate([chunk.x for chunk in scaled]), data.scale_x(expected, x)
    )
    with pytest.raises(ValueError, match="x of chunk 1 must be finite"):
        data.fit_chunk_scaler(source_of(broken, y))
    with pytest.raises(ValueError, match=r"chunk 0 must have \(4, 1\) columns of x and y"):
        list(data.scale_chunks(source_of(y, y), scaler))
