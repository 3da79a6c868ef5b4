"""A model predicts rows as they come, as its parts do, and as its file does."""

import numpy as np
import pytest

import spline_fc as sfc
from spline_fc import network
from tests.model.houses import data, fitted, labelled, table


@pytest.fixture(scope="module")
def regression():
    return fitted("regression")


def test_predictions_are_those_of_the_parts_in_raw_units(regression):
    model, dataset = regression
    x, _ = data("regression").test
    expected = sfc.evaluate(model.spline, dataset.test.x.astype(np.float64))
    expected = expected * dataset.scaler.y_scale + dataset.scaler.y_shift
    np.testing.assert_allclose(model._replace(encoding=None).predict(x), expected[:, 0], rtol=1e-5)
    alone, _ = fitted("regression", ("spline",))
    np.testing.assert_allclose(alone._replace(encoding=None).predict(x), expected[:, 0], rtol=1e-5)


def test_columns_are_found_by_name_and_others_passed_over(regression):
    model, _ = regression
    frame, _ = table()
    expected = model.predict(frame)
    columns = {"more": frame["area"], **{name: frame[name] for name in reversed(frame.columns)}}
    np.testing.assert_array_equal(model.predict(columns), expected)
    with pytest.raises(ValueError, match="must have the column 'tree'"):
        model.predict(frame.drop(columns="tree"))


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
@pytest.mark.parametrize("parts", [("spline",), ("params",), ("spline", "params")])
def test_a_file_keeps_every_bit(task, parts, tmp_path):
    model, _ = fitted(task, parts, extrapolate="clip")
    sfc.save_model(model, tmp_path / "m.npz")
    again = sfc.load_model(tmp_path / "m.npz")
    frame, _ = table(seed=1)
    assert model.outputs(frame).tobytes() == again.outputs(frame).tobytes()
    assert (again.predict(frame) == model.predict(frame)).all()
    assert again.encoding == model.encoding and again.made == model.made
    assert repr(again) == repr(model)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_probabilities_belong_to_classes_in_order(task):
    model, dataset = fitted(task, ("spline",))
    frame, _ = table()
    found = model.predict_proba(frame)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-12)
    assert found.min() >= 0 and found.shape[1] == len(model.classes)
    y = sfc.encode_with_targets(dataset, labelled(task))[1]
    truth = np.array(model.classes)[y[:, 0].astype(int) if task == "binary" else y.argmax(axis=1)]
    assert (labelled(task)["label"] == truth).all()
    assert (model.predict(frame) == truth).mean() > 0.8


@pytest.mark.parametrize("extrapolate", ["linear", "clip"])
def test_the_network_of_a_model_takes_raw_units(extrapolate):
    model, _ = fitted("regression", extrapolate=extrapolate)
    frame, _ = table()
    frame["area"] *= 3
    x = sfc.encode(model.encoding, frame)
    came = np.asarray(network.apply_params(model.network(), x))[:, 0]
    np.testing.assert_allclose(came, model.predict(frame), rtol=1e-5)


def test_clipping_holds_beyond_the_training_rows():
    linear, _ = fitted("regression", extrapolate="linear")
    clip, _ = fitted("regression")
    frame, _ = table()
    far = frame.assign(area=1e6)
    edge = frame.assign(area=clip.high[list(clip.feature_names).index("area")])
    np.testing.assert_array_equal(clip.predict(far), clip.predict(edge))
    assert (linear.predict(far) > 1e6).all()


def test_rows_that_are_pulled_in_are_counted(caplog):
    model, _ = fitted("regression")
    frame, _ = table()
    near = frame[
        model.predict(frame) == fitted("regression", extrapolate="linear")[0].predict(frame)
    ]
    caplog.clear()
    model.predict(near)
    assert not caplog.messages
    rows = near.reset_index(drop=True)
    rows.loc[:4, "area"], rows.loc[4:6, "sold"] = 1e6, "2031-01-01"
    model.predict(rows)
    (told,) = caplog.messages
    assert told.startswith(f"7 of {len(rows)} rows lie beyond") and "5 of them in area" in told


def test_scores_and_importance_are_of_rows_pulled_in():
    raw = data("regression")
    x = np.array(raw.test.x)
    x[:3, 0] = 1e8
    far = sfc.standardize(raw._replace(test=raw.test._replace(x=x)))
    ways = ((far, "clip"), (sfc.data.pull_in(far), "linear"), (far, "linear"))
    spline = fitted("regression")[0].spline
    found = [sfc.make_model(d, spline=spline, extrapolate=way) for d, way in ways]
    rmse = [model.made["scores"]["spline alone"]["rmse"] for model in found]
    assert rmse[0] == rmse[1] < 1e-3 * rmse[2]
    np.testing.assert_array_equal(found[0].importance, found[1].importance)
