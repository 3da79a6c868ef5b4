"""Standardisation: training part alone, float64 statistics, constant columns, equivariance."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spline_fc import data, protocol


def dataset(x=None, y=None, **options):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(80, 3)) if x is None else x
    y = rng.normal(size=80) if y is None else y
    return data.from_arrays(x, y, **options)


def test_statistics_are_of_the_training_part():
    raw = dataset(np.random.default_rng(0).normal([5, -3, 0], [10, 0.1, 1], (80, 3)))
    out = data.standardize(raw)
    np.testing.assert_allclose(out.scaler.x_shift, raw.train.x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(out.scaler.x_scale, raw.train.x.std(axis=0), rtol=1e-12)
    np.testing.assert_allclose(out.train.x.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(out.train.y.std(axis=0), 1, rtol=1e-6)
    assert abs(out.test.x.mean()) > 1e-3  # the test part has a mean of its own
    changed = raw._replace(test=raw.test._replace(x=raw.test.x * 1e6))
    np.testing.assert_array_equal(data.standardize(changed).scaler.x_scale, out.scaler.x_scale)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_the_one_asked_for_and_the_scaler_is_float64(dtype):
    out = data.standardize(dataset(), dtype=dtype)
    assert {a.dtype for p in (out.train, out.validation, out.test) for a in p} == {np.dtype(dtype)}
    assert {a.dtype for a in out.scaler} == {np.dtype(np.float64)}


def test_statistics_survive_far_offsets_and_tiny_scales():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(80, 3))
    out = data.standardize(dataset(z * [1e-3, 1e-12, 1e-200] + [1e6, 0, 0]), np.float64)
    near = data.standardize(dataset(z), np.float64)
    np.testing.assert_allclose(out.train.x[:, 0], near.train.x[:, 0], atol=1e-6)
    np.testing.assert_allclose(out.train.x[:, 1:], near.train.x[:, 1:], rtol=1e-9, atol=1e-12)


def test_constant_column_is_found_by_range_not_by_deviation():
    x = np.random.default_rng(0).normal(size=(11000, 2))
    x[:, 1] = 0.998
    assert x.std(axis=0)[1] != 0  # the trap: rounding noise instead of 0
    out = data.standardize(dataset(x, x[:, 0]))
    assert out.scaler.x_scale[1] == 1 and out.scaler.x_shift[1] == 0.998
    np.testing.assert_array_equal(out.train.x[:, 1], 0)
    assert out.train.x.shape[1] == 2  # kept


def test_nothing_divides_by_what_is_nearly_nothing():
    out = data.standardize(dataset(np.random.default_rng(0).normal(size=(80, 2)) * [1, 5e-324]))
    assert out.scaler.x_scale[1] == 1 and not out.train.x[:, 1].any()


def test_features_of_one_unit_get_one_scale():
    x = np.random.default_rng(0).integers(0, 255, (200, 4)).astype(float)
    x[:, 1] = 7  # a pixel that is never lit, and one that is lit in a single training image
    raw = dataset(x, x[:, 0] - x[:, 3])
    raw.train.x[:, 2] = np.arange(len(raw.train.x)) == 5
    out = data.standardize(raw._replace(shared_scale=True))
    wanted = np.sqrt(raw.train.x.var(axis=0).mean())
    np.testing.assert_allclose(out.scaler.x_scale, wanted, rtol=1e-12)
    np.testing.assert_allclose(out.scaler.x_shift, raw.train.x.mean(axis=0), rtol=1e-12)
    assert np.abs(out.test.x).max() < 10 < np.abs(data.standardize(raw).test.x).max()
    still = data.Part(np.full((3, 2), 4.0), np.arange(3.0)[:, None])
    np.testing.assert_array_equal(data.fit_scaler(still, shared_scale=True).x_scale, 1)


def test_labels_are_not_scaled():
    out = data.standardize(dataset(y=np.arange(80) % 2, task="binary"))
    assert set(np.unique(out.train.y)) == {0, 1}
    np.testing.assert_array_equal(out.scaler.y_scale, 1)
    np.testing.assert_array_equal(out.scaler.y_shift, 0)


def test_standardising_twice_is_refused():
    with pytest.raises(ValueError, match="must be in raw units; got 'arrays'"):
        data.standardize(data.standardize(dataset()))


def test_rows_beyond_are_pulled_in_to_the_training_rows_that_count():
    raw = dataset()
    x = np.array(raw.train.x)
    x[3] = 99.0
    weights = data.Weights(
        *(np.ones(len(part.x)) for part in (raw.train, raw.validation, raw.test))
    )
    weights.train[3] = 0
    test = np.array([[50.0, -50.0, 0.0], [0.1, 0.2, 0.3]])
    raw = raw._replace(train=raw.train._replace(x=x), test=data.Part(test, raw.test.y[:2]))
    raw = raw._replace(weights=weights._replace(test=weights.test[:2]))
    known = np.delete(x, 3, axis=0)
    found = data.pull_in(raw)
    wanted = [[known[:, 0].max(), known[:, 1].min(), 0.0], [0.1, 0.2, 0.3]]
    np.testing.assert_array_equal(found.test.x, wanted)
    np.testing.assert_array_equal(found.train.x, x)
    bounds = known.min(axis=0), known.max(axis=0)
    np.testing.assert_array_equal(found.validation.x, np.clip(raw.validation.x, *bounds))
    standard = protocol.prepare(raw)
    np.testing.assert_allclose(standard.test.x, data.standardize(found).test.x, atol=1e-5)
    kept = protocol.prepare(raw, "linear").test.x
    np.testing.assert_array_equal(kept, data.standardize(raw).test.x)
    with pytest.raises(ValueError, match="extrapolate must be one of"):
        protocol.prepare(raw, "flat")


def test_helpers_agree_with_standardize_and_come_back():
    raw = dataset(np.random.default_rng(0).normal([5, -3, 1e3], [10, 0.1, 1], (80, 3)))
    out = data.standardize(raw, np.float64)
    np.testing.assert_array_equal(data.scale_x(out.scaler, raw.test.x), out.test.x)
    np.testing.assert_array_equal(data.scale_y(out.scaler, raw.test.y), out.test.y)
    np.testing.assert_allclose(data.unscale_x(out.scaler, out.test.x), raw.test.x, rtol=1e-12)
    np.testing.assert_allclose(data.unscale_y(out.scaler, out.test.y), raw.test.y, rtol=1e-12)


def test_helpers_keep_array_kind_and_dtype():
    out = data.standardize(dataset())
    x = out.test.x
    assert data.unscale_x(out.scaler, x).dtype == np.float32
    assert data.scale_x(out.scaler, np.ones((2, 3), int)).dtype == np.float64
    on_device = jax.jit(data.unscale_x)(out.scaler, jnp.asarray(x))
    assert isinstance(on_device, jax.Array) and on_device.dtype == jnp.float32
    np.testing.assert_allclose(on_device, data.unscale_x(out.scaler, x), rtol=1e-5, atol=1e-6)
    back = data.scale_x(out.scaler, on_device)
    np.testing.assert_allclose(back, x, rtol=1e-4, atol=1e-5)


@settings(max_examples=50, deadline=None)
@given(
    scale=st.floats(1e-6, 1e6),
    shift=st.floats(-1e3, 1e3),
    flip=st.booleans(),
    seed=st.integers(0, 100),
)
def test_standardised_data_do_not_feel_the_units(scale, shift, flip, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(50, 2)), rng.normal(size=50)
    sign = -1.0 if flip else 1.0
    one = data.standardize(data.from_arrays(x, y), np.float64)
    two = data.standardize(
        data.from_arrays(sign * scale * (x + shift), scale * (y + shift)), np.float64
    )
    for name in ("train", "validation", "test"):
        np.testing.assert_allclose(getattr(two, name).x, sign * getattr(one, name).x, atol=1e-9)
        np.testing.assert_allclose(getattr(two, name).y, getattr(one, name).y, atol=1e-9)


@pytest.mark.parametrize("far", [1e8, -1e10, 1e20])
def test_a_far_value_leaves_the_others_their_digits(far, caplog):
    """About the mean float32 could not tell them apart; about their median it can."""
    x = np.random.default_rng(0).uniform(size=(80, 3))
    raw = dataset(x, x.sum(1))
    raw.train.x[5, 1] = far
    out = data.standardize(raw)
    plain = raw.train.x[:, [0, 2]].mean(axis=0)
    np.testing.assert_allclose(out.scaler.x_shift[[0, 2]], plain, rtol=1e-12)
    others = np.arange(len(raw.train.x)) != 5
    back = data.unscale_x(out.scaler, out.train.x.astype(float))
    np.testing.assert_allclose(back[others], raw.train.x[others], rtol=1e-5, atol=1e-6)
    assert "column 'x1' has values as far as" in caplog.text and len(caplog.records) == 1
    parts = [(raw.train.x[i : i + 16], raw.train.y[i : i + 16]) for i in range(0, 48, 16)]
    scaler = data.fit_chunk_scaler(data.chunks_of(lambda: parts))
    assert 0 < scaler.x_shift[1] < 1


def halves(far, share=0.5, rows=400):
    """A column of which some rows lie far, and one that is like others."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 2))
    x[rng.permutation(rows) < share * rows, 0] = far
    return x


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("far", [1e9, -1e12, 1e36, 1e9 + np.arange(400) * 1e6])
def test_a_half_that_lies_far_leaves_the_other_its_digits(share, far, caplog):
    """Its quartiles span both halves; counted are the values that stay apart."""
    x = halves(far if np.ndim(far) == 0 else 0, share)
    if np.ndim(far):
        x[:, 0] = np.where(x[:, 0] == 0, far, x[:, 0])
    raw = dataset(x, x[:, 1])
    out = data.standardize(raw)
    known = raw.train.x[:, 0]
    assert len(np.unique(out.train.x[:, 0])) == len(np.unique(known))
    np.testing.assert_allclose(out.scaler.x_scale, raw.train.x.std(0), rtol=1e-12)
    assert out.scaler.x_shift[1] == pytest.approx(raw.train.x[:, 1].mean())
    assert "column 'x0' has values as far as" in caplog.text and len(caplog.records) == 1
    parts = [(raw.train.x[i : i + 32], raw.train.y[i : i + 32]) for i in range(0, len(known), 32)]
    scaler = data.fit_chunk_scaler(data.chunks_of(lambda: parts))
    np.testing.assert_array_equal(scaler.x_shift[0], out.scaler.x_shift[0])


