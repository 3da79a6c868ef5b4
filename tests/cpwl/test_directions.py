"""Directions in the data, and the splines that bend along them."""

import jax
import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from spline_fc.cpwl import (
    DIRECTIONS,
    derive_directions,
    evaluate,
    fit_mars,
    with_projections,
)
from tests import oracles

N, D = 600, 5
INDEX = np.array([0.6, -0.5, 0.4, 0.4, 0.0])
OTHER = np.array([0.1, 0.3, -0.2, 0.4, 0.8])
KEY = jax.random.key(0)
NAMES = ("ols", "sir", "phd")


def features(seed=0, n=N):
    """Correlated features of unlike scales."""
    rng = np.random.default_rng(seed)
    mixing = np.eye(D) + 0.3 * np.random.default_rng(9).normal(size=(D, D))
    return rng.normal(size=(n, D)) @ mixing * [1.0, 3.0, 0.5, 1.0, 2.0] + [0.0, 5.0, 0.0, -1.0, 0.0]


X = features()
KINK = np.maximum((X - X.mean(0)) @ INDEX - 0.3, 0)
Y = KINK + 0.1 * np.random.default_rng(5).normal(size=N)
CLASSES = np.digitize(Y + X[:, 0], [-0.5, 1.0])
TARGETS = {"pairs": CLASSES, "spread": CLASSES}  # Y for the others


def correlation(a, b):
    """Largest |correlation| of every column of a with those of b."""
    both = np.abs(np.corrcoef(np.concatenate([a, b], axis=1).T))
    return both[: a.shape[1], a.shape[1] :].max(1)


def explained(direction, found, x):
    """R2 of a projection on those found."""
    design = np.column_stack([np.ones(len(x)), x @ found])
    target = x @ direction
    residual = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
    return 1 - (residual**2).sum() / ((target - target.mean()) ** 2).sum()


@pytest.mark.parametrize("name", ["ols", "sir", "phd"])
def test_the_direction_of_a_kink_is_found(name):
    found = derive_directions(name, X, Y, 1)
    assert found.shape == (D, 1)
    assert correlation(X @ found, (X @ INDEX)[:, None])[0] > 0.98


def test_even_functions_need_hessian_directions():
    y = np.abs((X - X.mean(0)) @ INDEX)
    target = (X @ INDEX)[:, None]
    assert correlation(X @ derive_directions("phd", X, y, 1), target)[0] > 0.97
    assert correlation(X @ derive_directions("ols", X, y, 1), target)[0] < 0.9


def test_two_directions_span_the_plane():
    x = np.random.default_rng(1).normal(size=(4000, D))
    other = OTHER - INDEX * (INDEX @ OTHER) / (INDEX @ INDEX)
    y = 2 * x @ INDEX / (1 + np.exp(-2 * x @ other))
    for name in ("sir", "phd"):
        found = derive_directions(name, x, y, 2)
        assert explained(INDEX, found, x) > 0.9 and explained(other, found, x) > 0.9, name
    assert explained(other, derive_directions("sir", x, y, 1), x) < 0.9


def test_pca_is_that_of_the_standardised_features():
    found = derive_directions("pca", X, Y, D)
    standard = (X - X.mean(0)) / X.std(0)
    right = np.linalg.svd(standard, full_matrices=False)[2]
    np.testing.assert_allclose(correlation(X @ found, standard @ right.T), 1, rtol=1e-9)
    assert np.abs(np.corrcoef((X @ found).T) - np.eye(D)).max() < 1e-9
    first = [correlation((X @ found)[:, [j]], standard @ right[[j]].T)[0] for j in range(D)]
    np.testing.assert_allclose(first, 1, rtol=1e-9)  # in the same order


@pytest.mark.parametrize("name", DIRECTIONS)
def test_projections_vary_as_the_features_do(name):
    found = derive_directions(name, X, TARGETS.get(name, Y), 2, key=KEY)
    np.testing.assert_allclose((X @ found).std(0), np.sqrt(X.var(0).mean()), rtol=1e-9)
    largest = np.abs(found * X.std(0)[:, None]).argmax(0)
    assert (found[largest, np.arange(found.shape[1])] > 0).all()


