"""Sweeps: cells before anything runs, the folder they share, and a small one from end to end."""

import io
import pathlib

import jax
import pytest

from experiments import sweep_cells, sweep_run
from experiments.benchmarks import sweep_resume
from experiments.sweep_folder import SweepFolder
from experiments.sweep_progress import SweepProgress

ROOT = pathlib.Path(__file__).parents[2]
CONFIG = """
from configs import default

def get_config(mode=""):
    config = default.get_config()
    config.data.num_train, config.data.num_validation, config.data.num_test = 128, 64, 64
    config.seeds, config.learning_rates = 2, (1e-2,)
    config.training.epochs, config.training.warmup_epochs, config.checkpoint_every = 3, 1, 1
    config.network.hidden_sizes, config.fit.directions = (8, 8), ()
    config.fit.max_terms = 5
    return default.finish(config, mode)

def sweep(add):
    add("alone", {"initialisations": ("spline",)})
    add("charged", {"fit.penalty": 2.0})
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "small.py"
    path.write_text(CONFIG)
    return path


def expand(path, *more, **options):
    """The sweep of the small config with more lines in its sweep(add)."""
    path.write_text(CONFIG + "".join(f"    {line}\n" for line in more))
    return sweep_cells.expand(str(path), **options)


def test_cells_are_the_config_with_their_fields(config):
    sweep = expand(config)
    alone, charged = sweep.cells.values()
    assert (alone.name, alone.runs, charged.runs) == ("alone", 2, 4)
    assert charged.config.fit.penalty == 2.0 and charged.config.is_locked
    assert sweep.base["fit"]["penalty"] != 2.0


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            'add("a", {"training.epoch": 3})',
            "cell 'a' must set fields.*got 'training.epoch' .did",
        ),
        (
            'add("a", {"training.epochs": "many"})',
            "'a' must set training.epochs.*kind of 3; got 'many'",
        ),
        (
            'add("a", {"training.epochs": -1})',
            "cell 'a' must be a config that can run; training.epochs",
        ),
        ('add("a", {"training.optimizer": "adamm"})', "cell 'a'.*did you mean 'adam'"),
        ('add("a", {"initialisations": ()})', "cell 'a'.*at least one start"),
        ('add("alone", {})', "name each cell once; got 'alone' twice"),
        ('add("a/b", {})', "name of a folder.*got 'a/b'"),
        ('add("records", {})', "name of a folder.*got 'records'"),
        ('add("a", {"fit.penalty": 2})', "cells must differ; 'charged' and 'a' are equal"),
    ],
)
def test_a_bad_cell_is_refused_by_its_name(config, line, sentence):
    with pytest.raises(ValueError, match=sentence):
        expand(config, line)


def test_a_config_without_cells_wants_a_grid():
    with pytest.raises(ValueError, match="must have a sweep.add., or --grid be given"):
        sweep_cells.expand("configs/friedman1.py")
    with pytest.raises(ValueError, match="must name a file"):
        sweep_cells.expand("configs/nothing.py", grid=["seeds=1,2"])
    grid = ["fit.max_terms=11,21", "network.hidden_sizes=8,(8, 8)", "fit.knots=all,5"]
    cells = sweep_cells.expand("configs/friedman1.py", grid=grid).cells
    assert len(cells) == 8 and "max_terms=21-hidden_sizes=8x8-knots=all" in cells
    assert cells["max_terms=11-hidden_sizes=8-knots=5"].plan.hidden_sizes == (8,)


@pytest.mark.parametrize(
    ("grid", "sentence"),
    [
        (
            ["fit.max_term=1,2"],
            "got 'fit.max_term' .did you mean 'fit.max_terms'",
        ),
        (["fit.max_terms"], "--grid must be FIELD=VALUE"),
        (["fit.max_terms=few,many"], "set fit.max_terms to a value of the kind of 41; got 'few'"),
        (["seeds=1,2", "seeds=3"], "got 'seeds' twice"),
        (["seeds=1,1"], "once; got 'seeds=1' twice"),
        (["training.epochs=2,3"], "'training.epochs' twice"),
    ],
)
def test_a_bad_grid_is_refused(grid, sentence):
    with pytest.raises(ValueError, match=sentence):
        sweep_cells.expand("configs/friedman1.py", {"training.epochs": 5}, grid)


def test_the_command_line_wins_and_cells_that_it_makes_equal_are_refused(config):
    sweep = expand(config, given={"training.epochs": 7})
    assert {cell.config.training.epochs for cell in sweep.cells.values()} == {7}
    with pytest.raises(ValueError, match="must differ"):
        expand(config, 'add("rate", {"fit.penalty": 5.0})', given={"fit.penalty": 1.0})


def test_small_cells_may_agree(config):
    """What ":smoke" caps, a width or the epochs, is what some sweeps are about."""
    config.write_text(CONFIG)
    sweep = sweep_cells.expand(f"{config}:smoke", grid=["training.epochs=5,6"])
    assert len(sweep.cells) == 4
    assert {cell.config.training.epochs for cell in sweep.cells.values()} == {2}


def test_shares_hold_every_cell_once_and_keep_shapes_together(config):
    lines = [f'add("s{k}", {{"seeds": {3 + k % 2}, "fit.penalty": {k}.5}})' for k in range(5)]
    sweep = expand(config, *lines)
    order = [cell.name for cell in sweep.in_order()]
    assert order == ["alone", "charged", "s0", "s2", "s4", "s1", "s3"]
    for count in (1, 3, 7, 9):
        shares = [sweep.chosen([f"{i}/{count}"]) for i in range(1, count + 1)]
        assert [cell.name for share in shares for cell in share] == order
        assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert [cell.name for cell in sweep.chosen(["s1", "alone"])] == ["alone", "s1"]
    for only in ("0/3", "4/3", "a/3", "1/0"):
        with pytest.raises(ValueError, match="--only must be i/n"):
            sweep.chosen([only])
    with pytest.raises(ValueError, match="--only must name cells out of alone, charged"):
        sweep.chosen(["nobody"])


def test_a_folder_is_that_of_one_sweep(config, tmp_path):
    folder = tmp_path / "sweep"
    SweepFolder(folder, expand(config)).begin()
    SweepFolder(folder, expand(config)).begin()
    SweepFolder(folder, expand(config, 'add("more", {"seeds": 3})')).begin()
    for cells, sentence in [
        (expand(config), "differs in cell 'more', which is no more"),
        (expand(config, 'add("more", {"seeds": 4})'), "cell 'more', seeds: 3, now 4"),
        (
            expand(config, 'add("more", {"seeds": 3})', given={"training.epochs": 9}),
            "training.epochs: 3, now 9",
        ),
    ]:
        with pytest.raises(ValueError, match=sentence):
            SweepFolder(folder, cells).check()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").touch()
    with pytest.raises(ValueError, match=r"holds letter.txt and no sweep.json"):
        SweepFolder(tmp_path / "full", expand(config)).check()


def test_a_cell_is_lent_once(config, tmp_path):
    sweep = expand(config)
    (one, other), cell = (
        (SweepFolder(tmp_path / "sweep", sweep) for _ in range(2)),
        sweep.cells["alone"],
    )
    one.begin()
    with one.lend(cell) as ours, other.lend(cell) as theirs:
        assert ours and not theirs
        assert other.state(cell) == "running"
    with other.lend(cell) as theirs:
        assert theirs
    assert other.state(cell) == "missing"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A small sweep from end to end; the last cell, of another shape, fails, and one diverges."""
    path = tmp_path_factory.mktemp("finished")
    lines = [
        'add("explodes", {"learning_rates": (1e30,), "initialisations": ("he_normal",)})',
        'add("lost", {"data.name": "nothing.csv", **dict.fromkeys(SIZES)})',
    ]
    sizes = 'SIZES = ("data.num_train", "data.num_validation", "data.num_test")\n'
    (path / "small.py").write_text(sizes + CONFIG + "".join(f"    {line}\n" for line in lines))
    folder = SweepFolder(path / "sweep", sweep_cells.expand(str(path / "small.py")))
    folder.begin()
    cleared = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "clear_caches", lambda: cleared.append(list(folder.states().values())))
        sweep_run.run_cells(folder, folder.sweep.in_order())
    return folder, cleared


