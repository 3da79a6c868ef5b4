"""What a workdir keeps beside what a run computes."""

import numpy as np
import pytest

from spline_fc import data, workdir


def test_the_encoding_of_a_table_is_kept(tmp_path):
    rows = np.arange(40)
    table = {"a": rows / 4, "c": np.array(["u", "v", "w", "x"])[rows % 4]}
    dataset = data.from_arrays(table, rows**2, missing="median")
    workdir.begin(tmp_path, {}, 1)
    workdir.write_data(tmp_path, 0, data.standardize(dataset))
    work = workdir.read_workdir(tmp_path)
    encoding = workdir.read_encoding(work, 0)
    assert encoding == dataset.encoding and workdir.read_encoding(work, 1) is None
    new = {"c": ["w"], "a": [None]}
    np.testing.assert_array_equal(data.encode(encoding, new), data.encode(dataset, new))
    for damaged in ("[]", "{", '{"columns": 3}'):
        (tmp_path / "data" / "encoding-seed0.json").write_text(damaged)
        with pytest.raises(ValueError, match="encoding-seed0.json must (be as it|hold JSON)"):
            workdir.read_encoding(work, 0)
