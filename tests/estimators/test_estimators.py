"""The four estimators: rows of any kind in, one model behind every door."""

import pickle

import jax
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import StandardScaler

import spline_fc as sfc
from spline_fc import network
from spline_fc.estimators import notes
from tests.estimators.rows import SMALL, houses, numbers


@pytest.fixture(scope="module")
def on_frame():
    frame, price = houses()
    return sfc.SplineFCRegressor(**SMALL).fit(frame, price)


@pytest.fixture(scope="module")
def mars():
    return sfc.MARSRegressor(max_terms=9).fit(*numbers())


def labels(kind, y):
    """Three classes of y as labels of a kind; two where the kind has no more."""
    codes = np.digitize(y, np.quantile(y, [1 / 3, 2 / 3]))
    known = {
        "word": np.array(["mid", "high", "a low one"]),
        "number": np.array([10, 9, -1]),
        "object": np.array(["10", "9", "-1"], object),
        "boolean": np.array([True, False, False]),
    }
    return known[kind][codes]


def test_a_frame_of_all_kinds(on_frame):
    frame, price = houses(seed=1)
    assert on_frame.score(frame, price) > 0.9
    assert list(on_frame.feature_names_in_) == list(frame.columns)
    assert on_frame.n_features_in_ == 6
    shares = dict(zip(frame.columns, on_frame.feature_importances_, strict=True))
    assert abs(sum(shares.values()) - 1) < 1e-9
    assert sorted(shares, key=shares.get)[-3:] == ["lit", "tree", "area"] and shares["floor"] < 0.01
    (knots,) = [knots for name, knots in on_frame.knots().items() if name == "area"]
    assert np.abs(knots - 90).min() < 15
    assert on_frame.model_.target_names == ("price",)


def test_rows_never_seen(on_frame):
    frame, _ = houses(40, seed=2)
    strange = frame.assign(tree="fir", area=np.nan)
    assert np.isfinite(on_frame.predict(strange)).all()
    with pytest.raises(ValueError, match="feature names"):
        on_frame.predict(frame.drop(columns="tree"))


def test_columns_that_tell_nothing_are_left_out(mars):
    x, y = numbers()
    blank = np.insert(x, 1, np.nan, axis=1)
    fitted = sfc.MARSRegressor(max_terms=9).fit(blank, y)
    assert fitted.n_features_in_ == 4 and fitted.feature_importances_[1] == 0
    np.testing.assert_array_equal(fitted.predict(blank), mars.predict(x))
    numbered = pd.DataFrame(x).assign(id=[f"row {i}" for i in range(len(x))]).rename(columns=str)
    fitted = sfc.MARSRegressor(max_terms=9).fit(numbered, y)
    np.testing.assert_array_equal(fitted.predict(numbered), mars.predict(x))


def test_gaps_of_arrays_are_medians(mars):
    x, y = numbers()
    gaps = x.copy()
    gaps[::7, 2] = np.nan
    fitted = sfc.MARSRegressor(max_terms=9).fit(gaps, y)
    filled = np.where(np.isnan(gaps), np.nanmedian(gaps, axis=0), gaps)
    np.testing.assert_array_equal(fitted.predict(gaps), fitted.predict(filled))
    np.testing.assert_array_equal(mars.predict(gaps), mars.predict(filled.clip(None, 9)))


def test_several_targets_keep_their_axes():
    x, y = numbers()
    two = np.stack([y, 100 * y], axis=1)
    fitted = sfc.MARSRegressor(max_terms=9).fit(x, two)
    assert fitted.predict(x).shape == two.shape and fitted.basis_coef_.shape[1] == 2
    assert fitted.score(x, two) > 0.9
    assert sfc.MARSRegressor(max_terms=9).fit(x, two[:, :1]).predict(x).shape == (len(x), 1)
    network_of_two = sfc.SplineFCRegressor(**SMALL).fit(x, pd.DataFrame(two, columns=["a", "b"]))
    assert network_of_two.score(x, two) > 0.9
    assert network_of_two.model_.target_names == ("a", "b")


@pytest.mark.parametrize("kind", ["word", "number", "object", "boolean"])
def test_labels_of_any_kind(kind):
    x, y = numbers()
    wanted = labels(kind, y)
    fitted = sfc.SplineFCClassifier(**SMALL).fit(x, wanted)
    np.testing.assert_array_equal(fitted.classes_, np.unique(wanted))
    assert fitted.model_.classes == tuple(str(c) for c in fitted.classes_)
    shares = fitted.predict_proba(x)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-12)
    assert fitted.predict(x).dtype == wanted.dtype and fitted.score(x, wanted) > 0.8
    right = shares[np.arange(len(x)), np.searchsorted(fitted.classes_, wanted)]
    assert -np.log(right).mean() < 0.5  # the chance of three classes has 1.1


