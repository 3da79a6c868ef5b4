"""Every check raises one sentence that names the argument, what was wanted and what came."""

import jax
import numpy as np
import pytest

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
    "keys": (lambda: checks.check_known_keys("training", {"ratte": 1}, ["rate"]), "mean 'rate'"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_value_gives_one_sentence(case):
    call, pattern = CASES[case]
    with pytest.raises(ValueError, match=pattern) as caught:
        call()
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


def test_good_values_pass():
    checks.check(True, "never said")
    checks.check_rank("x", np.zeros((2, 2)), 2, "(n, d)")
    checks.check_finite("x", np.ones(3))
    checks.check_integer("n", np.int64(3), 3)
    checks.check_number("r", np.float32(0.5), above=0, below=1)
    checks.check_one_of("kind", 2, [1, 2])


def test_values_are_not_asked_for_under_jit():
    def double(x):
        checks.check_rank("x", x, 1, "(n,)")
        checks.check_finite("x", x)
        return 2 * x

    assert np.isnan(jax.jit(double)(np.array([np.nan]))).all()
    with pytest.raises(ValueError, match="x must have shape"):
        jax.jit(double)(np.zeros((2, 2)))
