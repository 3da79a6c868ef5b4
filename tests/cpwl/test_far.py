"""Columns of all kinds: what one column is like takes nothing from the fit."""

import types

import jax
import numpy as np
import pytest

from spline_fc.cpwl import evaluate, fit_mars, load_fit, save_fit
from spline_fc.cpwl.far import Solution, tell_lost
from spline_fc.cpwl.terms import Term
from spline_fc.network import apply_params, to_params

ROWS = 480  # one shape: everything compiles once
RNG = np.random.default_rng(0)
TAME = RNG.uniform(size=(ROWS, 2))
BENT = np.minimum(np.maximum(TAME[:, 0] - 0.3, 0), np.maximum(TAME[:, 1] - 0.4, 0))
WAVE = np.sin(6 * TAME[:, 0]) + BENT + 0.05 * RNG.normal(size=ROWS)
WAVE[0] = WAVE.mean()
OPTIONS = dict(max_terms=17, max_degree=2, knots=24)


def explained(y, prediction):
    y, prediction = np.asarray(y, np.float64), np.asarray(prediction, np.float64)[:, 0]
    return 1 - ((y - prediction) ** 2).sum() / ((y - y.mean()) ** 2).sum()


@pytest.fixture(scope="module")
def tame():
    return fit_mars(TAME, WAVE, **OPTIONS).r2


def check(x, y, wanted, **options):
    """The fit explains what is wanted, says so, and does so again on the very rows given."""
    fit = fit_mars(x, y, **OPTIONS, **options)
    assert fit.r2 > wanted - 0.002, fit.stop_reason
    assert fit.rss <= fit.forward.rss[0] * 1.0001
    predictions = [evaluate(fit, x)]
    if np.abs(x.astype(float)).max() < 1e19:  # its minima a - r(a - b) round as a
        predictions.append(apply_params(to_params(fit), x))
    for prediction in predictions:
        assert isinstance(prediction, np.ndarray) and prediction.dtype == np.float64
        assert explained(y, prediction) == pytest.approx(fit.r2, abs=1e-4)
    return fit


def moved(column, scale, shift):
    return np.stack([TAME[:, 0] * scale + shift, TAME[:, 1]][:: 1 if column == 0 else -1], axis=1)


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1.0, 1e5, 1e12])
@pytest.mark.parametrize("shift", [0.0, -1e6, 1e12])
def test_shifts_and_scales(tame, scale, shift):
    if shift and abs(shift) > 1e8 * scale:
        shift = np.sign(shift) * 1e8 * scale  # as far as float64 can tell the values apart
    check(moved(0, scale, shift), WAVE, tame)
    check(TAME, WAVE * scale + shift, tame)


@pytest.mark.parametrize("far", [1e2, 1e4, 1e8, 1e20])
@pytest.mark.parametrize("sign", [1, -1])
def test_one_value_far_away(tame, far, sign):
    x = TAME.copy()
    x[0, 0] = sign * far
    check(x, WAVE, tame)


def test_values_far_away_on_both_sides(tame):
    x = TAME.copy()
    x[:2, 0], x[2:4, 1] = [-1e6, 1e6], [1e8, -999]
    y = WAVE.copy()
    y[1:4] = y[0]
    check(x, y, tame)


@pytest.mark.parametrize(
    "to_time",
    [
        lambda u: (1_700_000_000 + u * 1e6).astype(np.int64),
        lambda u: (1_700_000_000_000 + u * 1e9).astype(np.int64),
        lambda u: (1_700_000_000_000_000_000 + u * 1e15).astype(np.int64),
        lambda u: (u * 8e9).astype(np.int64),
        lambda u: np.uint64(2**63) + (u * 1e14).astype(np.uint64),
        lambda u: 1_700_000_000 + np.floor(u * 1e6),
    ],
    ids=["seconds", "milliseconds", "nanoseconds", "beyond 2**31", "uint64", "floats"],
)
def test_stamps_and_large_integers(tame, to_time):
    column = to_time(TAME[:, 0])
    ones = (TAME[:, 1] * 1e6).astype(column.dtype)
    x = np.stack([column, ones], axis=1)
    check(x, WAVE, tame)
    check(x.astype(object), WAVE, tame)


