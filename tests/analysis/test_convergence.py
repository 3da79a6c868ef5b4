"""Measures of loss curves."""

import json

import numpy as np
import pytest

from spline_fc.analysis.convergence import (
    History,
    area_under_curve,
    bootstrap,
    fit_rate,
    paired_ratio,
    read_history,
    steps_to_target,
)
from spline_fc.analysis.speed import (
    best_loss,
    compare_speed,
    fixed_targets,
    half_life,
    metrics_curves,
    relative_targets,
)


def test_steps_to_target_is_the_first_step_at_or_below():
    step, loss = [0, 10, 20, 30], [1.0, np.nan, 0.5, 0.1]
    assert steps_to_target(step, loss, 0.5) == 20
    assert steps_to_target(step, loss, 2.0) == 0
    assert steps_to_target(step, loss, 0.05) == np.inf
    assert np.isnan(steps_to_target(step, loss, np.nan))


def test_area_is_the_mean_of_the_curve():
    assert area_under_curve([0, 1, 3], [1.0, 3.0, 3.0]) == pytest.approx((2 + 6) / 3)
    assert area_under_curve([0, 1], [1.0, np.nan]) == np.inf


def test_bootstrap_covers_a_known_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for i in range(200):
        interval = bootstrap(rng.normal(size=30), seed=i, resamples=400)
        hits += interval.low <= 0 <= interval.high
    assert 0.87 <= hits / 200 <= 0.99


def test_paired_ratio_draws_pairs_and_counts_wins():
    numerator = np.array([1.0, 2.0, 30.0, 4.0])
    result = paired_ratio(numerator, numerator * 10)
    assert tuple(result.median) == pytest.approx((0.1, 0.1, 0.1))
    assert (result.pairs, result.wins, result.undefined) == (4, 4, 0)


def test_paired_ratio_with_runs_that_never_arrive():
    result = paired_ratio([0.0, np.inf, np.inf, 5.0], [10.0, 10.0, np.inf, 10.0])
    assert (result.pairs, result.wins, result.undefined) == (3, 2, 1)
    assert result.median.value == 0.5 and result.median.high == np.inf


def test_both_there_before_the_first_step_is_a_tie():
    result = paired_ratio([0.0, 0.0, np.inf, 1.0], [0.0, 4.0, np.inf, 2.0])
    np.testing.assert_array_equal(result.ratio, [1.0, 0.0, np.nan, 0.5])
    assert (result.pairs, result.wins, result.undefined) == (3, 2, 1)


@pytest.mark.parametrize("values", [[2.0], [1.0, 3.0]])
def test_fewer_than_three_values_give_no_interval(values):
    found = bootstrap(values)
    assert found.value == 2.0 and np.isnan(found.low) and np.isnan(found.high)
    assert np.isfinite(bootstrap([*values, 2.0, 2.0])).all()


def test_rate_of_an_exponential_is_found():
    time = np.arange(40.0)
    rate = fit_rate(time, 0.3 + 2.0 * np.exp(-0.17 * time))
    assert rate.rate == pytest.approx(0.17, rel=0.02)
    assert rate.floor == pytest.approx(0.3, rel=0.02)
    assert rate.r2 > 0.999


