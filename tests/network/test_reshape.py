"""Reshape: the same function, units that keep their index, new units that learn."""

import sys
import tracemalloc

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spline_fc.network import (
    apply_params,
    balance_units,
    deepen,
    hinges,
    layer_sizes,
    max_terms_for,
    preactivations,
    reshape,
    to_params,
    widen,
)
from spline_fc.network.samplers import SAMPLERS
from tests.network.sameness import assert_equal, error
from tests.splines import random_rows, random_spline, shapes

FEATURES = 5


def hold(params, extra_units, extra_layers):
    """Sizes of up to six layers that hold a network, wider than it by `extra_units`."""
    _, *widths, _ = layer_sizes(params)
    count = min(6, len(widths) + extra_layers)
    widths += [widths[-1]] * (count - len(widths))
    return tuple(w + extra for w, extra in zip(widths, extra_units, strict=False) if w + extra)


architectures = st.tuples(st.lists(st.integers(0, 9), min_size=6, max_size=6), st.integers(0, 5))


def check_shape(shape, architecture, dtype):
    spline = random_spline(**shape, dtype=dtype)
    params = to_params(spline)
    if layer_sizes(params)[1]:
        sizes = hold(params, *architecture)
        wide = reshape(params, sizes, shape["seed"])
        assert layer_sizes(wide) == (shape["features"], *sizes, shape["outputs"])
        assert all(leaf.dtype == dtype for leaf in jax.tree.leaves(wide))
        assert_equal(spline, wide)
        check_map(spline, wide)


def check_map(spline, params):
    """The first units of Dense_0 are `hinges(spline)`, in that order, up to powers of two."""
    table = hinges(spline)
    count = len(table.feature)
    kernel = np.asarray(params["Dense_0"]["kernel"])[:, :count]
    bias = np.asarray(params["Dense_0"]["bias"])[:count]
    d = len(spline.projection)
    columns = np.hstack([np.eye(d, dtype=kernel.dtype), spline.projection])[:, table.feature]
    largest = np.abs(columns).argmax(axis=0), np.arange(count)
    gain = np.abs(kernel[largest] / columns[largest])
    np.testing.assert_array_equal(np.frexp(gain)[0], 0.5)
    np.testing.assert_array_equal(kernel, columns * table.sign * gain)
    np.testing.assert_array_equal(bias, -table.sign * table.knot * gain)


@given(shapes(), architectures)
@settings(max_examples=25, deadline=None)
def test_any_spline_in_any_architecture_in_float32(shape, architecture):
    check_shape(shape, architecture, np.float32)


@given(shapes(), architectures)
@settings(max_examples=25, deadline=None)
def test_any_spline_in_any_architecture_in_float64(shape, architecture):
    with jax.enable_x64(True):
        check_shape(shape, architecture, np.float64)


def test_the_map_survives_reshape_after_reshape():
    spline = random_spline(3, terms=9, degree=3, outputs=2, directions=2)
    params = to_params(spline)
    _, *widths, _ = layer_sizes(params)
    sizes = tuple(w + 2 for w in widths)
    for step in range(3):
        params = reshape(params, sizes, jax.random.key(step))
        check_map(spline, params)
        assert_equal(spline, params)
        sizes = tuple(w + 3 for w in (*sizes, sizes[-1]))


@pytest.mark.parametrize("incoming", sorted(SAMPLERS))
def test_new_units_of_every_distribution_leave_the_function_and_learn(incoming):
    spline = random_spline(9, terms=6)
    x, target = random_rows(4, 60), random_rows(5, 60)[:, :1]
    exact = to_params(spline)
    old = layer_sizes(exact)[1]
    start = params = reshape(exact, (16, 16), jax.random.key(0), incoming=incoming, x=x, y=target)
    assert_equal(spline, params)
    gradient = jax.jit(jax.grad(lambda p: jnp.mean((apply_params(p, x) - target) ** 4)))
    ever = {name: np.zeros(16, bool) for name in ("Dense_0", "Dense_1")}
    for _ in range(2):
        step = gradient(params)
        for name in ever:
            ever[name] |= np.asarray(step[name]["kernel"] != 0).any(axis=0)
        params = jax.tree.map(lambda p, g: p - 1e-3 * g / (1 + jnp.abs(g).max()), params, step)
    # At the start nothing leaves the new units for the output, so only step two reaches them.
    assert not np.asarray(start["Dense_2"]["kernel"][old:]).any()
    assert ever["Dense_1"][old:].all()
    assert ever["Dense_0"][old:].all()
    assert (np.asarray(params["Dense_2"]["kernel"][old:]) != 0).all()


def test_new_units_are_alive_where_the_data_lie():
    params = to_params(random_spline(1, terms=4))
    x = random_rows(0, 30) * 0.01 + 7.0
    wide = reshape(params, (64, 64), jax.random.key(0), x=x)
    for values in preactivations(wide, x)[:-1]:
        assert (np.asarray(values)[:, 8:] > 0).any(axis=0).all()


