"""Every check raises one sentence that names the argument, what was wanted and what came."""

import decimal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse

from spline_fc import checks

CASES = {
    "rank": (
        lambda: checks.check_rank("x", np.zeros(3), 2, "(n, d)"),
        r"x must .*\(n, d\).*\(3,\)",
    ),
    "length": (
        lambda: checks.check_same_length("y", [1], "x", [1, 2]),
        "y must have 2 rows, as x has; got 1",
    ),
    "empty": (lambda: checks.check_not_empty("x", np.zeros((0, 3))), r"x must .*got \(0, 3\)"),
    "nan": (
        lambda: checks.check_finite("x", np.array([[1.0, 2.0], [np.nan, np.inf]])),
        r"x must be finite; got 2 .*nan at index \(1, 0\)",
    ),
    "one of": (lambda: checks.check_one_of("kind", "colour", ["color"]), "did you mean 'color'"),
    "integer": (lambda: checks.check_integer("n", 0, 1), "n must be an integer >= 1; got 0"),
    "float as integer": (lambda: checks.check_integer("n", 1.0, 0), "n must be an integer"),
    "boolean as integer": (lambda: checks.check_integer("n", True, 0), "got True"),
    "above": (lambda: checks.check_number("r", 0.0, above=0, below=1), "r must be .*> 0 and < 1"),
    "below": (lambda: checks.check_number("r", 1, above=0, below=1), "got 1"),
    "at least": (lambda: checks.check_number("r", -1, at_least=0), ">= 0; got -1"),
    "at most": (lambda: checks.check_number("r", 2.5, at_most=2), "<= 2; got 2.5"),
    "nan number": (lambda: checks.check_number("r", float("nan"), at_least=0), "got nan"),
    "word as number": (lambda: checks.check_number("r", "1"), "a finite number; got '1'"),
    "scalar for rows": (
        lambda: checks.check_same_length("y", 5, "x", [1, 2]),
        "y must have 2 rows, as x has; got 5",
    ),
    "ragged rank": (
        lambda: checks.check_rank("x", [[1, 2], [3]], 2, "(n, d)"),
        r"x must have shape \(n, d\); got rows of unlike length",
    ),
    "ragged size": (lambda: checks.check_not_empty("x", [[1], []]), "got rows of unlike length"),
    "none among objects": (
        lambda: checks.check_finite("x", np.array([1, None], object)),
        r"got 1 non-finite value\(s\), the first None at index \(1,\)",
    ),
    "nan among objects": (
        lambda: checks.check_finite("x", np.array([1, np.nan, 10**400], object)),
        "got 2 non-finite value",
    ),
    "words for numbers": (
        lambda: checks.check_finite("x", ["a", "b"]),
        "x must hold finite numbers; got <U1 values",
    ),
    "dates for numbers": (lambda: checks.check_finite("x", np.zeros(2, "M8[s]")), "finite numbers"),
    "sparse": (
        lambda: checks.check_finite("x", scipy.sparse.eye_array(3)),
        "x must be finite; got 1 non-finite",
    ),
    "masked": (
        lambda: checks.check_finite("x", np.ma.array([1.0, 2.0], mask=[0, 1])),
        "got 1 masked value",
    ),
    "true among numbers": (lambda: checks.check_one_of("k", True, (1, 2)), "1, 2; got True"),
    "one among booleans": (lambda: checks.check_one_of("k", 1, (True, False)), "got 1"),
    "array among words": (
        lambda: checks.check_one_of("k", np.array(["a", "b"]), ("a", "b")),
        r"got a ndarray of <U1 with shape \(2,\)",
    ),
    "list among words": (lambda: checks.check_one_of("k", ["a"], ("a",)), r"got \['a'\]"),
    "true as number": (lambda: checks.check_number("r", True), "a finite number; got True"),
    "numpy true": (lambda: checks.check_number("r", np.True_), "a finite number; got True"),
    "huge integer": (lambda: checks.check_number("r", 10**400), "got an integer of 401 digits"),
    "huge negative": (lambda: checks.check_integer("n", -(10**5000), 0), "integer of 5001 digits"),
    "decimal": (lambda: checks.check_number("r", decimal.Decimal(1)), r"got Decimal\('1'\)"),
    "array as number": (lambda: checks.check_number("r", np.array(1.0)), "a finite number"),
    "table as integer": (
        lambda: checks.check_integer("n", np.zeros((10**4, 3)), 0),
        r"got a ndarray of float64 with shape \(10000, 3\)\.",
    ),
    "long word": (lambda: checks.check_integer("n", "ab\n" * 10**6, 0), r"got '.{1,90}\.$"),
    "long list": (lambda: checks.check_number("r", list(range(10**6))), r"got \[0, .{1,90}\.$"),
    "no size": (lambda: checks.as_sizes("sizes", []), "sizes must name at least 1 layer; got none"),
    "size of 0": (lambda: checks.as_sizes("sizes", [3, 0]), r"sizes\[1\] must be .*>= 1; got 0"),
    "true as size": (lambda: checks.as_sizes("sizes", True), "sizes must be .*; got True"),
    "word as sizes": (lambda: checks.as_sizes("sizes", "64"), "sizes must be .*; got '64'"),
    "unordered sizes": (
        lambda: checks.as_sizes("sizes", {64, 32}),
        "sizes must be a list of integers",
    ),
    "fractional size": (lambda: checks.as_sizes("sizes", 64.0), "sizes must be .*; got 64.0"),
    "huge seed": (lambda: checks.as_key(10**20), r"< 2\*\*32; got 100000000000000000000"),
    "negative seed": (lambda: checks.as_key(-1), "key must be a JAX key or an integer.*got -1"),
    "true as key": (lambda: checks.as_key(True), "got True"),
    "keys at once": (lambda: checks.as_key(jax.random.split(jax.random.key(0))), "key must be"),
    "numbers as key": (lambda: checks.as_key(jnp.uint32(3)), "key must be"),
    "keys": (lambda: checks.check_known_keys("training", {"ratte": 1}, ["rate"]), "mean 'rate'"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_value_gives_one_sentence(case):
    call, pattern = CASES[case]
    with pytest.raises(ValueError, match=pattern) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message and message.endswith(".") and len(message) < 200


def test_good_values_pass():
    checks.check(True, "never said")
    checks.check_rank("x", np.zeros((2, 2)), 2, "(n, d)")
    checks.check_finite("x", np.ones(3))
    checks.check_integer("n", np.int64(3), 3)
    checks.check_number("r", np.float32(0.5), above=0, below=1)
    checks.check_number("r", 10**20)
    checks.check_one_of("kind", 2, [1, 2])
    checks.check_finite("x", np.array([1, 2.5, True], object))
    checks.check_finite("x", jnp.ones(2, jnp.bfloat16))


@pytest.mark.parametrize("one", [64, np.int64(64), [64], (np.int32(64),), np.array([64])])
def test_sizes_of_layers(one):
    assert checks.as_sizes("sizes", one) == (64,)
    assert type(checks.as_sizes("sizes", one)[0]) is int
    assert checks.as_sizes("sizes", (), at_least=0) == ()


def test_keys_of_both_kinds_and_seeds():
    typed, raw = jax.random.key(3), jax.random.PRNGKey(3)
    assert checks.as_key(typed) is typed and checks.as_key(raw) is raw
    assert checks.as_key(np.int64(3)) == typed


def test_values_are_not_asked_for_under_jit():
    def double(x):
        checks.check_rank("x", x, 1, "(n,)")
        checks.check_finite("x", x)
        return 2 * x

    assert np.isnan(jax.jit(double)(np.array([np.nan]))).all()
    with pytest.raises(ValueError, match="x must have shape"):
        jax.jit(double)(np.zeros((2, 2)))