def test_a_cell_that_fails_or_diverges_is_a_row_and_stops_no_other(finished):
    folder, _ = finished
    ended = {"alone": "done", "charged": "done", "explodes": "diverged"}
    assert folder.states() == {**ended, "lost": "failed"} and folder.is_over()
    shown = sweep_run.finish(folder)
    lines = {line.split()[0]: line for line in shown.splitlines() if line}
    assert "failed: data file nothing.csv does not exist." in lines["lost"]
    assert "diverged: The loss was not finite" in lines["explodes"]
    assert "failed" not in lines["charged"] and str(folder.path / "sweep.csv") in shown
    assert sorted(path.stem for path in folder.records.glob("*.json")) == sorted(ended)


def test_programs_are_forgotten_between_shapes_alone(finished):
    _, cleared = finished
    assert len(cleared) == 1  # before "lost": the others are of one shape


def test_a_cell_of_a_known_shape_compiles_nothing(finished, tmp_path, caplog):
    small = finished[0].path.parent / "small.py"
    grid = ["fit.penalty=1.5,2.5", "training.averaging=0.9"]
    cells = sweep_cells.expand(str(small), grid=grid)
    folder = SweepFolder(tmp_path / "sweep", cells)
    folder.begin()
    one, other = cells.chosen(
        ["charged-penalty=1.5-averaging=0.9", "charged-penalty=2.5-averaging=0.9"]
    )
    sweep_run.run_cells(folder, [one])
    with jax.log_compiles():
        sweep_run.run_cells(folder, [other])
    compiled = [r.getMessage() for r in caplog.records if "XLA compilation" in r.getMessage()]
    assert folder.state(other) == "done" and not compiled


