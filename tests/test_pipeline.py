"""The road from end to end, small."""

import json
import subprocess
import sys

import numpy as np
import pytest

import spline_fc as sfc
from configs import default
from spline_fc import data, pipeline


def small(**changes):
    """A config of seconds: few rows, two seeds, three epochs."""
    config = default.get_config()
    with config.unlocked():
        config.data.update({"num_train": 300, "num_validation": 100, "num_test": 100})
    config.fit.directions = ()
    config.fit.max_terms = 11
    config.network.hidden_sizes = (16, 16)
    config.fit.share = 1.0
    config.training.epochs = 3
    config.seeds = 2
    config.learning_rates = (1e-3, 1e-2)
    config.update_from_flattened_dict(changes)
    return config


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    pipeline.run(small(), folder)
    return folder


def test_workdir_holds_everything(finished):
    assert (finished / "status").read_text().split() == ["done"]
    assert json.loads((finished / "config.json").read_text())["seeds"] == 2
    assert "jax" in json.loads((finished / "environment.json").read_text())
    runs = json.loads((finished / "runs.json").read_text())
    assert len(runs) == 2 * 2 * 2
    assert sum(run["chosen"] for run in runs) == 4
    for run in runs:
        lines = (finished / "metrics" / f"{run['run']}.jsonl").read_text().splitlines()
        assert [json.loads(line)["epoch"] for line in lines] == [0, 1, 2, 3]
    for name in ("spline-seed0-initial", "he_normal-seed1-best"):
        with np.load(finished / "params" / f"{name}.npz") as tree:
            assert tree["Dense_0/kernel"].shape == (10, 16)
    html = (finished / "report.html").read_text()
    assert "“running”" not in html  # it was written when all was done
    assert "<script src" not in html and "http://" not in html.replace("http://www.w3.org", "")


def test_network_starts_at_the_loss_of_the_spline(finished):
    fits = json.loads((finished / "fits.json").read_text())
    for fit in fits:
        lines = (finished / "metrics" / f"spline-seed{fit['seed']}-lr0.001.jsonl").read_text()
        first = json.loads(lines.splitlines()[0])
        assert first["validation_loss"] == pytest.approx(fit["validation_loss"], rel=1e-5)


def test_a_spline_on_directions_runs_to_the_report(tmp_path):
    config = small(learning_rates=(1e-3,), initialisations=("spline",), seeds=1)
    config.fit.directions = ("ols", "sir")
    folder = pipeline.run(config, tmp_path / "run").parent
    with np.load(folder / "directions" / "seed0.npz") as found:
        assert found["projection"].shape == (10, found["names"].size) and found["names"].size > 0
    fit = json.loads((folder / "fits.json").read_text())[0]
    run = json.loads((folder / "runs.json").read_text())[0]
    first = json.loads((folder / "metrics" / f"{run['run']}.jsonl").read_text().splitlines()[0])
    assert first["test_loss"] == pytest.approx(fit["test_loss"], rel=1e-5)


def test_existing_workdir_is_kept(finished):
    before = (finished / "runs.json").read_bytes()
    with pytest.raises(ValueError, match="--overwrite"):
        pipeline.run(small(), finished)
    with pytest.raises(ValueError, match="learning_rates"):
        pipeline.run(small(learning_rates=(-1.0,)), finished, overwrite=True)
    assert (finished / "runs.json").read_bytes() == before


def test_a_folder_that_no_run_wrote_is_never_deleted(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ValueError, match="earlier run"):
        pipeline.run(small(), tmp_path, overwrite=True)
    assert (tmp_path / "thesis.tex").exists()


def test_predictions_do_not_depend_on_the_units_of_the_features(enable_x64):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 4))
    y = np.abs(x[:, :1]) + x[:, 1:2] * (x[:, 2:3] > 0) + 0.1 * rng.normal(size=(400, 1))
    factor, shift = np.array([1e3, 1.0, 1e-3, 7.0]), np.array([5.0, -1e3, 0.0, 100.0])
    predictions = [_road(x, y), _road(x * factor + shift, y)]
    np.testing.assert_allclose(*predictions, rtol=0, atol=1e-7)


def _road(x, y):
    dataset = sfc.standardize(sfc.from_arrays(x, y, seed=1), dtype=np.float64)
    fit = sfc.fit_mars(dataset.train.x, dataset.train.y, max_terms=15, max_degree=2)
    exact = sfc.to_params(fit.spline, num_features=4)
    import jax

    params = sfc.reshape(exact, (32, 32), jax.random.key(0))
    result = sfc.train(params, dataset, {"epochs": 2, "batch_size": 32})
    test = sfc.apply_params(result.last_params, dataset.test.x)
    return np.asarray(data.unscale_y(dataset.scaler, test))


def test_import_sets_nothing_and_takes_no_optional_package():
    code = (
        "import jax, sys; before = dict(jax.config.values); import spline_fc; "
        "assert before == dict(jax.config.values); "
        "assert not {'pyearth', 'onnx', 'orbax', 'tensorboardX'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("flag", "sentence"),
    [
        ("--config.training.epoch=3", "epoch"),
        ("--config.data.name=friedmann1", "did you mean 'friedman1'"),
        ("--config.training.optimizer=adamm", "did you mean 'adam'"),
        ("--config.data.name=missing/file.csv", "missing/file.csv"),
    ],
)
def test_bad_command_line_ends_in_one_sentence(tmp_path, flag, sentence):
    command = [sys.executable, "-m", "experiments.train", "--config=configs/friedman1.py",
               f"--workdir={tmp_path / 'run'}", flag]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert sentence in done.stderr.strip().splitlines()[-1] + done.stderr
    assert not (tmp_path / "run").exists()
