"""A model of several members bounds what it predicts, from rows that they held out."""

import jax
import numpy as np
import pytest

import spline_fc as sfc
from spline_fc import files
from spline_fc.data import Part, Weights
from spline_fc.ensemble import METHODS, keep_held_out, of_validation
from spline_fc.ensemble.held_out import outputs_float64
from spline_fc.ensemble.intervals import cv_plus
from spline_fc.ensemble.spread import sizes_at
from tests.model.houses import MEMBERS, fitted, labelled, several, table

TASKS = ("regression", "binary", "multiclass")


def test_the_network_is_the_mean_of_the_members_and_lies_between_the_bounds():
    model, (frame, y) = several("regression"), table(400, seed=1)
    found = model.predict(frame)
    x = (model.inputs(frame) - model.scaler.x_shift) / model.scaler.x_scale
    mean = outputs_float64(model.held_out.members, x).mean(axis=0)
    expected = mean[:, 0] * model.scaler.y_scale + model.scaler.y_shift
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    widths = {}
    for method in METHODS:
        lower, upper = model.predict_interval(frame, method=method)
        assert lower.shape == found.shape and (lower < found).all() and (found < upper).all()
        widths[method] = upper - lower
        narrow = model.predict_interval(frame, 0.5, method)
        assert (narrow[0] >= lower).all() and (narrow[1] <= upper).all()
        assert ((lower <= y) & (y <= upper)).mean() > 0.85
    assert (widths["minmax"] >= widths["cv+"]).all()


@pytest.mark.parametrize("task", TASKS[1:])
def test_sets_hold_the_class_that_is_predicted_and_mostly_the_true_one(task):
    model, frame = several(task), labelled(task)
    sets, labels = model.predict_set(frame), np.array(model.classes)
    assert sets.shape == (len(frame), len(labels))
    rows = np.arange(len(frame))
    assert sets[rows, model.predict_proba(frame).argmax(axis=1)].all()
    truth = (labels == frame["label"].to_numpy()[:, None]).argmax(axis=1)
    assert sets[rows, truth].mean() > 0.85
    few, many = model.predict_set(frame, 0.5), model.predict_set(frame, 0.98)
    assert (few <= sets).all() and (sets <= many).all() and many.sum() > few.sum()


@pytest.mark.parametrize("task", TASKS)
def test_a_file_keeps_the_members_and_every_bit_of_what_they_bound(task, tmp_path):
    model, (frame, _) = several(task, extrapolate="clip"), table(seed=1)
    model.save(tmp_path / "m.npz")
    again = sfc.load_model(tmp_path / "m.npz")
    assert not any(name.startswith("network/") for name in files.read_npz(tmp_path / "m.npz"))
    assert model.outputs(frame).tobytes() == again.outputs(frame).tobytes()
    if task == "regression":
        for method in METHODS:
            for old, new in zip(
                *(m.predict_interval(frame, 0.8, method) for m in (model, again)), strict=True
            ):
                assert old.tobytes() == new.tobytes()
    else:
        np.testing.assert_array_equal(model.predict_set(frame), again.predict_set(frame))
    assert again.made == model.made and repr(again) == repr(model)


def test_a_page_tells_of_the_members_and_of_what_the_intervals_hold():
    model = several("regression")
    told = model.summary()
    assert f"the mean of {MEMBERS} (" in told and f"the first of {MEMBERS} began" in told
    assert "90 % intervals on test rows" in told and "coverage" in told
    assert set(model.made["intervals"]) == set(METHODS)
    assert f"the mean of {MEMBERS}," in repr(model)
    assert "90 % sets on test rows" in several("multiclass").summary()
    found = model.explain(table()[0], 3)
    total = found.reference_value + found.contribution.sum(axis=0)
    np.testing.assert_allclose(total, found.prediction)


