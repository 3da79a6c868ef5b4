"""A model file is written whole and read strictly: one sentence names the file and the field."""

import json

import numpy as np
import pytest

import spline_fc as sfc
from spline_fc import files
from tests.model.houses import fitted


@pytest.fixture
def saved(tmp_path):
    model, _ = fitted("regression")
    sfc.save_model(model, tmp_path / "m.npz")
    return tmp_path / "m.npz"


def about(**changes):
    """A change of the text that a file holds."""

    def change(arrays):
        fields = json.loads(arrays["about"].tobytes())
        fields.update(changes)
        text = json.dumps({name: value for name, value in fields.items() if value != "drop"})
        arrays["about"] = np.frombuffer(text.encode(), np.uint8)

    return change


def arrays_with(**changes):
    return lambda arrays: arrays.update(changes)


def without(name):
    return lambda arrays: arrays.pop(name)


BAD = {
    "rows in words": (about(made={"rows": {"train": "x"}}), r"made\['rows'\]\['train'\] must be"),
    "a score in words": (
        about(made={"scores": {"mean": {"rmse": "x"}}}),
        r"made\['scores'\]\['mean'\]\['rmse'\] must be a finite number",
    ),
    "scores without names": (about(made={"scores": {"mean": 5}}), "must be a mapping; got 5"),
    "knots in words": (
        lambda arrays: arrays.update({"spline/knot": arrays["spline/knot"].astype(str)}),
        "spline.knot must",
    ),
    "importance of bits": (
        lambda arrays: arrays.update(importance=arrays["importance"] > 0),
        "importance must be float64",
    ),
    "of a later version": (about(format="spline_fc.model/4"), "of a later version of spline_fc"),
    "of an earlier version": (
        about(format="spline_fc.model/2"),
        "of an earlier version, so fit again",
    ),
    "of another kind": (about(format="spline_fc.fit/2"), "its format must be 'spline_fc.model/3'"),
    "a field too many": (about(more=1), "a field of about must be one of"),
    "a field too few": (about(task="drop"), "about must have all fields; task missing"),
    "an unknown task": (about(task="ranking"), "task must be one of"),
    "an unknown loss": (about(loss="hinge"), "loss must be one of"),
    "names that are no list": (about(classes="ab"), "classes must be a list of texts"),
    "another encoding": (about(encoding={}), "encoding must have all fields"),
    "other names": (about(feature_names=["a"]), "encoding must be that of the feature_names"),
    "no text": (arrays_with(about=np.array([255], np.uint8)), "can't decode"),
    "text of another kind": (arrays_with(about=np.array([1.5])), "about must hold bytes"),
    "no scaler": (without("x_shift"), "it must have all arrays; x_shift missing"),
    "a scale of 0": (arrays_with(y_scale=np.zeros(1)), "y_scale must be positive; got 0"),
    "a range the wrong way": (arrays_with(low=np.full(6, 1e9)), "low must be <= high"),
    "low of another size": (arrays_with(low=np.zeros(2)), r"low must be float64 of shape \(6,\)"),
    "an array too many": (arrays_with(more=np.zeros(2)), "no other arrays; got more"),
    "half a spline": (without("spline/knot"), "spline must have all tables; knot missing"),
    "half a network": (without("network/Dense_0/bias"), "Dense_0 must hold a kernel and a bias"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_file_that_is_not_as_it_was_written_is_refused(saved, what):
    change, told = BAD[what]
    arrays = files.read_npz(saved)
    change(arrays)
    files.write_npz(saved, arrays)
    with pytest.raises(ValueError, match=told) as caught:
        sfc.load_model(saved)
    assert str(caught.value).startswith(f"{saved} must hold a saved model; ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PK", b"id,price\n1,2\n"])
def test_a_damaged_or_foreign_file_is_named(saved, content):
    saved.write_bytes(content)
    with pytest.raises(ValueError, match="m.npz must hold a saved model; it must be an NPZ file"):
        sfc.load_model(saved)
    with pytest.raises(FileNotFoundError):
        sfc.load_model(saved.with_name("none.npz"))


def test_every_byte_of_a_model_counts(saved):
    whole, model = saved.read_bytes(), sfc.load_model(saved)
    x = np.tile(model.scaler.x_shift, (3, 1))
    expected = model._replace(encoding=None).predict(x)
    for place in range(0, len(whole), 41):
        saved.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        try:
            came = sfc.load_model(saved)
        except ValueError as error:
            assert str(error).startswith(f"{saved} must ")
        else:  # in what is said of time and rights
            np.testing.assert_array_equal(came._replace(encoding=None).predict(x), expected)


def test_what_is_no_model_is_not_written(tmp_path):
    model, dataset = fitted("regression")
    with pytest.raises(TypeError, match="model must be a Model"):
        sfc.save_model(dataset, tmp_path / "m.npz")
    with pytest.raises(ValueError, match="low must be"):
        sfc.save_model(model._replace(low=model.low[:2]), tmp_path / "m.npz")
    with pytest.raises(ValueError, match="spline or params must be given"):
        sfc.make_model(dataset)
    with pytest.raises(ValueError, match="made must be a mapping; got 'today'"):
        sfc.make_model(dataset, spline=model.spline, made="today")
    with pytest.raises(ValueError, match="extrapolate must be one of"):
        sfc.make_model(dataset, spline=model.spline, extrapolate="flat")
    with pytest.raises(ValueError, match="params must have 6 inputs and 1 outputs"):
        sfc.make_model(dataset, params=sfc.to_params(fitted("multiclass")[0].spline))
    assert not list(tmp_path.iterdir())