@pytest.mark.parametrize("name", DIRECTIONS)
def test_scales_do_not_matter(name):
    scale, shift = np.array([10.0, 0.1, 3.0, 1.0, 100.0]), np.arange(5.0)
    moved, y = X * scale + shift, TARGETS.get(name, Y)
    one = X @ derive_directions(name, X, y, 2, key=KEY)
    other = moved @ derive_directions(name, moved, y, 2, key=KEY)
    np.testing.assert_allclose(correlation(one, other), 1, rtol=1e-9)


@pytest.mark.parametrize("name", ["ols", "sir", "phd"])
def test_linear_maps_do_not_matter_where_rows_are_many(name):
    mixing = np.random.default_rng(2).normal(size=(D, D))
    many = np.random.default_rng(4).normal(size=(40 * N, D))
    y = np.abs(many @ OTHER - 0.3) + many @ OTHER
    one = many @ derive_directions(name, many, y, 1)
    other = many @ mixing @ derive_directions(name, many @ mixing, y, 1)
    np.testing.assert_allclose(correlation(one, other), 1, rtol=1e-3)


def test_covariances_of_few_rows_are_shrunk_as_ledoit_and_wolf_do():
    x = np.random.default_rng(5).normal(size=(40, 30)) @ np.diag(np.arange(1.0, 31))
    y = x[:, 0] + x[:, 1] / 2
    standard = (x - x.mean(0)) / x.std(0)
    x = np.insert(x, 7, 2.0, axis=1)
    covariance = oracles.ledoit_wolf(standard)
    wanted = np.linalg.solve(covariance, standard.T @ (y - y.mean()))
    found = (derive_directions("ols", x, y, 1)[:, 0] * x.std(0))[np.arange(31) != 7]
    np.testing.assert_allclose(
        wanted / np.linalg.norm(wanted), found / np.linalg.norm(found), rtol=1e-7
    )


def test_features_of_one_unit_are_taken_in_it():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(400, 4)) * [3, 1, 1, 1e-3]
    found = derive_directions("pca", x, x[:, 0], 4, shared_scale=True)
    axes = np.linalg.eigh(np.cov(x.T))[1][:, ::-1]
    cosines = np.abs((found / np.linalg.norm(found, axis=0) * axes).sum(axis=0))
    np.testing.assert_allclose(cosines, 1, rtol=1e-9)
    # The column that hardly varies tells classes apart, but not by much.
    labels = (x[:, 0] + 3000 * x[:, 3] > 0).astype(float)
    own, shared = (
        derive_directions("pairs", x, labels, 1, shared_scale=shared)[:, 0]
        for shared in (False, True)
    )
    assert abs(own[3]) > 100 * abs(own[0]) and abs(shared[3]) < abs(shared[0])


def test_linear_trends_have_no_curvature():
    bent = Y + 5 * X @ OTHER
    np.testing.assert_allclose(
        derive_directions("phd", X, bent, 2), derive_directions("phd", X, Y, 2), rtol=1e-9
    )


@pytest.mark.parametrize("name", ["ols", "sir", "phd", "pca", "pairs", "spread"])
def test_weights_are_copies_of_rows(name):
    weights, y = np.random.default_rng(3).integers(0, 4, N), TARGETS.get(name, Y)
    rows = np.repeat(np.arange(N), weights)
    one = derive_directions(name, X, y, 2, weights=weights)
    np.testing.assert_allclose(one, derive_directions(name, X[rows], y[rows], 2), rtol=1e-7)


@pytest.mark.parametrize("name", ["ols", "pca", "spread"])
def test_chunks_of_rows_change_nothing(name, monkeypatch):
    whole = derive_directions(name, X, TARGETS.get(name, Y), 2)
    monkeypatch.setattr("spline_fc.cpwl.inputs.CHUNK_ROWS", 250)
    in_chunks = derive_directions(name, X, TARGETS.get(name, Y), 2)
    np.testing.assert_allclose(in_chunks, whole, rtol=1e-9)


def three_classes(n=6000):
    """The second class lies aside, the third is wide; all else is the same correlated noise."""
    rng = np.random.default_rng(4)
    root = np.linalg.qr(np.random.default_rng(9).normal(size=(D, D)))[0]
    x, labels = rng.normal(size=(n, D)), np.arange(n) % 3
    x[labels == 1, 0] += 2
    x[labels == 2, 1] *= 3
    return x, labels, root


