"""One door for numbers: every kind of container gives the same values, or one sentence."""

import decimal
import fractions
import subprocess
import sys
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from spline_fc.arrays import as_names, columns, numbers

X = np.array([[1.0, 2.5], [-3.0, 0.0], [4.0, 5.0]])
FRAME = pd.DataFrame(X, columns=["a", "b"])

TAKEN = {
    "list": X.tolist(),
    "list of arrays": [row for row in X],
    "big-endian": X.astype(">f8"),
    "long double": X.astype(np.longdouble),
    "objects": X.astype(object),
    "fractions": [[fractions.Fraction(v) for v in row] for row in X.tolist()],
    "decimals": [[decimal.Decimal(v) for v in row] for row in X.tolist()],
    "arrays of rank 0": np.array([[np.float32(v) for v in row] for row in X], object),
    "nothing masked": np.ma.array(X, mask=False),
    "sparse": scipy.sparse.csr_array(X),
    "old sparse": scipy.sparse.coo_matrix(X),
    "matrix": np.asmatrix(X),
    "frame": FRAME,
    "nullable frame": FRAME.astype("Float64"),
    "frame of objects": FRAME.astype(object),
    "column order": np.asfortranarray(X),
}
REFUSED = {
    "words": (X.astype(str), "must be an array of numbers; got words, the first '1.0'"),
    "word": ("abc", "got words, the first 'abc'"),
    "words among objects": (np.array([[1, "2"]], object), "got '2'"),
    "bytes": (np.array([[b"1"]]), "got bytes"),
    "dates": (X.astype("M8[s]"), "got dates, the first "),
    "durations": (X.astype("m8[s]"), "got times"),
    "date objects": (np.array([[pd.Timestamp(0)]], object), r"got Timestamp\("),
    "complex": (X.astype(complex), "got complex128 values"),
    "masked": (np.ma.array(X, mask=X < 0), "x must have no masked values; got 1 "),
    "masked row in a list": ([np.ma.array([1.0, 2.0], mask=[0, 1])], "no masked values; got 1 "),
    "masked constant": ([1.0, np.ma.masked], "no masked values; got 1 "),
    "ragged": ([[1, 2], [3]], "got rows of unlike length"),
    "records": (np.zeros(2, [("a", "f8")]), "got records"),
    "None": (None, "x must be an array of numbers; got None"),
    "mapping": ({"a": 1}, r"got \{'a': 1\}"),
    "too large": ([10**400], "within float64; got an integer of 401 digits"),
    "huge sparse": (scipy.sparse.csr_array((10**5, 10**4)), "at most 100,000,000 cells"),
    "frame with words": (FRAME.assign(c=["u", "v", "w"]), "column 'c' of x must be .* 'u'"),
    "frame with dates": (FRAME.assign(c=pd.Timestamp(0)), "column 'c' of x must be .*got dates"),
    "names twice": (pd.DataFrame(X, columns=["a", "a"]), "the columns of x must differ.*'a' twice"),
}


@pytest.mark.parametrize("kind", TAKEN)
def test_same_numbers_in_any_container(kind):
    for taken in (numbers("x", TAKEN[kind]), columns("x", TAKEN[kind]).values):
        assert type(taken) is np.ndarray and taken.dtype == np.dtype("f8")
        assert taken.dtype.isnative
        np.testing.assert_array_equal(taken, X)


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("door", [numbers, columns])
def test_no_numbers_give_one_sentence(kind, door):
    value, pattern = REFUSED[kind]
    with pytest.raises(ValueError, match=pattern) as caught:
        door("x", value)
    message = str(caught.value)
    assert "\n" not in message and message.endswith(".") and len(message) < 300


def test_width_of_the_floats_decides():
    for dtype in (np.float16, np.float32, ">f4", jnp.bfloat16):
        assert numbers("x", X.astype(dtype)).dtype == np.dtype("f4")
    for dtype in (np.int64, np.uint64, bool, np.float64):
        assert numbers("x", X.astype(dtype)).dtype == np.dtype("f8")
    assert numbers("x", jnp.ones(2)).dtype == np.dtype("f4")
    assert columns("x", FRAME.astype("f4")).values.dtype == np.dtype("f4")
    assert columns("x", FRAME.astype({"a": "f4"})).values.dtype == np.dtype("f8")


def test_integers_keep_their_value():
    large = np.array([2**40 + 1, 2**63 + 2048], np.uint64)
    np.testing.assert_array_equal(numbers("x", large), [2.0**40 + 1, 2.0**63 + 2048])
    np.testing.assert_array_equal(numbers("x", [2**70]), [2.0**70])


