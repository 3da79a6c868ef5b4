"""A column of row weights goes with its rows, whatever happens to them."""

import numpy as np
import pytest

from spline_fc import data


def table(tmp_path, weights):
    rows = np.arange(len(weights))
    lines = [f"{r},{r % 7},{w},{2 * r}" for r, w in zip(rows, weights, strict=True)]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["a,b,count,y", *lines]))
    return path


def test_weights_are_no_feature_and_follow_their_rows(tmp_path):
    path = table(tmp_path, [f"{r + 0.5}" for r in range(60)])
    found = data.load(path, weights="count", seed=3)
    assert found.feature_names == ("a", "b")
    for name in ("train", "validation", "test"):
        part, weights = getattr(found, name), getattr(found.weights, name)
        np.testing.assert_array_equal(weights, part.x[:, 0] + 0.5)
    joined = data.join_validation(found)
    np.testing.assert_array_equal(joined.weights.train, joined.train.x[:, 0] + 0.5)
    assert data.stack([found, found]).weights.train.shape == (2, len(found.train.x))
    assert data.standardize(found).weights is found.weights
    assert data.load(path, ignore=("count",)).weights is None


def test_rows_without_a_weight_are_dropped(tmp_path):
    path = table(tmp_path, ["" if r % 5 == 0 else "1" for r in range(60)])
    found = data.load(path, weights="count")
    assert sum(len(w) for w in found.weights) == 48
    assert not np.isin(np.concatenate([found.train.x, found.test.x])[:, 0] % 5, 0).any()


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [(["-1"] + ["1"] * 59, "must not be negative"), (["a"] * 60, "words"), (["0"] * 60, "all be")],
)
def test_bad_weights_are_refused(tmp_path, weights, sentence):
    with pytest.raises(ValueError, match=sentence):
        data.load(table(tmp_path, weights), weights="count", test_fraction=0.5)


def test_stacking_wants_weights_everywhere_or_nowhere(tmp_path):
    path = table(tmp_path, ["1"] * 60)
    with pytest.raises(ValueError, match="all have weights or none"):
        data.stack([data.load(path, weights=2), data.load(path, ignore=(2,))])
