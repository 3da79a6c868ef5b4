"""The road from end to end, small."""

import json

import numpy as np
import pytest

import spline_fc as sfc
from spline_fc import data, pipeline, protocol, workdir
from spline_fc.runs.progress import Progress
from tests.small_runs import bits, rows, small

SIZES = {"num_train": 300, "num_validation": 100, "num_test": 100}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    pipeline.run(small(), folder)
    return folder


def test_workdir_holds_everything(finished):
    found = workdir.read_workdir(finished)
    assert found.status == "done" and found.damage == ()
    assert found.config["seeds"] == 2 and "jax" in found.environment
    assert len(found.runs) == 2 * 2 * 2 and sum(run["chosen"] for run in found.runs) == 4
    for run in found.runs:
        assert found.histories[run["run"]].epoch.tolist() == [0, 1, 2, 3]
        assert np.diff(found.histories[run["run"]].seconds).min() >= 0
    for seed in range(2):
        fit = workdir.read_fit(found, "spline", seed)
        params = workdir.read_params(finished, f"spline-seed{seed}-initial")
        x = workdir.read_data(found, seed).x.astype(np.float32)
        np.testing.assert_allclose(sfc.apply_params(params, x), sfc.evaluate(fit, x), atol=1e-4)
    html = (finished / "report.html").read_text()
    assert "<script src" not in html and "http://" not in html.replace("http://www.w3.org", "")


def test_a_run_leaves_a_model_of_every_start_and_seed(finished):
    found = workdir.read_workdir(finished)
    for run in (run for run in found.runs if run["chosen"]):
        model = sfc.load_model(finished / "models" / f"{run['init']}-seed{run['seed']}.npz")
        test = data.load("friedman1", seed=run["seed"], **SIZES).test
        error = model.predict(test.x) - test.y[:, 0]
        np.testing.assert_allclose(np.sqrt((error**2).mean()), run["test_rmse"], rtol=1e-4)
        assert model.made["config"] == found.config and (model.spline is None) == (
            run["init"] != "spline"
        )


def test_the_model_of_a_run_has_the_intervals_of_its_validation_rows(finished):
    model = sfc.load_model(finished / "models" / "spline-seed0.npz")
    raw = data.load("friedman1", seed=0, **SIZES)
    errors = np.abs(model.predict(raw.validation.x) - raw.validation.y[:, 0])
    reach = np.sort(errors)[90]  # the 91st of 100: 0.9 * 101 rounded up
    lower, upper = model.predict_interval(raw.test.x)
    np.testing.assert_allclose([upper - lower], [np.full(100, 2 * reach)], rtol=1e-4)
    np.testing.assert_allclose((upper + lower) / 2, model.predict(raw.test.x), rtol=1e-4)
    within = np.mean((lower <= raw.test.y[:, 0]) & (raw.test.y[:, 0] <= upper))
    assert model.made["intervals"]["cv+"]["coverage"] == pytest.approx(within) and within > 0.75


def test_every_seed_has_its_own_scaler(finished):
    found = workdir.read_workdir(finished)
    scalers = [workdir.read_data(found, seed).scaler for seed in range(2)]
    assert (scalers[0].x_shift != scalers[1].x_shift).any()


