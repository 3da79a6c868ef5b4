"""The way of fitting that GPUs take, on one device that is a CPU, agrees with that of the host."""

import jax
import numpy as np
import pytest

import spline_fc as sfc
from spline_fc import sharding
from spline_fc.cpwl.sharded import memory, search
from spline_fc.sharding import shard_rows

ROWS = 3000


def rows(seed, kind=np.float64, count=ROWS):
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=(count, 5))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 5 * x[:, 4]
    return x.astype(kind), (y + rng.normal(size=count)).astype(kind)


def put(*arrays):
    return shard_rows(jax.make_mesh((1,), ("rows",)), *arrays)


@pytest.mark.parametrize("max_degree", [1, 2])
def test_a_fit_is_that_of_the_host(max_degree):
    options = {"max_terms": 13, "max_degree": max_degree}
    with jax.enable_x64(True):
        for seed in range(6):  # of each, some column's smallest value is rounded either way
            x, y = rows(seed)
            one = sfc.fit_mars(x, y, **options)
            other = sfc.fit_mars(*put(x, y)[:2], **options)
            assert other.stop_reason == one.stop_reason
            np.testing.assert_allclose(other.forward.rss, one.forward.rss, rtol=1e-9)
            np.testing.assert_allclose(other.spline.knot, one.spline.knot, rtol=1e-9)


def test_digits_that_go_on_the_way_to_a_device_are_told_of(caplog):
    """JAX takes float64 in float32 unless it is told otherwise."""
    x, y = rows(0)
    put(x + 1e3, y)
    with jax.enable_x64(True):
        put(x + 1e9, y)
    assert not caplog.records
    put(x, y[:, None] + 1e9)
    told = "arrays[1] should have values that float32 tells apart: column 0 has some from 1e+09"
    assert told in caplog.text and len(caplog.records) == 1


def test_groupings_that_are_let_go_of_are_made_again(monkeypatch):
    x, y = rows(0, np.float32)
    x, y, _ = put(x, y)
    options = {"max_terms": 13, "max_degree": 2}
    wanted = sfc.fit_mars(x, y, **options)
    one, made = memory.parent_bytes(sharding.fitted_on(x, 0), ROWS, 5, np.float64), []
    group = search.ShardedSearch.groupings
    monkeypatch.setattr(memory, "free_bytes", lambda place: max(2.5 * one, 1e6))
    monkeypatch.setattr(search.ShardedSearch, "groupings", lambda *a: made.append(a) or group(*a))
    found = sfc.fit_mars(x, y, **options)
    assert found.terms == wanted.terms and found.rss == wanted.rss
    assert len(made) > len({id(value) for _, value, _ in made})


def test_too_little_memory_is_told_before_anything_is_done(monkeypatch):
    x, y, _ = put(*rows(0))
    monkeypatch.setattr(memory, "free_bytes", lambda place: 1e4)
    with pytest.raises(MemoryError, match=r"x must leave .* MB of every device to the fit; got"):
        sfc.fit_mars(x, y)


def test_arrays_of_a_gpu_are_fitted_there(monkeypatch):
    """The one CPU stands for it: NumPy's rows are put on it with all their digits."""
    x, y = rows(1)
    with jax.enable_x64(True):  # the programs of the test above
        wanted = sfc.fit_mars(x + 1e6, y, max_terms=13)
        monkeypatch.setattr(sharding, "WIDE_PLATFORMS", ("cpu", "gpu"))
        few = sfc.fit_mars(x + 1e6, y, max_terms=13)
        assert few.rss == wanted.rss  # by the host, as there are few rows
        monkeypatch.setattr("spline_fc.cpwl.sharded.inputs.FEW_ROWS", ROWS - 1)
        seen, begin = [], search.ShardedSearch.__init__
        monkeypatch.setattr(
            search.ShardedSearch, "__init__", lambda self, *a: seen.append(a) or begin(self, *a)
        )
        found = sfc.fit_mars(x + 1e6, y, max_terms=13)
    assert seen and found.spline.knot.dtype == wanted.spline.knot.dtype
    np.testing.assert_allclose(found.rss, wanted.rss, rtol=1e-9)


def test_what_a_single_device_lacks_is_done_on_the_host():
    x, y = rows(2, np.float32)
    X, Y, W = put(x, y)
    options = {"directions": (), "max_terms": 7}
    labels = (y > y.mean()).astype(np.float32)
    start = sfc.spline_start(0, X, put(x, labels)[1], 8, weights=W, task="binary", **options)
    wanted = sfc.spline_start(0, x, labels, 8, task="binary", **options)
    jax.tree.map(np.testing.assert_array_equal, start.params, wanted.params)
    screened = sfc.fit_mars(X, Y, max_terms=7, screen=2)
    np.testing.assert_allclose(
        screened.rss, sfc.fit_mars(x, y, max_terms=7, screen=2).rss, rtol=1e-6
    )


def test_what_a_tpu_holds_is_fitted_on_the_host(monkeypatch):
    """Its name is all that there is of one here: the fit must ask for the CPU, and get it."""
    x, y = rows(3, np.float32)
    wanted, asked = sfc.fit_mars(x, y, max_terms=5), []
    given = jax.default_device
    monkeypatch.setattr(jax, "default_backend", lambda: "tpu")
    monkeypatch.setattr(jax, "default_device", lambda device: asked.append(device) or given(device))
    found = sfc.fit_mars(x, y, max_terms=5)
    assert found.rss == wanted.rss and {device.platform for device in asked} == {"cpu"}