def test_pairs_of_classes_are_told_apart_by_their_discriminants():
    x, labels, root = three_classes()
    found = derive_directions("pairs", x @ root, labels, 1)
    assert found.shape == (D, 3)
    assert (correlation(x @ root @ found, x[:, :1]) > 0.97).sum() == 2  # all but first and third
    discriminant = LinearDiscriminantAnalysis().fit((x @ root)[labels < 2], labels[labels < 2])
    expected = (x @ root) @ discriminant.coef_.T
    assert correlation(expected, x @ root @ found)[0] > 0.999


def test_a_class_that_is_wider_than_others_is_seen_by_its_spread():
    x, labels, root = three_classes()
    found = derive_directions("spread", x @ root, labels, 1)
    assert found.shape == (D, 3)
    assert (correlation(x @ root @ found, x[:, 1:2]) > 0.98).all()  # the others are narrower there
    two = np.flatnonzero(labels != 1)
    means = derive_directions("pairs", (x @ root)[two], labels[two], 1)
    assert correlation((x @ root) @ means, x[:, 1:2])[0] < 0.9


@pytest.mark.parametrize("name", ["pairs", "spread"])
def test_labels_are_classes_as_one_hot_rows_are(name):
    one_hot = np.eye(3)[CLASSES][:, ::-1]  # in the order of distinct rows
    same = derive_directions(name, X, one_hot, 2)
    np.testing.assert_allclose(same, derive_directions(name, X, CLASSES, 2), rtol=1e-9)


def test_classes_make_an_oblique_fit_of_many_outputs_better():
    x, labels, root = three_classes(900)
    y = np.eye(3)[labels]
    options = dict(max_terms=13, knots=16)
    plain = fit_mars(x @ root, y, **options)
    oblique = fit_mars(x @ root, y, directions=("pairs", "spread"), num_directions=1, **options)
    assert oblique.r2 > plain.r2 + 0.03
    assert {name.split()[0] for name in oblique.names[D:]} == {"pairs", "spread"}


def test_how_many_directions_there_are():
    outputs = np.stack([Y, X @ OTHER, Y + X @ OTHER], 1)  # the third adds nothing
    assert derive_directions("ols", X, Y, 3).shape == (D, 1)
    assert derive_directions("ols", X, outputs[:, :2], 3).shape == (D, 2)
    assert derive_directions("sir", X, Y > 0.5, 3).shape == (D, 1)  # two classes, one difference
    assert derive_directions("sir", X, Y, 9).shape == (D, D)
    assert derive_directions("phd", X, outputs, 2).shape == (D, 2)
    holes = np.concatenate([X, X[:, :1], np.full((N, 1), 0.998)], axis=1)
    assert derive_directions("pca", holes, Y, 9).shape == (D + 2, D)
    for name in ("ols", "sir", "pca", "phd"):
        assert derive_directions(name, np.ones((N, 3)), Y, 2).shape == (3, 0)
    assert derive_directions("pairs", X, CLASSES > 1, 2).shape == (D, 1)
    assert derive_directions("spread", X, CLASSES > 1, 2).shape == (D, 4)
    assert derive_directions("pairs", X, np.arange(N) % 17, 1).shape == (D, 120)
    for name in ("ols", "sir", "pairs", "spread"):
        assert derive_directions(name, X, np.ones(N), 2).shape == (D, 0)


@pytest.mark.parametrize("even", [False, True])
def test_oblique_hinges_pay_where_the_target_bends_off_the_axes(even):
    """A ridge: hinges on the axes cannot follow it, additive or not."""
    index = (X - X.mean(0)) @ INDEX
    function = np.abs(index) if even else KINK
    y = function + 0.1 * np.random.default_rng(5).normal(size=N)
    x = ((X - X.mean(0)) / X.std(0)).astype(np.float32)
    train, test = slice(0, 400), slice(400, None)

    def rmse(predicted):
        return np.sqrt(((np.asarray(predicted)[test, 0] - function[test]) ** 2).mean())

    options = dict(max_terms=21, knots=16)
    axes = [fit_mars(x[train], y[train], max_degree=r, **options) for r in (1, 2)]
    additive, minima = (rmse(evaluate(fit, x)) for fit in axes)
    oblique = rmse(evaluate(fit_mars(x[train], y[train], directions=NAMES, **options), x))
    assert oblique < 0.4 * additive and oblique < 0.7 * minima


