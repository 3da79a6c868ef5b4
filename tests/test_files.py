"""Files are written whole under the name given, or not at all, and read strictly."""

import io
import os
import zipfile

import numpy as np
import pytest

from spline_fc import files

BAD_JSON = {
    "a key twice": (b'{"a": 1, "a": 2}', "the key 'a' is there twice"),
    "NaN": (b"[NaN]", "JSON knows no NaN"),
    "infinity": (b"[-Infinity]", "JSON knows no -Infinity"),
    "a huge exponent": (b"[1e999]", "1e999 is beyond float64"),
    "too deep": (b"[" * 10**5, "nested too deeply"),
    "no text": (b"\xff\xfe", "can't decode"),
    "half": (b'{"a": ', "Expecting value"),
    "nothing": (b"", "Expecting value"),
}


@pytest.mark.parametrize("what", BAD_JSON)
def test_json_is_read_strictly(tmp_path, what):
    content, told = BAD_JSON[what]
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match=told) as caught:
        files.read_json(tmp_path / "a.json")
    assert str(caught.value).startswith(f"{tmp_path / 'a.json'} must hold JSON; ")
    assert "\n" not in str(caught.value)


def test_every_byte_of_an_archive_counts(tmp_path):
    path = tmp_path / "a.npz"
    arrays = {"x": np.arange(6.0).reshape(2, 3), "name": np.array(["a", "b"])}
    files.write_npz(path, arrays)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        try:
            came = files.read_npz(path)
        except ValueError as error:
            assert str(error).startswith(f"{path} must be an NPZ file; ")
        else:  # in what is said of time and rights
            assert all((came[name] == array).all() for name, array in arrays.items())


def test_no_memory_is_asked_for_what_a_header_announces(tmp_path):
    member, path = io.BytesIO(), tmp_path / "a.npz"
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**12,)}
    np.lib.format.write_array_header_1_0(member, header)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", member.getvalue() + bytes(16))
    with pytest.raises(ValueError, match="x must have 8000000000000 bytes, .* got 16"):
        files.read_npz(path)


def test_a_name_is_taken_as_it_is_and_a_link_is_followed(tmp_path):
    files.write_npz(tmp_path / "model.v1", {"x": np.ones(2)})
    os.symlink(tmp_path / "model.v1", tmp_path / "link")
    files.write_npz(tmp_path / "link", {"x": np.zeros(2)})
    assert not files.read_npz(tmp_path / "model.v1")["x"].any()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "model.v1"]


@pytest.mark.parametrize(
    ("place", "error", "told"),
    [
        ("missing/a.json", FileNotFoundError, "in a folder that exists; got .*a.json"),
        ("folder", IsADirectoryError, "a file to write; .*folder is something else"),
        ("n" * 300, OSError, "nnn"),
    ],
)
def test_a_place_where_nothing_can_be_written_is_named(tmp_path, place, error, told):
    (tmp_path / "folder").mkdir()
    with pytest.raises(error, match=told):
        files.write_json(tmp_path / place, {})
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_device_is_never_replaced():
    with pytest.raises(OSError, match="/dev/null is something else"):
        files.write_text(os.devnull, "gone")