def test_a_class_of_one_row_is_trained_on():
    x, y = numbers()
    wanted = np.where(np.arange(len(y)) == 0, "rare", np.where(y > 0.3, "high", "low"))
    fitted = sfc.SplineFCClassifier(**SMALL).fit(x, wanted)
    assert list(fitted.classes_) == ["high", "low", "rare"]


@pytest.mark.parametrize("make", [sfc.MARSRegressor, sfc.SplineFCRegressor])
def test_weights_are_copies(make):
    x, y = numbers()
    options = {"max_terms": 9} if make is sfc.MARSRegressor else SMALL
    weight = np.random.default_rng(0).choice(3, len(y), p=[0.1, 0.6, 0.3])
    bad = np.where(weight == 0, 1e6, y)  # what stands in a row of weight 0 does not matter
    copies = np.random.default_rng(1).permutation(np.repeat(np.arange(len(y)), weight))
    weighted = make(**options).fit(x, bad, weight)
    repeated = make(**options).fit(x[copies], y[copies])
    np.testing.assert_array_equal(weighted.predict(x), repeated.predict(x))
    assert (weighted.predict(x) != make(**options).fit(x, y).predict(x)).any()


def test_pickled_and_cloned_without_jax(on_frame):
    leaves = jax.tree.leaves([value for value in vars(on_frame).values()])
    assert not any(isinstance(leaf, jax.Array) for leaf in leaves)
    frame, _ = houses(20, seed=3)
    again = pickle.loads(pickle.dumps(on_frame))
    np.testing.assert_array_equal(again.predict(frame), on_frame.predict(frame))
    assert clone(on_frame).get_params() == on_frame.get_params()
    assert not hasattr(clone(on_frame), "model_")


