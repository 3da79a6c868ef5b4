"""The default start: half of the network a shrunk spline, the other half free."""

import inspect
import sys
import time

import jax
import numpy as np
import pytest

from spline_fc import cpwl, network, training
from spline_fc.cpwl import evaluate_float64
from tests import guides

KEY = jax.random.key(0)
SIZES = (40, 40)
HOME = sys.modules["spline_fc.network.spline_start"]  # its function has the same name


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 4)).astype(np.float32)
    y = np.abs(x @ [1, 1, 0, 0]) + np.sin(2 * x[:, 2]) + 0.1 * rng.normal(size=500)
    return x, y.astype(np.float32)


@pytest.fixture(scope="module")
def start(rows):
    return network.spline_start(KEY, *rows, SIZES)


def test_the_network_is_the_spline(rows, start):
    x, _ = rows
    spline = cpwl.evaluate(start.fit, x)
    np.testing.assert_allclose(network.apply_params(start.params, x), spline, atol=1e-5)
    assert network.layer_sizes(start.params) == (4, *SIZES, 1)


def test_half_of_the_first_layer_is_free(rows, start):
    used = network.hinges(start.fit).knot.size
    assert 5 < used <= 20
    quarter = network.spline_start(KEY, *rows, SIZES, share=0.25).fit
    assert network.hinges(quarter).knot.size <= 10


def test_coefficients_are_shrunk_within_the_tolerance(rows, start):
    x, y = rows
    plain = cpwl.shrink(start.fit, x, y, most=0)
    rss = float(((y[:, None] - np.asarray(cpwl.evaluate(start.fit, x))) ** 2).sum())
    assert start.fit.rss == pytest.approx(rss, rel=1e-4)
    assert plain.rss < rss <= 1.2 * plain.rss * (1 + 1e-4)
    assert float((start.fit.spline.coef**2).sum()) < 0.9 * float((plain.spline.coef**2).sum())


def test_a_share_of_the_rows_is_fitted_and_all_are_looked_at(rows):
    x, y = rows
    options = {"directions": (), "max_terms": 9}
    part = network.spline_start(KEY, x, y, SIZES, row_share=0.4, **options).fit
    assert part.num_rows == 200
    whole = network.spline_start(KEY, x, y, SIZES, **options).fit
    assert part.rss / 200 < 1.5 * whole.rss / 500 and not np.isclose(part.gcv, whole.gcv)
    own = np.asarray(part.spline.knot)[np.asarray(part.spline.slope) != 0]
    other = network.spline_start(1, x, y, SIZES, row_share=0.4, **options).fit
    assert not np.isin(own, np.asarray(other.spline.knot)).all()


def test_units_without_a_hinge_and_norms_are_as_asked(rows):
    x, y = rows
    rows = x, 64 * y  # coefficients of a size that balancing has something to do with
    options = {"directions": (), "max_terms": 9}
    plain = network.spline_start(KEY, *rows, SIZES, **options)
    used = network.hinges(plain.fit).knot.size
    for given in ({"incoming": "swim"}, {"incoming": "orthogonal"}, {"balance": "none"}):
        found = network.spline_start(KEY, *rows, SIZES, **options, **given)
        same = network.apply_params(plain.params, x)
        np.testing.assert_allclose(network.apply_params(found.params, x), same, atol=1e-3)
        new, old = (np.asarray(s.params["Dense_0"]["kernel"]) for s in (found, plain))
        parts = slice(used, None), slice(used)
        changed = [not np.array_equal(new[:, part], old[:, part]) for part in parts]
        assert changed == ([True, False] if "incoming" in given else [False, True])


def test_without_directions_hinges_stay_on_features(rows):
    x, _ = rows
    found = network.spline_start(KEY, *rows, SIZES, directions=(), max_terms=15)
    assert found.fit.spline.projection.shape == (4, 0)
    exact = network.to_params(found.fit)
    np.testing.assert_allclose(
        network.apply_params(found.params, x), network.apply_params(exact, x), atol=1e-5
    )
    used = np.asarray(found.params["Dense_0"]["kernel"])[:, : exact["Dense_0"]["bias"].size]
    assert (np.count_nonzero(used, axis=0) == 1).all()


def test_weights_are_worth_copies_in_directions_fit_and_shrinking(rows):
    x, y = rows
    weights = np.repeat([1, 2], [300, 200])
    weighted = network.spline_start(KEY, x, y, SIZES, weights=weights, knots="all").fit
    copies = np.repeat(np.arange(500), weights)
    repeated = network.spline_start(KEY, x[copies], y[copies], SIZES, knots="all").fit
    assert weighted.num_rows == repeated.num_rows == 700
    scale = np.std(y)
    gap = np.abs(cpwl.evaluate(weighted, x) - cpwl.evaluate(repeated, x)).max()
    assert gap < 1e-2 * scale
    unweighted = network.spline_start(KEY, x, y, SIZES, knots="all").fit
    assert np.abs(cpwl.evaluate(unweighted, x) - cpwl.evaluate(repeated, x)).max() > 2 * gap


def test_seconds_are_those_of_everything(rows, monkeypatch):
    def slow(*arguments, **options):
        time.sleep(0.2)
        return network.reshape(*arguments, **options)

    monkeypatch.setattr(HOME, "reshape", slow)
    start = network.spline_start(KEY, *rows, SIZES)
    assert sum(start.seconds) >= sum(start.fit.seconds) + 0.2