def test_heavy_tails():
    """The wave lies where most rows are; a thousandfold away are some others."""
    column = np.random.default_rng(3).pareto(0.5, ROWS)
    middle, width = np.median(column), np.subtract(*np.quantile(column, [0.75, 0.25]))
    place = (column - middle) / width
    inside = np.abs(place) < 3
    y = np.where(inside, np.sin(3 * place), 0.0) + 0.05 * RNG.normal(size=ROWS)
    for sign in (1, -1):
        x = np.stack([sign * column, TAME[:, 1]], axis=1)
        fit = check(x, y, 0.9)
        clipped = np.stack([sign * np.minimum(column, middle + 10 * width), TAME[:, 1]], axis=1)
        assert fit.r2 > fit_mars(clipped, y, **OPTIONS).r2 - 0.002


def test_ties_and_far_codes():
    """A count that is mostly zero, with a code for missing among its values."""
    count = np.floor(np.maximum(TAME[:, 0] * 20 - 10, 0))
    y = np.abs(count - 4) + 0.05 * WAVE
    plain = check(np.stack([count, TAME[:, 1]], axis=1), y, 0.0).r2
    count[:3], y[:3] = -999, y.mean()
    check(np.stack([count, TAME[:, 1]], axis=1), y, plain)


@pytest.mark.parametrize("noise", [1e-2, 1e-3, 1e-5])
def test_a_column_that_is_nearly_another(noise):
    """What two of them differ by is seen, and the residual is counted rightly."""
    extra = RNG.normal(size=ROWS)
    x = np.stack([TAME[:, 0], TAME[:, 0] + noise * extra], axis=1)
    y = np.abs(extra) + TAME[:, 0]
    fit = fit_mars(x, extra + 0.1 * y, **OPTIONS)
    assert fit.r2 > 0.97, fit.stop_reason
    assert fit.pruning.rss[0] == pytest.approx(fit.forward.rss[-1], rel=0.011)


@pytest.mark.parametrize("noise", [1e-3, 1e-5])
def test_so_it_is_where_float32_is_tried_first(many_rows, noise):
    test_a_column_that_is_nearly_another(noise)


def test_float32_columns_of_a_far_value_and_a_far_target(tame):
    x = TAME.astype(np.float32)
    x[0, 0] = -1e20
    fit = fit_mars(x, WAVE, **OPTIONS)
    assert fit.r2 > tame - 0.002 and fit.spline.coef.dtype == np.float32
    assert explained(WAVE, evaluate(fit, x)) == pytest.approx(fit.r2, abs=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_two_counts_of_nothing_are_not_compared(seed):
    """What is left of a function that the terms hold is rounding, of which no word is lost."""
    rng = np.random.default_rng([seed, 600, 0])
    x = rng.uniform(-1, 1, (600, 1))
    y = np.interp(x[:, 0], np.sort(x[:, 0])[::30], rng.normal(size=20))
    ends = dict(min_span=1, end_span=1, threshold=0, knots="all")
    fit = fit_mars(x, y, max_terms=61, **ends)
    assert 1 - fit.r2 < 1e-9 and "lost its digits" not in fit.stop_reason


def test_enabling_float64_in_jax_changes_nothing(tame):
    with jax.enable_x64(True):
        check(moved(0, 1.0, 1e8), WAVE * 10 + 1e9, tame)


def test_a_file_keeps_the_digits(tmp_path, tame):
    x = moved(0, 1.0, 1e8)
    fit = check(x, WAVE * 10 + 1e9, tame)
    save_fit(tmp_path / "fit.json", fit)
    np.testing.assert_array_equal(evaluate(load_fit(tmp_path / "fit.json"), x), evaluate(fit, x))


def test_far_columns_that_no_term_reads_take_no_room():
    dark = np.zeros((ROWS, 8))
    dark[:3] = RNG.normal(size=(3, 8)) * 1e4  # as pixels at the edge of images are
    options = dict(max_terms=17, knots=24, threshold=0, penalty=0, max_hinges=10)
    wanted, fit = (
        fit_mars(np.column_stack([TAME, x]), WAVE, **options) for x in (dark[:, :0], dark)
    )
    assert fit.num_terms == wanted.num_terms > 6


@pytest.mark.parametrize(("extreme", "said"), [(2.83, False), (1e5, True)])
def test_only_what_lies_far_is_told_to_cost_digits(caplog, extreme, said):
    sides = {"extremes": np.array([[-1.0, extreme]]), "far": np.array([[False, True]])}
    units = types.SimpleNamespace(middle=np.zeros(1), scale=np.ones(1), **sides)
    solution = Solution([Term(((0, 1.0, 0.0),))], np.ones((2, 1)), rss=4.15)
    tell_lost(solution, 1.0, units, ["a"], np.zeros(1), np.dtype(np.float32))
    assert ("lose digits" in caplog.text) == said
