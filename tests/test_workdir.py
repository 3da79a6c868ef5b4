"""What a workdir keeps beside what a run computes."""

import json

import numpy as np
import pytest

from spline_fc import data, network, protocol, workdir
from spline_fc.timing import Seconds


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


def test_what_was_decided_on_directions_is_kept_with_a_start(tmp_path):
    workdir.begin(tmp_path, {}, 1)
    params = network.init_params("he_normal", 0, np.ones((3, 2)), np.ones((3, 1)), (4,))
    asked = network.DirectionsChoice(True, 0.1, 0.25, "Directions taken: much.")
    for choice in (asked, asked._replace(error_with=np.nan, error_without=np.nan), None):
        workdir.write_start(
            tmp_path, "spline-seed0", protocol.Start(params, None, choice, Seconds(1.0, 2.0))
        )
        found = workdir.read_start(tmp_path, "spline-seed0", (2, 4, 1))
        assert repr(found.directions) == repr(choice) and found.seconds == Seconds(1.0, 2.0)
    file = tmp_path / "starts.json"
    for damaged in ({"taken": 1}, {"taken": True}, {**asked._asdict(), "error_with": "x"}, [1]):
        told = {"spline-seed0": {"seconds": [1, 2], "directions": damaged}}
        file.write_text(json.dumps(told))
        with pytest.raises(ValueError, match="starts.json must be as it was written; directions"):
            workdir.read_start(tmp_path, "spline-seed0", (2, 4, 1))