def test_many_units_are_looked_at_a_few_at_a_time(monkeypatch):
    spline, x = random_spline(0, terms=4), random_rows(1, 256)
    params = to_params(spline)
    whole = widen(params, (20_000,), 0, x=x)
    cells = 1 << 20  # 8 MiB, where activations of all units are 39
    monkeypatch.setattr(sys.modules["spline_fc.network.reshape"], "_MOST_CELLS", cells)
    tracemalloc.start()
    few = widen(params, (20_000,), 0, x=x)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 8 * cells
    for layer, own in few.items():
        np.testing.assert_array_equal(own["kernel"], whole[layer]["kernel"])
        np.testing.assert_array_equal(own["bias"], whole[layer]["bias"])
    assert_equal(spline, reshape(params, (20_000, 16), 0, x=x))


def test_deepen_repeats_terms_and_falls_back_on_signed_pairs():
    spline = random_spline(2, terms=12, outputs=2)
    params = to_params(spline)
    hidden = layer_sizes(params)[1]
    assert layer_sizes(deepen(params, (hidden,) * 3)) == (FEATURES, *[hidden] * 3, 2)
    narrow = deepen(params, (hidden, 4, 4))
    assert layer_sizes(narrow) == (FEATURES, hidden, 4, 4, 2)
    assert_equal(spline, narrow)


@pytest.mark.parametrize("factors, ratio", [("powers_of_two", 2.001), ("any", 1 + 1e-5)])
def test_balanced_units_have_equal_norms_in_and_out(factors, ratio):
    spline = random_spline(2, terms=12, degree=2, outputs=2, directions=1)
    params = to_params(spline)
    even = balance_units(params, factors=factors)
    kernels = [np.asarray(even[f"Dense_{i}"]["kernel"], np.float64) for i in range(len(even))]
    for before, after in zip(kernels[:-1], kernels[1:], strict=True):
        norms = np.linalg.norm(before, axis=0) / np.linalg.norm(after, axis=1)
        assert (norms < ratio).all() and (norms > 1 / ratio).all()
    x = random_rows(0)
    if factors == "powers_of_two":
        np.testing.assert_array_equal(apply_params(even, x), apply_params(params, x))
    assert error(spline, even) < 1e-6


def test_the_size_that_the_error_names_is_the_smallest():
    spline = random_spline(0, terms=40, few_knots=False)
    params = to_params(spline)
    width = layer_sizes(params)[1]
    with pytest.raises(ValueError, match=rf"\({width}, 2\) or wider .*max_terms=5 or max_hinges=4"):
        reshape(params, (4, 4), jax.random.key(0))
    assert_equal(spline, reshape(params, (width, 2), jax.random.key(0)))
    for sizes in ((width - 1, 2), (width, 1)):
        with pytest.raises(ValueError, match="hidden_sizes must hold this network"):
            reshape(params, sizes, jax.random.key(0))


@pytest.mark.parametrize(
    "sizes, degree, outputs", [((9,), 1, 3), ((8, 6), 2, 1), ((9, 8, 7), 3, 1)]
)
def test_splines_of_max_terms_for_fit(sizes, degree, outputs):
    count = max_terms_for(sizes, max_degree=degree, num_outputs=outputs) - 1
    assert count >= 1
    # Every term is the minimum of a fresh hinge and those before it: the widest that a fit makes.
    fresh = np.arange(count)[:, None] - np.arange(degree)
    spline = random_spline(0, terms=count, degree=degree, outputs=outputs)._replace(
        slope=np.where(fresh >= 0, 1.5**fresh, 0).astype(np.float32),
        feature=np.zeros(fresh.shape, np.int32),
        knot=fresh.astype(np.float32),
        coef=np.ones((count, outputs), np.float32),
    )
    assert layer_sizes(to_params(spline))[1] == count
    assert_equal(spline, reshape(to_params(spline), sizes, 0))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"incoming": "xavier"}, "incoming must be one of .*he_normal"),
        ({"incoming": "swim"}, "x must be given for incoming='swim'"),
        ({"balance": "half"}, "balance must be one of"),
        ({"x": np.full((3, 5), np.nan)}, "x must be finite"),
        ({"x": np.zeros((3, 4))}, "x must have 5 columns; got 4"),
    ],
)
def test_bad_options_are_named(options, message):
    params = to_params(random_spline())
    with pytest.raises(ValueError, match=message):
        reshape(params, (16,), jax.random.key(0), **options)


@pytest.mark.parametrize("sizes", [(), (0,), (3.5,), (-1, 4)])
def test_sizes_must_be_positive_integers(sizes):
    with pytest.raises(ValueError, match="hidden_sizes"):
        reshape(to_params(random_spline()), sizes, jax.random.key(0))


def test_widen_never_takes_units_away():
    params = to_params(random_spline())
    with pytest.raises(ValueError, match="hidden_sizes must be at least"):
        widen(params, (1,), jax.random.key(0))
