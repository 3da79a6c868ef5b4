"""Tables as people have them become the frame that they tell of, or end in one sentence."""

import json
from unittest import mock

import numpy as np
import pytest

from spline_fc import data
from spline_fc.data.encode import encode_table
from spline_fc.data.matrices import fill_medians
from spline_fc.data.tables import read_csv
from tests.data.messy import TABLES, N


def one_hot(name, words):
    """Names and columns of a category, the slow way."""
    levels = sorted(set(words))
    shown = levels[1:] if len(levels) == 2 else levels
    return [f"{name}={level}" for level in shown], [
        [float(word == level) for word in words] for level in shown
    ]


def expected(columns):
    names, values = [], []
    for name, column in columns.items():
        if column is None:
            continue
        if isinstance(column, list) and isinstance(column[0], str):
            more, block = one_hot(name, column)
            names, values = names + more, values + block
        else:
            names, values = [*names, name], [*values, np.asarray(column, np.float64)]
    return names, np.array(values).T


@pytest.mark.parametrize("name", TABLES)
def test_messy_table_becomes_its_frame(name, tmp_path):
    case = TABLES[name]
    path = tmp_path / f"table{case.suffix}"
    path.write_bytes(case.content)
    with mock.patch("absl.logging.warning") as warning:
        found = encode_table(read_csv(path), **case.options)
        if case.options.get("missing") == "median":
            found = fill_medians(found, np.arange(N), path)
    said = "\n".join(call.args[0] % call.args[1:] for call in warning.call_args_list)
    assert case.said in said
    names, x = expected(case.columns)
    assert found.encoding.feature_names == tuple(names)
    np.testing.assert_allclose(found.x, x, rtol=1e-12)
    targets, y = expected({found.encoding.targets[0]: case.y})
    assert found.encoding.target_names == tuple(targets)
    np.testing.assert_allclose(found.y, y, rtol=1e-12)
    left = [c.name for c in found.encoding.columns if c.role == "left out"]
    assert left == [n for n, c in case.columns.items() if c is None]
    text = json.dumps(found.encoding.to_json())
    assert data.encoding_from_json(json.loads(text)) == found.encoding