def test_a_fit_is_one_on_the_joined_columns(enable_x64):
    options = dict(max_terms=7, knots=16)
    oblique = fit_mars(X, Y, directions=("pca", "random"), key=KEY, **options)
    assert oblique.names[D:] == ("pca 1", "pca 2", "random 1", "random 2")
    joined = np.concatenate([X, X @ np.asarray(oblique.spline.projection)], axis=1)
    np.testing.assert_allclose(
        with_projections(X, oblique.spline.projection), joined, rtol=1e-12, atol=1e-12
    )
    plain = fit_mars(joined, Y, **options)
    assert oblique.rss == pytest.approx(plain.rss, rel=1e-9)
    residual = Y - np.asarray(evaluate(oblique, X))[:, 0]
    assert (residual**2).sum() == pytest.approx(plain.rss, rel=1e-9)


def test_directions_can_be_given(enable_x64):
    given = np.stack([INDEX, OTHER], 1)
    options = dict(max_terms=9, knots="all", threshold=0, min_span=1, end_span=1)
    fit = fit_mars(X, KINK, directions=given, linear=[0, 1, 2, 3, 4], **options)
    np.testing.assert_array_equal(fit.spline.projection, given)
    assert fit.names == ("x0", "x1", "x2", "x3", "x4", "direction 1", "direction 2")
    assert fit.terms[0].factors[0][0] == D  # the first column after those of x
    residual = KINK - np.asarray(evaluate(fit, X))[:, 0]
    assert (residual**2).sum() < 1e-3 * ((KINK - KINK.mean()) ** 2).sum()


def test_directions_that_add_nothing_are_left_out():
    fit = fit_mars(X, Y, directions=("ols", "ols"), max_terms=5, knots=16)
    assert fit.names[D:] == ("ols 1",) and fit.spline.projection.shape == (D, 1)
    alone = fit_mars(X[:, :1], Y, directions=NAMES, max_terms=5, knots=16)
    assert alone.names == ("x0",) and alone.spline.projection.shape == (1, 0)
    plain = fit_mars(X[:, :1], Y, max_terms=5, knots=16)
    assert alone.rss == plain.rss


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (dict(directions="lda"), "directions must be one of 'ols', 'pairs'"),
        (
            dict(directions="pairs"),
            'y must say classes for the directions "pairs" and "spread"',
        ),
        (dict(directions=np.ones((3, 2))), r"directions must have shape \(5, q\).*got \(3, 2\)"),
        (dict(directions=np.ones(5)), r"directions must have shape \(5, q\).*got \(5,\)"),
        (dict(directions=np.full((5, 1), np.nan)), "directions must be finite"),
        (dict(directions=("ols", 3)), "directions must be an array of numbers"),
        (dict(directions=None), r"directions must (have shape|be an array)"),
        (dict(directions="random"), 'key must be given for "random"'),
        (dict(num_directions=0), "num_directions must be an integer >= 1"),
        (dict(num_slices=1), "num_slices must be an integer >= 2"),
        (dict(weights=-np.ones(N)), "weights must not be negative"),
        (dict(y=Y[:5]), "y must have 600 rows"),
        (dict(x=X[:, 0]), r"x must have shape \(n, d\)"),
        (dict(x=np.where(X == X[1, 1], np.nan, X)), "x must be finite"),
        (dict(max_degree=0), "max_degree must be an integer >= 1"),
    ],
)
def test_bad_input_is_named(changes, words):
    arguments = {"x": X, "y": Y, "directions": NAMES, **changes}
    with pytest.raises(ValueError, match=words):
        fit_mars(arguments.pop("x"), arguments.pop("y"), **arguments)


def test_classes_of_one_unit_are_told_apart_where_the_variance_is():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(300, 6)) * [4, 3, 2, 0.3, 0.2, 0.1]
    labels = (x[:, 0] + 20 * x[:, 5] > 0).astype(float)
    own, shared = (
        derive_directions("pairs", x, labels, 1, shared_scale=shared)[:, 0]
        for shared in (False, True)
    )
    rest = np.linalg.norm(own[3:]), np.linalg.norm(shared[3:])
    assert rest[0] > 5 * np.abs(own[0]) and rest[1] < 0.1 * np.abs(shared[0])
