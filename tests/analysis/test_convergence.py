"""Measures of loss curves."""

import numpy as np
import pytest

from spline_fc.analysis import (
    area_under_curve,
    bootstrap,
    fit_rate,
    paired_ratio,
    read_history,
    steps_to_target,
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


@pytest.mark.parametrize("text", ["", '{"epoch"\n{"epoch": 0, "step": 0}', '{"epoch": 1}'])
def test_malformed_metrics_name_the_file(tmp_path, text):
    file = tmp_path / "broken.jsonl"
    file.write_text(text)
    with pytest.raises(ValueError, match="broken.jsonl must"):
        read_history(file)