def test_values_that_float32_cannot_tell_apart_are_told_of(caplog):
    """Around 0 and around 1e9: no centre serves both."""
    x = halves(0)
    x[:, 0] += np.where(x[:, 0] == 0, 1e9 + np.random.default_rng(1).normal(size=len(x)), 0)
    raw = dataset(x, x[:, 1])
    data.standardize(raw)
    told = "column 'x0' has values from -"
    assert told in caplog.records[-1].message and "cannot tell 4" in caplog.records[-1].message
    caplog.clear()
    data.fit_chunk_scaler(in_chunks(raw.train.x, raw.train.y, 32))
    assert told in caplog.text and len(caplog.records) == 1
    caplog.clear()
    data.standardize(raw, np.float64)
    assert "float32" not in caplog.text  # a fit in float64 has them all


def test_a_mean_that_costs_no_digits_is_the_shift(caplog):
    """Counts mostly zero, one of them large; codes -999 of a few rows; numbers computed twice."""
    x = np.zeros((80, 3))
    rounded_otherwise = np.where(np.arange(80) % 2, 0.3, 0.1 + 0.2)[:, None]
    rounded_otherwise[:9] = 0
    x[::9, 0], x[4, 1] = np.arange(9), 1e6
    x[:, 2] = np.linspace(0, 1, 80)
    x[:4, 2] = -999
    raw = dataset(np.hstack([x, rounded_otherwise]), x.sum(1))
    out = data.standardize(raw)
    np.testing.assert_allclose(out.scaler.x_shift, raw.train.x.mean(0), rtol=1e-12)
    assert not caplog.records