def test_scaled_intervals_are_wide_where_residuals_are_large():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (1200, 3))
    size = np.stack([0.1 + np.maximum(x[:, 0], 0), np.full(1200, 3.0)], axis=1)
    y = rng.normal(size=size.shape) * size
    zero = {"Dense_0": {"kernel": np.zeros((MEMBERS, 3, 2)), "bias": np.zeros((MEMBERS, 2))}}
    learnt, new = slice(600), slice(600, None)
    held_out = np.arange(600) % MEMBERS == np.arange(MEMBERS)[:, None]
    held = keep_held_out(zero, held_out, x[learnt], y[learnt])
    large = x[new, 0] > 0.5
    inside = {}
    for method in ("cv+", "scaled"):
        lower, upper = held.interval(x[new], 0.9, method)
        inside[method] = ((lower <= y[new]) & (y[new] <= upper))[:, 0]
    assert abs(inside["cv+"].mean() - 0.9) < 0.04 and abs(inside["scaled"].mean() - 0.9) < 0.04
    assert inside["cv+"][large].mean() < 0.8 < inside["scaled"][large].mean()
    widths = upper - lower
    assert np.corrcoef(widths[:, 0], size[new, 0])[0, 1] > 0.9
    assert widths[:, 1].std() < 0.2 * widths[:, 1].mean()  # a target has its own residuals
    far = np.array([[50.0, 0, 0]])
    assert (sizes_at(held.spread, far) <= np.exp(held.spread.high)).all()


@pytest.mark.parametrize("make", [several, lambda task: fitted(task)[0]])
def test_fresh_rows_bound_any_network(make, tmp_path):
    model, (frame, y) = make("regression"), table(150, seed=5)
    fresh = model.calibrated(frame.assign(price=y))
    new, _ = table(20, seed=6)
    np.testing.assert_array_equal(fresh.predict(new), model.predict(new))
    reach = np.sort(np.abs(y - fresh.predict(frame)))[135]  # ceil(0.9 * 151) = 136
    # The network is the mean of several members but for rounding to float32.
    for method, wanted in (("cv+", reach), ("minmax", reach)):
        lower, upper = fresh.predict_interval(new, method=method)
        if model.held_out is None:
            np.testing.assert_allclose(upper - lower, 2 * wanted, rtol=1e-9)
        np.testing.assert_allclose((upper + lower) / 2, fresh.predict(new), rtol=0.05)
    fresh.save(tmp_path / "m.npz")
    again = sfc.load_model(tmp_path / "m.npz")
    np.testing.assert_array_equal(again.predict_interval(new), fresh.predict_interval(new))


def test_what_cannot_be_bounded_is_named():
    (one, _), model, (frame, _) = fitted("regression"), several("regression"), table()
    with pytest.raises(ValueError, match="must have residuals of rows held out; it has none"):
        one.predict_interval(frame)
    with pytest.raises(ValueError, match="predict_set must be asked of a classification"):
        model.predict_set(frame)
    with pytest.raises(ValueError, match="predict_interval must be asked of a regression"):
        several("binary").predict_interval(frame)
    with pytest.raises(ValueError, match="level must be a finite number > 0 and < 1; got 90"):
        model.predict_interval(frame, 90)
    with pytest.raises(ValueError, match="level must be at most 0.98"):
        model.predict_interval(frame, 0.999)
    with pytest.raises(ValueError, match="method must be one of 'cv.', 'minmax', 'scaled'"):
        model.predict_interval(frame, method="cv")
    with pytest.raises(ValueError, match="params must be the mean of the members"):
        model._replace(params=one.params).save("never.npz")


def test_weights_that_fits_take_for_counts_are_counts_to_intervals_and_one_network_is_itself():
    """Normalised weights, of a member that held all rows out, as the model of a run has."""
    one, dataset = fitted("regression")
    members, (x, y) = jax.tree.map(lambda leaf: np.asarray(leaf)[None], one.params), dataset.train
    every = np.ones((1, len(x)), bool)
    held = [keep_held_out(members, every, x, y, weights=np.full(len(x), w)) for w in (1, 1e-5)]
    light = sfc.make_model(dataset, spline=one.spline, held_out=held[1], loss=one.loss)
    assert held[0].most_level == pytest.approx(held[1].most_level)
    told = light.summary()
    assert "with which the network began" in told
    # Both methods are one thing of one member.
    assert "split conformal (cv+, minmax)" in told and told.count("minmax") == 1