def test_a_fit_can_be_repeated():
    x, y = numbers()
    first, second = (sfc.SplineFCRegressor(**SMALL).fit(x, y).predict(x) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    other = sfc.SplineFCRegressor(**SMALL, random_state=np.random.RandomState(1)).fit(x, y)
    assert (other.predict(x) != first).any()


def test_the_basis_spans_the_spline(mars):
    x, y = numbers()
    basis = sfc.MARSTransformer(max_terms=9).set_output(transform="pandas").fit(x, y)
    columns = basis.transform(x)
    assert list(columns.columns) == list(basis.get_feature_names_out())
    assert columns.columns.is_unique and any("h(x0" in n for n in columns)
    coef = LinearRegression().fit(columns, mars.predict(x))
    np.testing.assert_allclose(coef.predict(columns), mars.predict(x), atol=1e-9)
    assert basis.get_feature_names_out(["a", "b", "c"])[0].count("x") == 0


def test_the_basis_of_labels():
    x, y = numbers()
    basis = sfc.MARSTransformer(max_terms=9).fit(x, labels("word", y))
    assert basis.basis_coef_.shape[1] == 3 and basis.transform(x).shape[1] >= 2


@pytest.mark.parametrize("extrapolate", ["linear", "clip"])
def test_every_door_has_the_same_function(extrapolate, tmp_path):
    x, y = numbers()
    fitted = sfc.SplineFCRegressor(**SMALL, extrapolate=extrapolate).fit(x, y)
    far = x * 3
    wanted = fitted.predict(far)
    module, variables = fitted.to_linen()
    rows = far.astype(np.float32)
    np.testing.assert_allclose(module.apply(variables, rows)[:, 0], wanted, atol=1e-4)
    np.testing.assert_allclose(fitted.to_nnx()(rows)[:, 0], wanted, atol=1e-4)
    fitted.model_.save(tmp_path / "m.npz")
    np.testing.assert_array_equal(sfc.load_model(tmp_path / "m.npz").predict(far), wanted)
    fitted.export(tmp_path / "m.safetensors", "safetensors")
    params = network.load_safetensors(tmp_path / "m.safetensors")
    np.testing.assert_allclose(network.apply_params(params, rows)[:, 0], wanted, atol=1e-4)
    edge = np.clip(far, x.min(axis=0), x.max(axis=0))
    assert np.allclose(fitted.predict(edge), wanted, atol=1e-5) == (extrapolate == "clip")


def test_the_spline_is_in_raw_units(mars):
    x, _ = numbers()
    np.testing.assert_allclose(sfc.evaluate(mars.spline_, x)[:, 0], mars.predict(x), atol=1e-12)
    assert mars.basis_coef_.shape == mars.spline_.coef.shape and 0 < mars.gcv_ < 0.1
    knots = mars.knots()
    assert np.abs(knots["x0"]).min() < 0.3 and "x2" not in knots
    found = mars.explain(x, 3)
    assert abs(found.reference_value + found.contribution.sum() - mars.predict(x)[3]) < 1e-9


def test_knots_have_no_digits_of_rounding():
    x = np.round(numbers()[0], 2)
    fitted = sfc.SplineFCRegressor(**SMALL).fit(x, np.abs(x[:, 0] - 0.25))
    knots = fitted.knots()["x0"]
    np.testing.assert_array_equal(knots, np.round(knots, 2))


def test_a_model_without_scores_tells_of_none(mars):
    assert "\n" not in repr(mars.model_)
    told = mars.model_.summary()
    assert "importance " in told and "test rows" not in told


def test_one_class_is_told_as_it_came():
    x, _ = numbers()
    with pytest.raises(ValueError, match="got 1 class, 'a'"):
        sfc.SplineFCClassifier().fit(x, ["a"] * len(x))


def test_rows_are_held_out_to_choose_by():
    x, y = numbers()
    fitted = sfc.SplineFCRegressor(**SMALL).fit(x, y)
    losses = fitted.history_["validation_loss"]
    assert set(fitted.history_) == {"train_loss", "validation_loss"} and len(losses) == 7
    assert fitted.model_.made["learning_rate"] in (0.001, 0.003, 0.01)
    again = sfc.SplineFCRegressor(**SMALL, refit=True).fit(x, y)
    np.testing.assert_array_equal(again.history_["validation_loss"], losses)
    assert (again.predict(x) != fitted.predict(x)).any() and again.score(x, y) > 0.95
    every = sfc.SplineFCRegressor(**SMALL, early_stopping=False, learning_rate=0.01).fit(x, y)
    np.testing.assert_allclose(*every.history_.values(), rtol=1e-5)


def test_few_rows_are_all_trained_on():
    x, y = numbers(39)
    fitted = sfc.SplineFCRegressor(**SMALL).fit(x, y)
    np.testing.assert_allclose(*fitted.history_.values(), rtol=1e-5)
    assert fitted.score(x, y) > 0.8


@pytest.mark.parametrize(
    "options",
    [
        {"extrapolate": "flat"},
        {"early_stopping": "yes"},
        {"validation_fraction": 1.0},
        {"epochs": -1},
        {"hidden_sizes": (0,)},
        {"max_terms": 2.5},
        {"patience": None},
        {"penalty": -2},
    ],
)
def test_bad_options_are_refused_in_fit(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        sfc.SplineFCRegressor(**{**SMALL, **options}).fit(*numbers())


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (sfc.MARSRegressor, {"candidate_knots": 0}),
        (sfc.SplineFCRegressor, {"candidate_knots": "few"}),
        (sfc.SplineFCRegressor, {"learning_rate": -1.0}),
        (sfc.SplineFCRegressor, {"epochs": -1}),
    ],
)
def test_errors_name_the_arguments_of_the_estimator(kind, options):
    """What it calls knows them as knots, learning_rates and training.epochs."""
    (name,) = options
    with pytest.raises(ValueError, match=f"^{name} must "):
        kind(**{"max_terms": 3, **options}).fit(*numbers())
    x, y = numbers()
    with pytest.raises(ValueError, match="^index must be one of"):
        sfc.MARSRegressor(max_terms=3).fit(x, y).explain(x, len(x))


def test_notes_are_told_once_and_speak_of_x(caplog, monkeypatch):
    monkeypatch.setattr(notes, "_told", set())
    x, y = houses()
    x.loc[0, "tree"] = "baobab"
    scores = cross_val_score(sfc.MARSRegressor(max_terms=5), x, y, cv=4)
    told = [record.getMessage() for record in caplog.records if record.name == "absl"]
    beyond = [line for line in told if "beyond the range of the training rows" in line]
    named = [line.split(" of them in ")[1].split(",")[0] for line in beyond]
    assert len(named) == len(set(named)) >= 1
    assert len(scores) == 4 and all(line.startswith("X: ") for line in set(told) - set(beyond))
    for words in ("gaps filled", "levels that the encoding has not", "column 'sold'"):
        assert sum(words in line for line in told) == 1, told
    sfc.MARSRegressor(max_terms=5).fit(x, y).model_.predict(x.assign(tree="fir"))
    assert "rows: levels that the encoding has not" in caplog.messages[-1]


def test_a_level_is_called_by_its_category():
    basis = sfc.MARSTransformer(max_terms=9).fit(*houses())
    names, x = list(basis.get_feature_names_out()), houses()[0]
    assert "tree is oak" in names and not any("=" in name for name in names)
    np.testing.assert_allclose(basis.transform(x)[:, names.index("tree is oak")], x.tree == "oak")