def test_a_sweep_that_is_killed_ends_as_one_that_is_not(tmp_path):
    """Once as soon as the second cell has begun, once when the fourth has."""
    starts = "--config.initialisations=('spline',)"
    one, other = (
        [*sweep_resume.sweep_command(tmp_path / name, penalties=3, averages=2), starts]
        for name in ("unbroken", "killed")
    )
    table = sweep_resume.run(one)
    for count in (2, 4):
        folder = tmp_path / "killed"
        assert sweep_resume.kill(other, lambda: sweep_resume.cells_begun(folder) >= count)  # noqa: B023
    assert sweep_resume.run(other) == table and "averaging" in table
    assert sweep_resume.differences(tmp_path / "unbroken", tmp_path / "killed") == []
    (tmp_path / "killed" / "penalty=0.5-averaging=0.5" / "status").write_text("diverged")
    found = sweep_resume.differences(tmp_path / "unbroken", tmp_path / "killed")
    assert found == ["penalty=0.5-averaging=0.5/status"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def told(stream, config):
    """What is said of three cells that take 10, 10 and 40 s: the last has four times the epochs."""
    more = 'add("longer", {"training.epochs": 12, "initialisations": ("spline",)})'
    alone, charged, longer = expand(config, more).cells.values()
    cells = [alone, charged._replace(plan=alone.plan), longer]
    now = [0.0]
    progress = SweepProgress(cells, stream, clock=lambda: now[0])
    for place, seconds in enumerate((10.0, 10.0, 40.0)):
        progress.turn_to(place)
        progress.phase("reading")
        now[0] += seconds / 2
        progress.phase("training", 4)
        now[0] += seconds / 2
        progress.step(2, "epoch 2 of 4")
        progress.tell("done")
    return stream.getvalue()


def test_a_log_has_a_line_per_cell_and_the_time_left(config):
    lines = told(io.StringIO(), config).splitlines()
    assert [line for line in lines if "done" in line] == [
        "1/3 alone: done (10 s, about 50 s left)",
        "2/3 charged: done (10 s, about 40 s left)",
        "3/3 longer: done (40 s)",
    ]
    assert not any("reading" in line for line in lines)


def test_a_terminal_has_one_line_that_tells_of_the_whole_sweep(config, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    said = told(Terminal(), config)
    assert "\r\033[K2/3 charged: reading; sweep: about 50 s left" in said
    assert max(len(piece) for piece in said.split("\r\033[K")) < 61
