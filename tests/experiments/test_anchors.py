"""Records of the anchors become the tables that they should."""

import json
import pathlib

import numpy as np
import pytest

from configs import anchors as config
from experiments import anchors_cells, anchors_table
from spline_fc import data

RESULTS = pathlib.Path(__file__).parents[2] / "results"


@pytest.fixture
def record():
    """Boston as if its ensemble halved every error, and distilling lost a quarter of that."""
    rows = []
    for split, error in enumerate((4.0, 2.0, 3.0)):
        ways = {"start": 5.0, "single": error, "again": error, "distilled": error * 0.625}
        cells = {way: {"rmse": value, "clean_rmse": None} for way, value in ways.items()}
        whole = {"rmse": error / 2, "clean_rmse": error / 4, "member_rmse": [error, error]}
        whole |= {"correlation": 0.5, "dropped": 0, "validation": [4.0, 2.0, 1.0], "seconds": 8.0}
        cells["single"]["seconds"] = 1.0
        other = {**cells, "ensemble": {**whole, "rmse": error, "validation": [9.0, 4.0, 2.0]}}
        starts = {"spline": {**cells, "ensemble": whole}, "he_normal": other}
        rows.append({"split": split, "leaked": 0.25, "starts": starts})
    settings = anchors_cells.settings(config.get_config(), "uci_boston")
    return {"set": "uci_boston", "settings": settings, "splits": rows, "date": "2026-11-26",
            "processor": "a processor", "environment": {"cpu_count": 2, "jax": "0", "flax": "0",
                                                        "optax": "0", "numpy": "0"}}  # fmt: skip


def test_tables_say_what_the_records_hold(record):
    told = anchors_table.markdown([record])
    assert "3 ± 0.58 (1)" in told  # of 4, 2 and 3
    assert "| uci_boston | spline | 3 | 0.50 | 0.500 | 3 of 3 |" in told
    assert "| 0.75 | 0 |" in told  # of the gain kept, diverged
    assert "| uci_boston | 1.5 | 0.75 | 25.0 % | 2.65 (concrete dropout) * |" in told
    assert "on 1 of 1 sets, 50.0 % in the geometric mean" in told
    # Half of He's best, 2.0, is reached after one epoch where he takes two.
    assert told.split("steps to 1 x")[1].splitlines()[2].split("|")[8].strip() == "0.50"
    row = anchors_table.line(record["splits"][0])
    assert row.startswith("spline: start 5, single 4") and "he_normal" in row


def test_ensembles_alone_stand_beside_what_is_published(record):
    settings = anchors_cells.settings(config.get_config("sixteen"), "uci_boston")
    alone = [{**row, "starts": {"spline": {"ensemble": row["starts"]["spline"]["ensemble"]}}}
             for row in record["splits"]]  # fmt: skip
    told = anchors_table.markdown([{**record, "settings": settings, "splits": alone}])
    assert "| uci_boston | 1.5 | 0.75 | 25.0 % | 2.65 (concrete dropout) * |" in told
    assert told.endswith(
        "any network on 1 of 1.\n* It is below the best published error of any method on 1 of 1."
    )
    assert "he_normal" not in told and "distilled" not in told


def test_rows_that_stand_in_the_training_rows_are_found():
    rng = np.random.default_rng(0)
    raw = data.from_arrays(rng.normal(size=(60, 3)), rng.normal(size=60))
    raw.test.x[1], raw.test.x[4] = raw.train.x[7], raw.validation.x[2]
    raw.test.x[2] = 0.0
    raw.train.x[0] = -0.0  # which is the same number
    wanted = np.ones(len(raw.test.x), bool)
    wanted[[1, 2, 4]] = False
    np.testing.assert_array_equal(anchors_cells.unseen(raw), wanted)


def test_a_config_decides_what_a_file_may_go_on_with():
    settings = anchors_cells.settings(config.get_config(), "uci_yacht")
    assert settings["epochs"] == 600 and "splits" not in settings  # more may come
    with pytest.raises(ValueError, match="smoke"):
        config.get_config("oops")
    assert set(config.get_config("smoke").sets) == {"uci_yacht"}


@pytest.mark.parametrize("mode", ["", "sixteen"])
def test_recorded_files_are_of_the_config(mode):
    wanted = config.get_config(mode)
    for record in anchors_table.read(RESULTS / f"anchors{'_' * bool(mode)}{mode}"):
        settings = json.loads(json.dumps(anchors_cells.settings(wanted, record["set"])))
        assert record["settings"] == settings


def test_only_the_ways_that_a_config_names_are_measured(tmp_path):
    rng = np.random.default_rng(0)
    raw = data.from_arrays(rng.normal(size=(80, 2)), rng.normal(size=80), name="uci_yacht")
    smoke = config.get_config("smoke").unlock()
    smoke.starts, smoke.ways = ("he_normal",), ("ensemble",)
    row = anchors_cells.measure(raw, smoke, 0, tmp_path, {})
    assert list(row["starts"]["he_normal"]) == ["ensemble"]


def test_an_ensemble_is_kept_for_its_own_config_and_rows(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    raw = data.from_arrays(rng.normal(size=(80, 2)), rng.normal(size=80), name="uci_yacht")
    smoke = config.get_config("smoke")
    cell = anchors_cells.cell_of(raw, smoke, 0, "he_normal", tmp_path)
    trained = anchors_cells.kept(cell)
    monkeypatch.setattr(anchors_cells.ensemble, "train_ensemble", None)  # it is not trained again
    np.testing.assert_array_equal(anchors_cells.kept(cell).targets, trained.targets)
    moved = raw._replace(train=raw.train._replace(x=2 * raw.train.x))
    for other in ({"hidden_sizes": (4, 4)}, {"members": 3}, {"raw": moved}):
        with pytest.raises(ValueError, match="must hold an ensemble of this config"):
            anchors_cells.kept(cell._replace(**other))