def in_chunks(x, y, rows):
    return data.chunks_of(
        lambda: ((x[i : i + rows], y[i : i + rows]) for i in range(0, len(x), rows))
    )


@pytest.mark.parametrize("width", [1e-170, 1e-290])
def test_columns_whose_squares_are_nothing_are_scaled_in_chunks_too(width):
    x = np.random.default_rng(0).normal(size=(40, 2)) * (1, width)
    y = x[:, 1:]
    scaler = data.fit_chunk_scaler(in_chunks(x, y, 16))
    for one, wanted in zip(scaler, data.fit_scaler(data.Part(x, y)), strict=True):
        np.testing.assert_allclose(one, wanted, rtol=1e-9)


@pytest.mark.parametrize("rows", [1, 10])
def test_where_a_column_is_centred_is_asked_of_all_chunks(rows):
    """The first rows of a sorted column lie apart, and one row has no quartiles."""
    x = np.stack([np.linspace(0, 3e4, 10_000) ** 2, np.arange(10_000.0) % 7], axis=1)
    x[5000, 1] = 1e12
    y = x[:, :1]
    scaler = data.fit_chunk_scaler(in_chunks(x, y, rows))
    wanted = data.fit_scaler(data.Part(x, y))
    np.testing.assert_allclose(scaler.x_shift, wanted.x_shift, rtol=1e-9)
    np.testing.assert_allclose(scaler.x_scale, wanted.x_scale, rtol=1e-9)


def test_training_rows_of_weight_zero_have_no_say_in_the_scaler(caplog):
    x = np.random.default_rng(0).normal(size=(80, 3))
    raw = dataset(x, x.sum(1))
    count = [np.ones(len(part.x)) for part in (raw.train, raw.validation, raw.test)]
    count[0][::4] = 0
    kept = count[0] > 0
    wanted = data.fit_scaler(data.Part(raw.train.x[kept], raw.train.y[kept]))
    raw.train.x[~kept], raw.train.y[~kept] = 1e9, -1e9
    out = data.standardize(raw._replace(weights=data.Weights(*count)))
    for one, other in zip(out.scaler, wanted, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not caplog.records