def test_validation_rows_too_few_or_all_alike_give_no_intervals(caplog):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 2)), rng.normal(size=(60, 1))
    dataset = sfc.from_arrays(x, y)
    params = sfc.init_params("he_normal", 0, x, y, 4)

    def found(x, y, weights=None):
        own = dataset._replace(validation=Part(x, y))
        if weights is not None:
            own = own._replace(weights=Weights(np.ones(36), weights, np.ones(12)))
        return of_validation(params, own, "squared_error")

    assert found(x[:8], y[:8]) is None and found(x[:9], y[:9]).most_level == 0.9
    assert found(np.ones((20, 2)), y[:20]) is None
    weights = np.arange(20.0) % 2
    held = found(x[:20], y[:20], weights)  # rows of weight 0 are left out
    np.testing.assert_array_equal(held.sizes, found(x[1:20:2], y[1:20:2]).sizes)
    assert found(x[:20], y[:20], weights * 0) is None
    light = found(x[:20], y[:20], np.full(20, 1e-4))  # normalised, which fits take for counts
    assert light.most_level == found(x[:20], y[:20]).most_level
    assert light.sizes.tobytes() == found(x[:20], y[:20]).sizes.tobytes()
    told = "too little to give intervals; they are scaled to sum to their 20 rows"
    assert told in caplog.records[-1].message


def test_rows_that_count_are_told_as_rows_and_as_what_they_count():
    """Weights that add up to enough but for rounding are enough."""
    sizes, means = np.ones((100, 1)), np.zeros((1, 2, 1))
    of_row = np.zeros(100, np.int32)
    with pytest.raises(ValueError, match=r"the most that 100 row\(s\) held out that count as 17 "):
        cv_plus(sizes, of_row, means, 0.95, np.full(100, 0.17))
    with pytest.raises(ValueError, match=r"the most that 100 row\(s\) held out give; got 0.995"):
        cv_plus(sizes, of_row, means, 0.995)
    weights = np.nextafter(np.full(9, 1.0), 0)
    params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), sfc.init_params(
        "he_normal", 0, np.ones((9, 2)), np.ones((9, 1)), 4))  # fmt: skip
    x = np.random.default_rng(0).normal(size=(60, 2))
    dataset = sfc.from_arrays(x, x[:, 0])
    dataset = dataset._replace(validation=Part(x[:9], x[:9, :1]))
    dataset = dataset._replace(weights=Weights(np.ones(36), weights, np.ones(12)))
    held = of_validation(params, dataset, "squared_error")
    assert held is not None and held.total < 9


BAD = {
    "holders of numbers": ("held_out/holders", lambda a: a.astype(float), "holders must be bool"),
    "a group without holders": ("held_out/holders", np.zeros_like, "holders must have a member"),
    "a group too many": ("held_out/of_row", lambda a: a + 9, "of_row must number rows of holders"),
    "a size below 0": ("held_out/sizes", np.negative, "sizes must not be negative"),
    "sizes of other rows": ("held_out/sizes", lambda a: a[1:], "sizes must be float64 of shape"),
    "ratios that are absent": ("held_out/ratios", None, "held_out must have all tables; ratios"),
    "half a spread": ("spread/knot", None, "spread must have all tables; knot missing"),
    "half a member": ("members/Dense_0/bias", None, "Dense_0 must hold a kernel and a bias"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_file_whose_members_are_damaged_is_refused(what, tmp_path):
    several("regression").save(tmp_path / "m.npz")
    name, change, told = BAD[what]
    arrays = files.read_npz(tmp_path / "m.npz")
    own = arrays.pop(name)
    if change is not None:
        arrays[name] = change(own)
    files.write_npz(tmp_path / "m.npz", arrays)
    with pytest.raises(ValueError, match=told):
        sfc.load_model(tmp_path / "m.npz")