def test_a_finished_run_is_not_run_again_nor_replaced_by_another(finished):
    before = (finished / "runs.json").stat().st_mtime_ns
    pipeline.run(small(), finished)
    with pytest.raises(ValueError, match="fit.max_terms: 11, now 9"):
        pipeline.run(small(**{"fit.max_terms": 9}), finished)
    assert (finished / "runs.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "bad",
    [
        {"fit.share": 2.0},
        {"fit.max_terms": 0},
        {"learning_rates": (-1.0,)},
        {"training.guard": 0.5},
        {"data.name": "missing/file.csv"},
        {"fit.directions": ("oops",)},
    ],
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_refused_costs_an_earlier_run_nothing(finished, bad, overwrite):
    before = bits(finished)
    with pytest.raises((ValueError, FileNotFoundError)):
        pipeline.run(small(**bad), finished, overwrite=overwrite)
    assert bits(finished) == before and workdir.read_workdir(finished).status == "done"


class _Interrupts(Progress):
    """Stops a run at the so-many-th word that it gives."""

    def __init__(self, after):
        super().__init__(None)
        self.left = after

    def _show(self, line, *, at_once):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@pytest.mark.parametrize("after", [2, 6, 9, 14, 18])
def test_an_interrupted_run_goes_on_to_the_same_bits(finished, tmp_path, after):
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        pipeline.run(small(), folder, progress=_Interrupts(after))
    assert not folder.exists()
    if (tmp_path / "run.partial").exists():
        assert workdir.read_workdir(tmp_path / "run.partial").status == "interrupted"
    pipeline.run(small(), folder)
    assert bits(folder) == bits(finished)


@pytest.mark.parametrize("records", [2, 50])
def test_more_epochs_go_on_to_the_bits_of_one_long_run(tmp_path, records):
    one = {"learning_rates": (1e-2,), "seeds": 1, "knot_records": records}
    one["initialisations"] = ("spline",)
    pipeline.run(small(**one), tmp_path / "run", page=False)
    longer = {**one, "training.epochs": 6}
    pipeline.run(small(**longer), tmp_path / "run", page=False)
    pipeline.run(small(**longer), tmp_path / "whole", page=False)
    found, wanted = bits(tmp_path / "run"), bits(tmp_path / "whole")
    if records == 2:  # the longer run keeps the spacing of its records
        assert found != wanted
        found, wanted = (
            {k: v for k, v in b.items() if not k.startswith("knots/")} for b in (found, wanted)
        )
    assert found == wanted


def test_what_is_finished_is_not_trained_again(finished, tmp_path, monkeypatch):
    import shutil

    folder = tmp_path / "run"
    shutil.copytree(finished, tmp_path / "run.partial")
    (tmp_path / "run.partial" / "lock").touch()

    def never(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr(protocol, "train", never)
    pipeline.run(small(), folder)
    assert bits(folder) == bits(finished)


@pytest.mark.parametrize(
    ("name", "loss"),
    [("breast_cancer", "sigmoid_cross_entropy"), ("breast_cancer", "squared_error"),
     ("digits", "softmax_cross_entropy"), ("two targets", "squared_error")],
)  # fmt: skip
def test_the_network_before_its_first_step_scores_what_the_spline_scores(tmp_path, name, loss):
    own = {"initialisations": ("spline",), "seeds": 1, "training.epochs": 1}
    config = small(**{"training.loss": loss, **own})
    source = {"name": name}
    if name == "two targets":
        source = {"name": _two_targets(tmp_path), "target": ("a", "b")}
    with config.unlocked():
        config.data = source
    folder = pipeline.run(config, tmp_path / "run", page=False).parent  # tests/report has the pages
    fit = workdir.scores_of(rows(folder, "fits")[0])
    for run in rows(folder):
        if run["init"] == "spline":
            # The outputs are the same; read as logits, one column of them keeps its order alone.
            same = {"squared_error": fit, "sigmoid_cross_entropy": ["auc"]}.get(loss, [])
            before = {score: run[f"start_{score}"] for score in same}
            assert before == pytest.approx({s: fit[s] for s in same}, rel=1e-4, abs=1e-5)
            assert workdir.scores_of(run).keys() == fit.keys()
    assert {"regression": "rmse b", "binary": "auc", "multiclass": "accuracy"}[_task(folder)] in fit


def _two_targets(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3))
    table = np.column_stack([x, 100 + 50 * np.abs(x[:, 0]), 0.01 * x[:, 1]])
    path = tmp_path / "two.csv"
    np.savetxt(path, table, delimiter=",", header="u,v,w,a,b", comments="")
    return str(path)


def _task(folder):
    return workdir.read_data(workdir.read_workdir(folder), 0).task


def test_everything_that_training_can_do_is_said_in_a_config(tmp_path):
    config = small(**{
        "training.keep_axes": True, "training.group_rates.knots": 0.0, "refit": True,
        "training.output_ridge": 0.1, "timing": True, "writers": ("tensorboard",), "seeds": 1,
        "initialisations": ("spline",),
    })  # fmt: skip
    folder = pipeline.run(config, tmp_path / "run", page=False).parent
    before, after = (
        workdir.read_params(folder, f"spline-seed0-{kind}")["Dense_0"]
        for kind in ("initial", "best")
    )
    hinges = np.abs(before["kernel"]).astype(bool).sum(axis=0) == 1
    np.testing.assert_array_equal(before["kernel"][:, hinges], after["kernel"][:, hinges])
    run = next(run for run in rows(folder) if run["chosen"])
    assert run["refit_rmse"] > 0 and run["alone"]["start_seconds"] > 0
    assert any((folder / "tensorboard").iterdir())


def test_variants_that_differ_in_training_share_their_start(tmp_path, monkeypatch):
    made, make = [], protocol.make_start

    def counted(key, contender, *given):
        made.append(contender.name)
        return make(key, contender, *given)

    monkeypatch.setattr(protocol, "make_start", counted)
    config = small(seeds=1, learning_rates=(1e-2,))
    with config.unlocked():
        config.variants = {
            "slow": {"start": "spline", "training": {"warmup_epochs": 2}},
            "noisy": {"start": "spline", "noise": 0.1},
        }
        config.initialisations = ("spline", "slow", "noisy")
    folder = pipeline.run(config, tmp_path / "run", page=False).parent
    assert made == ["spline", "noisy"]
    starts = [workdir.read_params(folder, f"{name}-seed0-initial") for name in ("spline", "slow")]
    np.testing.assert_array_equal(*(start["Dense_0"]["kernel"] for start in starts))
    ends = [workdir.read_params(folder, f"{name}-seed0-best") for name in ("spline", "slow")]
    assert (ends[0]["Dense_1"]["kernel"] != ends[1]["Dense_1"]["kernel"]).any()


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
    params = sfc.reshape(sfc.to_params(fit), (32, 32), 0)
    result = sfc.train(params, dataset, {"epochs": 2, "batch_size": 32})
    test = sfc.apply_params(result.last_params, dataset.test.x)
    return np.asarray(data.unscale_y(dataset.scaler, test))


def test_what_is_damaged_is_named_and_the_rest_is_read(finished, tmp_path):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)
    (folder / "fits.json").write_text("{")
    (folder / "metrics" / "spline-seed0-lr0.01.jsonl").write_text("nothing\nof that kind")
    (folder / "data" / "seed0.npz").write_bytes(b"PK")
    found = workdir.read_workdir(folder)
    assert len(found.damage) == 2 and len(found.runs) == 8 and len(found.histories) == 7
    assert "fits.json" in found.damage[0] + found.damage[1]
    with pytest.raises(ValueError, match="seed0.npz must be an NPZ file"):
        workdir.read_data(found, 0)
    (folder / "workdir.json").write_text(json.dumps({"format": "spline_fc.workdir/9"}))
    with pytest.raises(ValueError, match="workdir must be of format"):
        workdir.read_workdir(folder)