def test_directions_and_new_units_get_keys_of_their_own(rows, monkeypatch):
    keys = []
    for name, real in (("fit_mars", cpwl.fit_mars), ("reshape", network.reshape)):

        def spy(*arguments, real=real, **options):
            key = options["key"] if "key" in options else arguments[2]
            keys.append(jax.random.key_data(key).tolist())
            return real(*arguments, **options)

        monkeypatch.setattr(HOME, name, spy)
    network.spline_start(KEY, *rows, SIZES, directions=network.DIRECTIONS_OF["regression"])
    assert len(keys) == 2
    assert keys[0] != keys[1]
    assert jax.random.key_data(KEY).tolist() not in keys


def test_options_are_those_of_the_start_and_of_fit_mars():
    assert set(cpwl.FIT_OPTIONS) - {"key"} < set(network.START_OPTIONS)
    assert {"share", "tolerance"} < set(network.START_OPTIONS)
    assert len(set(network.START_OPTIONS)) == len(network.START_OPTIONS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(share=0.0), "share"),
        (dict(share=1.5), "share"),
        (dict(max_terms=0), "max_terms"),
        (dict(tolerance=0.0), "tolerance"),
        (dict(row_share=1.5), "row_share"),
        (dict(incoming="he"), "incoming"),
        (dict(balance=None), "balance"),
        (dict(directions=("old",)), "directions"),
        (dict(max_hingse=3), "did you mean 'max_hinges'"),
        (dict(weights=-np.ones(500)), "weights must not be negative"),
    ],
)
def test_bad_input_is_named(rows, change, message):
    with pytest.raises(ValueError, match=message):
        network.spline_start(KEY, *rows, SIZES, **change)


def test_guide_runs_and_names_the_defaults():
    guides.run_blocks("recipe.md", at_least=1)
    text, choices = guides.read("recipe.md"), inspect.signature(network.spline_start).parameters
    config = training.TrainingConfig()
    told = {name: choices[name].default for name in ("share", "tolerance")}
    told["directions"] = network.DIRECTIONS_OF["regression"]
    told |= {name: getattr(config, name) for name in ("schedule", "averaging", "guard")}
    for name, value in told.items():
        written = repr(value).replace("'", '"')
        assert f"`{name}={written}`" in text, name
    assert f"at most {choices['max_terms'].default - 1} hinges" in text
    assert config.warmup_epochs == 5 and "five epochs of warm-up" in text


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_a_network_of_classes_begins_with_the_scores_of_its_spline(task):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4)).astype(np.float32)
    level = np.digitize(np.abs(x[:, 0]) + x[:, 1] + 0.5 * rng.normal(size=300), [0.3, 1.2])
    y = np.eye(3)[level] if task == "multiclass" else (level > 1)[:, None].astype(float)
    start = network.spline_start(KEY, x, y, (32, 8), task=task)
    logits = evaluate_float64(start.fit.spline, x), network.apply_params(start.params, x)
    loss = training.LOSS_OF[task]
    spline, net = (training.scores(task, loss, np.asarray(found), y) for found in logits)
    assert spline["log_loss"] < 0.7 and spline["accuracy"] == net["accuracy"]
    np.testing.assert_allclose(net["log_loss"], spline["log_loss"], atol=1e-6)
    np.testing.assert_allclose(spline["log_loss"], start.fit.log_loss, atol=1e-6)


@pytest.mark.parametrize("given", [{}, {"ridge": 1e-5}])
def test_logits_of_features_in_one_unit_have_a_ridge_of_their_own(given, rows):
    x, y = rows
    labels = (y[:, None] > np.median(y)).astype(np.float32)
    options = {"directions": (), "max_terms": 9, "passes": 0, "shared_scale": True, **given}
    start = network.spline_start(KEY, x, labels, SIZES, task="binary", **options)
    plain = cpwl.fit_logits(start.fit, x, labels, ridge=given.get("ridge", HOME.PIXEL_RIDGE))
    assert start.fit.log_loss == pytest.approx(plain.log_loss, rel=1e-6)


def test_an_option_of_another_task_is_not_ignored_without_a_word(caplog):
    x = np.random.default_rng(0).normal(size=(60, 2))
    few = {"directions": (), "max_terms": 3, "knots": 4}
    network.spline_start(0, x, x[:, 0], 8, **few, passes=1, ridge=None, tolerance=0.5)
    assert not caplog.records
    network.spline_start(0, x, x[:, 0], 8, **few, passes=3, ridge=0.1)
    told = [record.message for record in caplog.records]
    assert told[0].startswith("passes=3 has no say here: it is of the start for classes")
    assert told[1].startswith("ridge=0.1 has no say here") and len(told) == 2
    network.spline_start(0, x, x[:, 0], 8, **few, ridge=np.ones(2))  # cannot be compared as one
    assert "ridge=a ndarray of float64 with shape (2,) has no say here" in caplog.text
    labels = (x[:, 0] > 0).astype(float)
    network.spline_start(0, x, labels, 8, task="binary", **few, passes=0, tolerance=0.5)
    assert "tolerance=0.5 has no say here: it is of the start for a regression" in caplog.text
