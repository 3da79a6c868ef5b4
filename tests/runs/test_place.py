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

CONFIG = {
    "data": {"name": "friedman1"},
    "training": {"epochs": 10, "schedule": "constant"},
    "seeds": 1,
    "learning_rates": [0.1],
    "initialisations": ["spline"],
}


def changed(**training):
    return {**CONFIG, "training": {**CONFIG["training"], **training}}


def write_run(folder, config, word):
    """What a finished run looks like from outside."""
    with place.claim(folder, config, overwrite=True) as partial:
        files.write_json(partial / "workdir.json", {})
        files.write_json(partial / "config.json", config)
        files.write_text(partial / "status", word)


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
        (partial / "status").write_text("half")
        raise OSError("no space left on the disk")
    assert (folder / "status").read_text() == "earlier"


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
    assert (folder / "status").read_text() == "earlier"


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
    with place.claim(folder, changed(epochs=20), False) as partial:
        assert (partial / "checkpoints" / "state").read_text() == "10 epochs"
        assert (folder / "checkpoints" / "state").exists()


def test_files_that_no_run_wrote_are_never_touched(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    for overwrite in (False, True):
        with (
            pytest.raises(ValueError, match="no workdir.json"),
            place.claim(tmp_path, CONFIG, overwrite),
        ):
            pass
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
    assert not tmp_path.with_name(f"{tmp_path.name}.partial").exists()


@pytest.mark.parametrize("name", ["run.partial", "run.replaced"])
def test_a_folder_of_somebody_else_beside_the_workdir_is_left_alone(tmp_path, name):
    folder = tmp_path / "run"
    write_run(folder, CONFIG, "earlier")
    (tmp_path / name).mkdir()
    (tmp_path / name / "notes.txt").write_text("mine")
    for config in (CONFIG, changed(epochs=20)):
        with pytest.raises(ValueError, match=f"{name}, which no run wrote"):
            place.check_place(folder, config, overwrite=True)
        with pytest.raises(ValueError, match="no run wrote"), place.claim(folder, config, True):
            pass
    assert (tmp_path / name / "notes.txt").read_text() == "mine"
    assert (folder / "status").read_text() == "earlier"


def test_a_finished_run_that_is_called_partial_is_no_unfinished_one(tmp_path):
    write_run(tmp_path / "run.partial", CONFIG, "finished")
    with (
        pytest.raises(ValueError, match="no run wrote"),
        place.claim(tmp_path / "run", CONFIG, True),
    ):
        pass
    assert (tmp_path / "run.partial" / "status").read_text() == "finished"


def test_files_of_others_in_a_workdir_are_kept(tmp_path):
    folder = tmp_path / "run"
    write_run(folder, CONFIG, "earlier")
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="move notes.txt out"), place.claim(folder, CONFIG, True):
        pass
    write_longer = changed(epochs=20)
    with place.claim(folder, write_longer, overwrite=False) as partial:
        files.write_json(partial / "config.json", write_longer)
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_link_is_followed(tmp_path):
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    for word in ("first", "second"):
        write_run(tmp_path / "link", CONFIG, word)
        assert (tmp_path / "link").is_symlink() and (real / "status").read_text() == word


def test_a_schedule_that_depends_on_the_epochs_does_not_go_on(tmp_path):
    folder, cosine = tmp_path / "run", changed(schedule="cosine")
    write_run(folder, cosine, "earlier")
    longer = {**cosine, "training": {**cosine["training"], "epochs": 20}}
    with pytest.raises(ValueError, match="training.epochs: 10, now 20"):
        place.check_place(folder, longer, overwrite=False)


def test_a_run_that_has_done_nothing_yet_gives_way(tmp_path):
    with pytest.raises(OSError), place.claim(tmp_path / "run", CONFIG, False) as partial:  # noqa: PT011
        files.write_json(partial / "config.json", CONFIG)
        raise OSError
    with place.claim(tmp_path / "run", changed(schedule="cosine"), overwrite=False):
        pass


def test_a_run_is_finished_when_all_of_it_is_there(tmp_path):
    folder = tmp_path / "run"
    write_run(folder, CONFIG, "done")
    assert not place.is_finished(folder, CONFIG)
    files.write_json(folder / "fits.json", [])
    for rows in ([], [{}], [{"run": "a"}, {"run": "b"}]):
        files.write_json(folder / "runs.json", rows)
        assert not place.is_finished(folder, CONFIG)
    files.write_json(folder / "runs.json", [{"run": "a"}])
    assert place.is_finished(folder, CONFIG) and not place.is_finished(folder, changed(epochs=20))
    (folder / "config.json").write_text("")
    assert not place.is_finished(folder, CONFIG)
    with pytest.raises(ValueError, match="sound config.json"):
        place.check_place(folder, CONFIG, overwrite=False)


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
    assert (folder / "status").read_text() == "earlier"


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
