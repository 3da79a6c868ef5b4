"""The benchmark of replicas runs end to end on a tiny case; its seconds are not looked at."""

import json

import numpy as np

from experiments.benchmarks import replicas

TINY = replicas.Case("tiny", (8, 8), 16, epochs=1, seeds=2, num_train=64)


def test_one_and_all_are_measured_in_turn(capsys, monkeypatch):
    monkeypatch.setattr(replicas, "ROUND_SECONDS", 0.0)
    monkeypatch.setattr(replicas, "large_product_gflops", lambda: 100.0)
    entry = replicas.measure(TINY, 2, print)
    assert capsys.readouterr().out.count("round") == 2
    assert entry["replicas"] == 2 * len(replicas.LEARNING_RATES)
    ratios = np.divide(entry["all_ms"], entry["one_ms"])
    np.testing.assert_allclose(entry["ratio"], np.median(ratios))
    np.testing.assert_allclose(entry["ratio_range"], [ratios.min(), ratios.max()])
    assert entry["met"] == (entry["ratio"] <= 10)
    assert entry["floor_ms"] > 0
    text = replicas.table({"cases": {"tiny": json.loads(json.dumps(entry))}})
    cells = [cell.strip() for cell in text.splitlines()[2].split("|")]
    assert cells[1:3] == ["(8, 8), batch 16", "10"] and len(cells) == 12


def test_compilation_is_counted_once():
    wall = np.array([[1.0, 30.0], [2.0, 40.0], [1.5, 36.0]])
    entry = replicas._record(TINY, wall, 6.0, [0.4, 0.8], 3e6, 100.0)
    assert entry["ratio"] == 24.0 and entry["ratio_range"] == [20.0, 30.0]
    assert entry["met"] is False and entry["floor_ratio"] == 4.0
    assert entry["gflops_one"] == 2.0 and entry["gflops_all"] == 10 * 3 / 36
    assert entry["gflops_of_the_bound"] == 2.0  # ten replicas in the time of ten
    steps = 100 * 4
    wanted = (0.8 + steps * 36e-3) / (0.4 + steps * 1.5e-3)
    np.testing.assert_allclose(entry["with_compilation"]["ratio"], wanted)


def test_every_start_is_its_spline():
    problem = replicas.prepare(TINY)
    leaves = problem.params["Dense_1"]["kernel"]
    assert leaves.shape == (2, 8, 8)
    np.testing.assert_array_equal(problem.first[0]["Dense_1"]["kernel"], leaves[0])
    trained, evaluated = 16 * (2 * 80 + 3 * (64 + 8)), (64 + 256 + 256) / 4 * (80 + 64 + 8)
    assert replicas.step_flops(TINY, problem) == 2 * (trained + evaluated)