def test_history_reads_null_as_nan_and_leaves_a_cut_last_line_out(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"epoch": 0, "step": 0, "train_loss": 1, "validation_loss": null}\n{"epo')
    history = read_history(file)
    assert history.step.tolist() == [0] and history.train_loss[0] == 1
    assert np.isnan(history.validation_loss[0]) and np.isnan(history.test_loss[0])
    assert np.isnan(history.validation_accuracy).all()
    file.write_text('{"epoch": 0, "step": 0, "validation_accuracy": 0.75}\n')
    assert read_history(file).validation_accuracy.tolist() == [0.75]


@pytest.mark.parametrize("text", ["", '{"epoch"\n{"epoch": 0, "step": 0}', '{"epoch": 1}'])
def test_malformed_metrics_name_the_file(tmp_path, text):
    file = tmp_path / "broken.jsonl"
    file.write_text(text)
    with pytest.raises(ValueError, match="broken.jsonl must"):
        read_history(file)


def _curve(loss, step=10.0, seconds=0.5, start=0.0):
    epoch = np.arange(len(loss), dtype=float)
    loss = np.asarray(loss, float)
    none = np.full(epoch.shape, np.nan)
    return History(epoch, epoch * step, *[loss] * 3, *[none] * 3, start + epoch * seconds)


CURVES = {
    "spline": {s: _curve([0.4, 0.2, 0.1, 0.05], start=0.1) for s in range(3)},
    "he_normal": {s: _curve([1.0, 0.6, 0.3, 0.2]) for s in range(3)},
}


def test_steps_seconds_and_paired_ratios_to_relative_and_fixed_targets():
    best = {seed: best_loss(h) for seed, h in CURVES["he_normal"].items()}
    targets = {**relative_targets(best, (2.0, 1.0)), **fixed_targets([0.05], range(3))}
    spline, he = compare_speed(CURVES, targets, "he_normal")
    names = [reach.target for reach in spline.reaches]
    assert names == ["2 × best", "best", "0.05"]
    assert [reach.steps[0] for reach in spline.reaches] == [0, 10, 30]
    assert [reach.seconds[0] for reach in spline.reaches] == pytest.approx([0.1, 0.6, 1.6])
    assert [reach.steps[0] for reach in he.reaches] == [20, 30, np.inf]
    # He reaches 0.4 at epoch 2 and 0.2 at epoch 3, i.e. after 1.0 and 1.5 seconds.
    assert spline.reaches[1].step_ratio.median.value == pytest.approx(1 / 3)
    assert spline.reaches[1].second_ratio.median.value == pytest.approx(0.6 / 1.5)
    assert spline.reaches[2].step_ratio.median.value == 0 and spline.reaches[2].step_ratio.wins == 3
    assert all(reach.step_ratio is None for reach in he.reaches) and he.area_ratio is None
    assert spline.area_ratio.median.value == pytest.approx(
        area_under_curve([0, 1, 2, 3], [0.4, 0.2, 0.1, 0.05])
        / area_under_curve([0, 1, 2, 3], [1.0, 0.6, 0.3, 0.2])
    )


def test_ratios_pair_the_seeds_that_both_sides_ran():
    curves = {
        "spline": {1: _curve([0.4, 0.1]), 2: _curve([0.4, 0.2])},
        "he_normal": {0: _curve([9.0, 0.1]), 2: _curve([1.0, 0.2])},
    }
    spline, _ = compare_speed(curves, fixed_targets([0.2], range(3)), "he_normal")
    assert spline.reaches[0].step_ratio.pairs == 1
    assert spline.area_ratio.median.value == pytest.approx(0.3 / 0.6)


def test_area_is_cut_or_held_to_a_common_end():
    assert area_under_curve([0, 10], [1.0, 0.5], until=20) == pytest.approx((7.5 + 5) / 20)
    assert area_under_curve([0, 10, 20], [1.0, 0.0, 9.0], until=10) == pytest.approx(0.5)
    assert area_under_curve([0, 10], [1.0, 0.0], until=0) == 1.0


def test_half_life_is_that_of_the_decay_and_nan_without_one():
    epoch = np.arange(30)
    assert half_life(_curve(0.2 + 0.5 ** (epoch / 4))) == pytest.approx(40, rel=0.02)
    assert np.isnan(half_life(_curve([0.1, 0.2, 0.3, 0.4, 0.5])))


def test_metrics_files_alone_give_the_best_rate_of_each_start_and_seed(tmp_path):
    for rate, best in ((0.001, 0.3), (0.01, 0.2)):
        lines = [
            {"epoch": e, "step": 5 * e, "validation_loss": v, "seconds": 0.1 * e}
            for e, v in enumerate([1.0, best])
        ]
        text = "\n".join(json.dumps(line) for line in lines)
        (tmp_path / f"he_normal-seed4-lr{rate:g}.jsonl").write_text(text)
    curves = metrics_curves(tmp_path)
    assert list(curves) == ["he_normal"] and list(curves["he_normal"]) == [4]
    assert best_loss(curves["he_normal"][4]) == 0.2
    assert curves["he_normal"][4].seconds.tolist() == [0.0, 0.1]
    with pytest.raises(ValueError, match="folder must hold metrics named"):
        metrics_curves(tmp_path / "empty")


def test_runs_without_seconds_are_compared_by_steps_alone():
    curves = {
        k: {s: h._replace(seconds=h.seconds * np.nan) for s, h in v.items()}
        for k, v in CURVES.items()
    }
    spline, _ = compare_speed(curves, fixed_targets([0.3], range(3)), "he_normal")
    assert np.isnan(spline.reaches[0].seconds).all() and spline.reaches[0].second_ratio.pairs == 0
    assert spline.reaches[0].step_ratio.median.value == pytest.approx(0.5)
