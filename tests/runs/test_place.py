"""Where a run lives: an earlier one is never harmed, and two processes never share a folder."""

import os
import pathlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spline_fc import files
from spline_fc.runs import place

CONFIG = {"data": {"name": "friedman1"}, "training": {"epochs": 10, "schedule": "constant"}}


def changed(**training):
    return {**CONFIG, "training": {**CONFIG["training"], **training}}


def write_run(folder, config, word):
    """What a finished run looks like from outside."""
    with place.claim(folder, config, overwrite=True) as partial:
        files.write_json(partial / "workdir.json", {})
        files.write_json(partial / "config.json", config)
        files.write_text(partial / "word", word)


def test_a_run_takes_its_place_when_it_has_ended(tmp_path):
    folder = tmp_path / "deep" / "run"
    with place.claim(folder, CONFIG, overwrite=False) as partial:
        (partial / "word").write_text("new")
        assert not folder.exists()
    assert (folder / "word").read_text() == "new"
    assert sorted(path.name for path in folder.iterdir()) == ["word"]
    assert [path.name for path in folder.parent.iterdir()] == ["run"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_run_that_fails_costs_an_earlier_one_nothing(tmp_path, overwrite):
    folder = tmp_path / "run"
    write_run(folder, CONFIG, "earlier")
    config = changed(epochs=20 if not overwrite else 5)
    with pytest.raises(OSError, match="disk"), place.claim(folder, config, overwrite) as partial:
        (partial / "word").write_text("half")
        raise OSError("no space left on the disk")
    assert (folder / "word").read_text() == "earlier"


def test_another_config_is_refused_by_the_fields_that_differ(tmp_path):
    folder = tmp_path / "run"
    write_run(folder, CONFIG, "earlier")
    wanted = "training.schedule: 'constant', now 'cosine'"
    with (
        pytest.raises(ValueError, match=wanted),
        place.claim(folder, changed(schedule="cosine"), overwrite=False),
    ):
        pass
    with pytest.raises(ValueError, match="epochs"), place.claim(folder, changed(epochs=5), False):
        pass
    assert (folder / "word").read_text() == "earlier"


def test_an_unfinished_run_goes_on_with_the_same_config_or_more_epochs(tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt), place.claim(folder, CONFIG, False) as partial:
        files.write_json(partial / "config.json", CONFIG)
        files.write_json(partial / "runs.json", [])
        raise KeyboardInterrupt
    for config in (CONFIG, changed(epochs=20)):
        with pytest.raises(KeyboardInterrupt), place.claim(folder, config, False) as partial:
            assert (partial / "runs.json").exists() and not (partial / ".runs.json.7").exists()
            files.write_text(partial / ".runs.json.7", "half")  # as a kill leaves it
            raise KeyboardInterrupt
    with (
        pytest.raises(ValueError, match="unfinished run"),
        place.claim(folder, changed(schedule="cosine"), False),
    ):
        pass
    assert (partial / "runs.json").exists()
    with place.claim(folder, changed(schedule="cosine"), overwrite=True) as partial:
        assert not (partial / "runs.json").exists()


def test_a_finished_run_with_more_epochs_begins_with_its_checkpoints(tmp_path):
    folder = tmp_path / "run"
    with place.claim(folder, CONFIG, False) as partial:
        files.write_json(partial / "workdir.json", {})
        files.write_json(partial / "config.json", CONFIG)
        (partial / "checkpoints").mkdir()
        files.write_text(partial / "checkpoints" / "state", "10 epochs")
    assert place.is_finished(folder, CONFIG) and not place.is_finished(folder, changed(epochs=20))
    with place.claim(folder, changed(epochs=20), False) as partial:
        assert (partial / "checkpoints" / "state").read_text() == "10 epochs"
        assert (folder / "checkpoints" / "state").exists()


def test_files_that_no_run_wrote_are_never_touched(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(ValueError, match="no run"), place.claim(tmp_path, CONFIG, overwrite):
            pass
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
    assert not tmp_path.with_name(f"{tmp_path.name}.partial").exists()


def test_a_second_process_is_refused(tmp_path):
    code = (
        "import sys; from spline_fc.runs import place\n"
        "try:\n"
        "    with place.claim(sys.argv[1], {}, True): pass\n"
        "except ValueError as error: print(error)"
    )
    with place.claim(tmp_path / "run", {}, overwrite=True):
        command = [sys.executable, "-c", code, str(tmp_path / "run")]
        told = subprocess.run(command, capture_output=True, text=True, check=True, env=_env())
    assert "in use by another process" in told.stdout


def test_a_kill_between_the_two_renames_loses_neither_run(tmp_path):
    folder = tmp_path / "run"
    write_run(folder, CONFIG, "earlier")
    folder.rename(tmp_path / "run.replaced")  # where a killed process would have left it
    with pytest.raises(KeyboardInterrupt), place.claim(folder, CONFIG, overwrite=True):
        raise KeyboardInterrupt
    assert (folder / "word").read_text() == "earlier"


@given(st.recursive(st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner)))
def test_a_config_does_not_differ_from_itself(config):
    assert place.differences(config, config) == []


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "file"
    files.write_text(path, "before")
    with pytest.raises(OSError, match="full"), files.replacing(path) as file:
        file.write(b"half")
        raise OSError("disk full")
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]
    files.write_json(path, {"a": float("nan"), "b": (1, 2.5)})
    assert path.read_text() == '{\n "a": null,\n "b": [\n  1,\n  2.5\n ]\n}\n'


def _env():
    root = pathlib.Path(__file__).parents[2]
    return {**os.environ, "PYTHONPATH": str(root)}
