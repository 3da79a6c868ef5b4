"""The start of the default recipe: half of the network a shrunk spline, the other half free."""

import inspect

import jax
import numpy as np
import pytest

from spline_fc import cpwl, network, training
from tests import guides

KEY = jax.random.key(0)
SIZES = (40, 40)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 4)).astype(np.float32)
    y = np.abs(x @ [1, 1, 0, 0]) + np.sin(2 * x[:, 2]) + 0.1 * rng.normal(size=500)
    return x, y.astype(np.float32)


@pytest.fixture(scope="module")
def start(rows):
    return network.spline_start(KEY, *rows, SIZES)


def test_the_network_is_the_spline(rows, start):
    x, _ = rows
    spline = cpwl.evaluate_oblique(start.fit, x)
    np.testing.assert_allclose(network.apply_params(start.params, x), spline, atol=1e-5)
    assert network.layer_sizes(start.params) == (4, *SIZES, 1)


def test_half_of_the_first_layer_is_free(rows, start):
    used = network.hinges(start.fit.fit.spline).knot.size
    assert 5 < used <= 20
    quarter = network.spline_start(KEY, *rows, SIZES, share=0.25).fit.fit.spline
    assert network.hinges(quarter).knot.size <= 10


def test_coefficients_are_shrunk_within_the_tolerance(rows, start):
    x, y = rows
    joined = cpwl.add_projections(x, start.fit.projection)

    def rss(spline):
        return float(((y[:, None] - np.asarray(cpwl.evaluate(spline, joined))) ** 2).sum())

    plain = cpwl.shrink(start.fit.fit.spline, joined, y, most=0)
    assert rss(start.fit.fit.spline) <= 1.2 * rss(plain) * (1 + 1e-4)
    assert float((start.fit.fit.spline.coef**2).sum()) < 0.9 * float((plain.coef**2).sum())


def test_without_directions_hinges_stay_on_features(rows):
    x, _ = rows
    found = network.spline_start(KEY, *rows, SIZES, directions=(), max_terms=15)
    assert found.fit.projection.shape == (4, 0)
    exact = network.to_params(found.fit.fit.spline, 4)
    np.testing.assert_allclose(
        network.apply_params(found.params, x), network.apply_params(exact, x), atol=1e-5
    )
    used = np.asarray(found.params["Dense_0"]["kernel"])[:, : exact["Dense_0"]["bias"].size]
    assert (np.count_nonzero(used, axis=0) == 1).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(share=0.0), "share"),
        (dict(share=1.5), "share"),
        (dict(max_terms=0), "max_terms"),
        (dict(tolerance=0.0), "tolerance"),
        (dict(directions=("old",)), "directions"),
    ],
)
def test_bad_input_is_named(rows, change, message):
    with pytest.raises(ValueError, match=message):
        network.spline_start(KEY, *rows, SIZES, **change)


def test_guide_runs_and_names_the_defaults():
    guides.run_blocks("recipe.md", at_least=1)
    text, choices = guides.read("recipe.md"), inspect.signature(network.spline_start).parameters
    config = training.TrainingConfig()
    told = {name: choices[name].default for name in ("directions", "share", "tolerance")}
    told |= {name: getattr(config, name) for name in ("schedule", "averaging", "guard")}
    for name, value in told.items():
        written = repr(value).replace("'", '"')
        assert f"`{name}={written}`" in text, name
    assert f"at most {choices['max_terms'].default - 1} hinges" in text
    assert config.warmup_epochs == 5 and "five epochs of warm-up" in text
