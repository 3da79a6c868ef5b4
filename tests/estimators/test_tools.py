"""scikit-learn's tools take the estimators for estimators."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import spline_fc as sfc
from tests.estimators.rows import SMALL, houses, numbers


@pytest.fixture(scope="module")
def fitted():
    return sfc.MARSRegressor(max_terms=9).fit(*numbers())


def test_pipeline():
    x, y = numbers()
    road = make_pipeline(
        StandardScaler(), sfc.MARSTransformer(max_terms=9), LinearRegression()
    ).fit(x, y)
    assert road.score(x, y) > 0.95
    names = road[:-1].get_feature_names_out(["a", "b", "c"])
    assert all("a" in name or "b" in name for name in names)


def test_column_transformer():
    frame, price = houses()
    words = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    basis = sfc.MARSTransformer(max_terms=9).set_output(transform="pandas")
    columns = ColumnTransformer([("words", words, ["tree"]), ("mars", basis, ["area", "floor"])])
    road = make_pipeline(columns, LinearRegression()).fit(frame, price)
    assert road.score(frame, price) > 0.8
    names = columns.fit(frame, price).get_feature_names_out()
    assert any(name.startswith("mars__h(area-") for name in names)


def test_search_and_cross_validation():
    x, y = numbers()
    grid = {"penalty": [2.0, 1e3]}
    search = GridSearchCV(sfc.MARSRegressor(max_terms=9), grid, cv=2).fit(x, y)
    assert search.best_params_ == {"penalty": 2.0} and search.best_score_ > 0.95
    scores = cross_val_score(sfc.SplineFCRegressor(**SMALL), x, y, cv=2)
    assert scores.min() > 0.95
    labels = np.where(y > 0.3, "high", "low")
    assert cross_val_score(sfc.SplineFCClassifier(**SMALL), x, labels, cv=2).min() > 0.8


def test_inspection(fitted):
    x, y = numbers()
    found = partial_dependence(fitted, x, [0], grid_resolution=9)
    assert found["average"].shape == (1, 9) and found["average"][0, -1] > 1.5
    shuffled = permutation_importance(fitted, x, y, n_repeats=2, random_state=0)
    assert list(np.argsort(shuffled.importances_mean)) == [2, 1, 0]


def test_inspection_of_a_frame():
    frame, price = houses()
    whole = frame[["area", "tree"]].ffill().bfill()
    model = sfc.MARSRegressor(max_terms=9).fit(whole, price)
    trees = partial_dependence(model, whole, ["tree"], categorical_features=["tree"])
    assert trees["average"].shape == (1, 3)
    shuffled = permutation_importance(model, whole, price, n_repeats=2, random_state=0)
    assert whole.columns[np.argmax(shuffled.importances_mean)] == "area"


def adult(folder, part):
    names = ["age", "workclass", "fnlwgt", "education", "education-num", "marital-status"]
    names += ["occupation", "relationship", "race", "sex", "capital-gain", "capital-loss"]
    names += ["hours-per-week", "native-country", "income"]
    frame = pd.read_csv(folder / f"adult/adult-{part}.csv.gz", names=names)
    return frame.drop(columns="income"), frame["income"].str.rstrip(".")


def test_raw_adult(data_dir):
    x, y = (part[:1500] for part in adult(data_dir, "train"))
    model = sfc.SplineFCClassifier(hidden_sizes=(16,), max_terms=21, epochs=5).fit(x, y)
    assert model.score(*(part[:2000] for part in adult(data_dir, "test"))) > 0.82
    assert list(model.classes_) == [" <=50K", " >50K"]


def test_raw_diamonds(data_dir):
    frame = pd.read_csv(data_dir / "diamonds/diamonds.csv.gz").sample(1500, random_state=0)
    x, y = frame.drop(columns="price"), frame["price"]
    model = sfc.SplineFCRegressor(hidden_sizes=(16,), max_terms=21, epochs=5).fit(
        x[:1000], y[:1000]
    )
    assert model.score(x[1000:], y[1000:]) > 0.92