def test_missing_objects_become_nan():
    missing = pd.Series([1, None, 3], dtype="Int64")
    for came in (missing, [1, None, 3], np.array([1, pd.NA, 3], object), [1, pd.NaT, 3]):
        np.testing.assert_array_equal(numbers("y", came), [1, np.nan, 3])


def test_long_double_beyond_float64_is_infinite():
    if np.finfo(np.longdouble).max > np.finfo(np.float64).max:
        assert np.isinf(numbers("x", np.array([np.longdouble("1e4000")])))


def test_traced_arrays_are_refused():
    with pytest.raises(ValueError, match="x must be a concrete array.*outside of jit"):
        jax.jit(lambda x: numbers("x", x))(X)


def test_names_of_a_table():
    assert columns("x", FRAME).names == ("a", "b")
    assert columns("x", X).names is None
    assert columns("x", pd.DataFrame(X)).names is None  # numbered, not named
    series = columns("x", FRAME["a"])
    assert series.names == ("a",) and series.values.shape == (3, 1)
    assert columns("x", pd.Series([1.0])).names is None


def test_expected_columns_are_found_by_name():
    found = columns("x", FRAME[["b", "a"]], ("a", "b"))
    np.testing.assert_array_equal(found.values, X)
    assert found.names == ("a", "b")
    extra = FRAME.assign(c=7.0)[["c", "b", "a"]]
    np.testing.assert_array_equal(columns("x", extra, ("a", "b")).values, X)
    words = FRAME.assign(c="text")[["c", "b", "a"]]  # what is left out may hold anything
    np.testing.assert_array_equal(columns("x", words, ("a", "b")).values, X)
    np.testing.assert_array_equal(columns("x", X, ("a", "b")).values, X)
    np.testing.assert_array_equal(columns("x", FRAME, ("x0", "x1")).values, X)


@pytest.mark.parametrize(
    ("x", "expected", "pattern"),
    [
        (FRAME, ("a", "c"), "x must have the columns of the fit; got none named 'c' among"),
        (FRAME, ("u", "v"), "none named 'u', 'v'"),
        (FRAME["a"], ("b",), "none named 'b'"),
        (X, ("a", "b", "c"), "x must have 3 columns, as the fit has; got 2"),
        (X, ("a",), "x must have 1 columns, as the fit has; got 2"),
        (X[0], ("a", "b"), r"x must have shape \(n, d\)"),
    ],
)
def test_other_columns_are_refused(x, expected, pattern):
    with pytest.raises(ValueError, match=pattern):
        columns("x", x, expected)


@pytest.mark.parametrize(
    "names",
    [["a", "b"], ("a", "b"), np.array(["a", "b"]), FRAME.columns, dict.fromkeys("ab").keys()],
)
def test_names_of_any_list(names):
    assert as_names("names", names, 2) == ("a", "b")
    assert all(type(name) is str for name in as_names("names", names, 2))
    assert as_names("names", None, 2) is None


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        ("ab", "names must be a list of 2 names; got 'ab'"),
        ({"a", "b"}, "names must be a list of 2 names"),
        (["a"], "names must be 2, one for each column; got 1"),
        (["a", "a"], "must differ from each other; got 'a' twice"),
        (["a", None], "must hold words only; got None"),
        (["a", np.nan], "must hold words only; got nan"),
        (["a", ""], "must hold words only; got ''"),
        (np.array([["a", "b"]]), "must hold words only"),
        (3, "names must be a list of 2 names; got 3"),
        (np.array("ab"), "names must be a list of 2 names"),
    ],
)
def test_names_that_are_none(names, pattern):
    with pytest.raises(ValueError, match=pattern):
        as_names("names", names, 2)


def test_no_package_is_loaded_for_tables():
    program = "import sys, spline_fc.arrays; print('pandas' in sys.modules, 'scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.split()[0] == "False"


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, object])
def test_whole_numbers_without_digits_of_their_own_are_told(dtype):
    near, apart = (2**62 + np.arange(8, dtype=np.int64) * step for step in (1, 2**12))
    with mock.patch("absl.logging.warning") as warning:
        np.testing.assert_array_equal(numbers("x", apart.astype(dtype)), apart.astype(float))
        warning.assert_not_called()
        numbers("x", near.astype(dtype))
    assert warning.call_args.args[1:] == ("x", 7)