def test_a_row_must_not_weigh_more_than_float32_adds_up():
    x, y = numbers()
    with pytest.raises(ValueError, match=r"sample_weight must be within 1e.30; got 1e.300"):
        sfc.MARSRegressor().fit(x, y, np.where(x[:, 0] > 1, 1e300, 1))


def test_pictures(on_frame):
    import matplotlib

    matplotlib.use("agg")
    axes = np.atleast_1d(on_frame.plot(features=[0])).ravel()
    assert axes[0].get_title(loc="left") == "area" or "area" in axes[0].get_title()
    curves = on_frame.shape_functions().curves
    assert {on_frame.model_.feature_names[curve.feature] for curve in curves} > {"area", "lit"}


def test_scaling_changes_nothing(mars):
    x, y = numbers()
    scaler = StandardScaler().fit(x)
    fitted = sfc.MARSRegressor(max_terms=9).fit(scaler.transform(x), y)
    np.testing.assert_allclose(fitted.predict(scaler.transform(x)), mars.predict(x), atol=1e-8)


def test_what_a_mask_hides_is_not_read(mars):
    x, y = numbers()
    masked = np.ma.masked_array(x, x > 1)
    for use in (lambda: sfc.MARSRegressor().fit(masked, y), lambda: mars.predict(masked)):
        with pytest.raises(ValueError, match="X must have no masked values"):
            use()


QUICK = {"hidden_sizes": (8,), "max_terms": 7, "epochs": 3, "learning_rate": 1e-2}


def test_class_weights_are_repeated_rows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 2))
    y = np.where(x[:, 0] + rng.normal(size=120) > 1, "rare", "usual")
    rare = np.flatnonzero(y == "rare")
    many = np.concatenate([np.arange(120), rare, rare])
    own = sfc.SplineFCClassifier(class_weight={"rare": 3}, early_stopping=False, **QUICK).fit(x, y)
    other = sfc.SplineFCClassifier(early_stopping=False, **QUICK).fit(x[many], y[many])
    np.testing.assert_array_equal(own.predict_proba(x), other.predict_proba(x))
    plain = sfc.SplineFCClassifier(early_stopping=False, **QUICK).fit(x, y)
    even = sfc.SplineFCClassifier(class_weight="balanced", early_stopping=False, **QUICK).fit(x, y)
    assert even.predict_proba(x)[:, 0].mean() > plain.predict_proba(x)[:, 0].mean() + 0.1


@pytest.mark.parametrize(
    ("given", "words"),
    [("even", "class_weight must be"), ({"usal": 2}, "a label of class_weight"),
     ({"a": 0}, "class_weight\\['a'\\] must be"), ([1, 2], "class_weight must be a mapping")],
)  # fmt: skip
def test_class_weights_that_are_none_are_named(given, words):
    x, y = np.arange(8.0)[:, None], np.array(list("abababab"))
    with pytest.raises((ValueError, TypeError), match=words):
        sfc.SplineFCClassifier(class_weight=given, **QUICK).fit(x, y)


@pytest.mark.parametrize(
    ("label", "words"), [(None, "y must have a label in every row"), (3, "words or numbers")]
)
def test_labels_that_are_none_are_named(label, words):
    y = np.array(list("abababab"), object)
    y[3] = label
    with pytest.raises(ValueError, match=words):
        sfc.SplineFCClassifier(**QUICK).fit(np.arange(8.0)[:, None], y)


def test_labels_are_not_mixed_and_may_be_objects():
    x, y = numbers()
    codes = (y > 0).astype(int)
    quick = sfc.SplineFCClassifier(**QUICK)
    with pytest.raises(ValueError, match="y must hold words or numbers; got both"):
        quick.fit(x, ["a" if code else 1 for code in codes])
    for given in (codes.astype(object), codes.tolist()):
        assert quick.fit(x, given).classes_.tolist() == [0, 1]
    with pytest.raises(ValueError, match="^y must hold labels: Unknown label type"):
        quick.fit(x, y)


def test_rows_of_weight_0_may_hold_anything(mars):
    x, y = numbers()
    bad = np.concatenate([x, [[np.inf, 1, 1], [1e200, 0, 0]]])
    weights = np.append(np.ones(len(x)), [0, 0])
    for rows in (bad, pd.DataFrame(bad), bad.tolist()):
        found = sfc.MARSRegressor(max_terms=9).fit(rows, [*y, np.nan, 1], sample_weight=weights)
        np.testing.assert_array_equal(found.basis_coef_, mars.basis_coef_)
