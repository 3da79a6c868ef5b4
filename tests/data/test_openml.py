"""The OpenML path with a fetcher of our own; the network is never used."""

import types

import numpy as np
import pytest
import sklearn.datasets

from spline_fc import data
from spline_fc.data.openml import OpenmlSource, default_cache_dir, load_openml


class Fetcher:
    """Answers as fetch_openml does with as_frame=False, and counts its calls."""

    def __init__(self, num_rows, error=None):
        self.calls, self.error, self.num_rows = [], error, num_rows

    def __call__(self, **options):
        self.calls.append(options)
        if self.error:
            raise self.error
        rng = np.random.default_rng(0)
        x = rng.normal(size=(self.num_rows, 8))
        x[:, 0] = rng.integers(0, 3, self.num_rows)
        return types.SimpleNamespace(
            data=x,
            target=rng.integers(1, 30, self.num_rows),
            feature_names=["sex", *(f"size, {j}" for j in range(7))],
            target_names=["rings"],
            categories={"sex": ["F", "I", "M"]},
        )


@pytest.fixture
def fetch(monkeypatch):
    monkeypatch.delenv("SPLINE_FC_DATA", raising=False)
    fetcher = Fetcher(4177)
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetcher)
    return fetcher


def test_fetched_once_then_read_from_the_cache(fetch, tmp_path):
    first = data.load("abalone", cache_dir=tmp_path)
    again = data.load("abalone", cache_dir=tmp_path)
    assert len(fetch.calls) == 1 and fetch.calls[0]["data_id"] == 44956
    assert first.feature_names[:4] == ("sex=F", "sex=I", "sex=M", "size, 0")
    assert first.target_names == ("rings",) and first.task == "regression"
    np.testing.assert_array_equal(first.train.x, again.train.x)
    # Nothing is lost on the way through the cache.
    x = np.concatenate([p.x for p in (first.train, first.validation, first.test)])
    np.testing.assert_array_equal(np.sort(x[:, 3]), np.sort(fetch(data_id=0).data[:, 1]))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["abalone.csv", "abalone.csv.sha256"]


def test_changed_cache_is_refused(fetch, tmp_path):
    data.load("abalone", cache_dir=tmp_path)
    path = tmp_path / "abalone.csv"
    path.write_text(path.read_text().replace("\nF,", "\nM,", 1))
    with pytest.raises(ValueError, match="cached .*abalone.csv must have sha256 .*delete it"):
        data.load("abalone", cache_dir=tmp_path)
    path.unlink()
    data.load("abalone", cache_dir=tmp_path)
    assert len(fetch.calls) == 2


def test_no_network_is_one_sentence(fetch, tmp_path):
    fetch.error = OSError("no route to host")
    with pytest.raises(FileNotFoundError, match="'abalone' is neither in .*no route to host"):
        data.load("abalone", cache_dir=tmp_path)
    assert not list(tmp_path.iterdir())


def test_another_data_set_is_not_taken_for_this_one(tmp_path):
    source = OpenmlSource(44956, 4177, 8)
    with pytest.raises(ValueError, match=r"'abalone' must have shape \(4177, 8\); got \(10, 8\)"):
        load_openml("abalone", source, tmp_path, fetch=Fetcher(10))
    assert not list(tmp_path.iterdir())


def test_files_come_before_openml(fetch, tmp_path, data_dir):
    data.load("abalone", data_dir=data_dir, cache_dir=tmp_path)
    assert not fetch.calls


def test_published_splits_are_not_on_openml(fetch, tmp_path):
    with pytest.raises(FileNotFoundError, match="uci_regression/concrete .*published splits"):
        data.load("uci_concrete", split=0, cache_dir=tmp_path)
    with pytest.raises(FileNotFoundError, match="uci_regression/yacht .*no folder.*its data"):
        data.load("uci_yacht", cache_dir=tmp_path)
    with pytest.raises(FileNotFoundError, match="'mnist' needs the folder mnist"):
        data.load("mnist", cache_dir=tmp_path)
    assert not fetch.calls


def test_default_cache_is_below_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "spline_fc"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / ".cache" / "spline_fc"
