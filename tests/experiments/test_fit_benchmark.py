"""The benchmark of the fit runs end to end on a tiny case; its figures are not looked at."""

import json
from types import SimpleNamespace

import pytest
from absl import flags

from experiments.benchmarks import choices, fit, wide
from experiments.benchmarks import fit_cases as cases


def tiny(wanted="ratio") -> cases.Case:
    return cases.Case("tiny", 200, 5, 7, 1, "friedman1", "", wanted, 1)


def test_contenders_see_the_same_data_and_report_the_same_fields(capsys):
    entry = fit.measure(tiny(), repeats=1, say=print)
    assert "round 1: ours" in capsys.readouterr().out
    assert entry["ours"]["terms"] <= entry["ours"]["forward_terms"] <= 7
    assert len(entry["ours"]["seconds"]) == len(entry["ours"]["processor_seconds"]) == 1
    assert entry["ours"]["memory_over_input"] > 0
    for name in ("earth", "pyearth"):  # either may be missing on a machine, and then says so
        contender = entry[name]
        assert "reason" in contender or contender["rmse"] < 2 * entry["ours"]["rmse"]
    record = {
        "date": "-",
        "processor": "-",
        "environment": dict.fromkeys(("cpu_count", "jax", "flax", "optax", "numpy"), 1),
        "cases": {"t": entry},
    }
    assert fit.table(json.loads(json.dumps(record))).count("\n") == 4


def test_weights_are_measured_against_none(monkeypatch):
    cold = {"seconds": 1.0, "import_seconds": 1.0, "peak_bytes": 2, "input_bytes": 1}
    monkeypatch.setattr(fit, "_child", lambda *_: cold)  # tried by the test above
    entry = fit.measure(tiny("weights"), repeats=1, say=lambda line: None)
    assert len(entry["ours"]["weighted_seconds"]) == len(entry["ours"]["seconds"])
    assert entry["outcome"]["figure"] == "weights" and entry["outcome"]["value"] > 0


def test_a_worse_fit_does_not_count_as_faster():
    ours = {"seconds": [1.0], "rmse": 1.03, "cold_seconds": [1.0]}
    earth = {"seconds": [10.0], "rmse": 1.0}
    assert fit.outcome(tiny(), {"ours": ours, "earth": earth})["met"] is False
    ours["rmse"] = 1.01
    assert fit.outcome(tiny(), {"ours": ours, "earth": earth})["met"] is True
    by_processor = {**ours, "processor_seconds": [5.0]}, {**earth, "processor_seconds": [15.0]}
    record = dict(zip(("ours", "earth"), by_processor, strict=True))
    assert fit.outcome(tiny()._replace(clock="processor_seconds"), record)["value"] == 3
    missing = fit.outcome(tiny(), {"ours": ours, "earth": {"reason": "Rscript was not found"}})
    assert missing["value"] is None and missing["met"] is None


def test_wide_data_are_fitted_and_told(monkeypatch):
    options = {"max_terms": 21, "knots": 16, "directions": ("pairs",), "screen": 0}
    plain = wide.Case("digits", options)
    start = wide.Case("digits", options, units=32, hidden_sizes=(16, 16))
    monkeypatch.setattr(wide, "CASES", {"plain": plain, "start": start})
    found = {name: wide.measure(case) for name, case in wide.CASES.items()}
    assert [found[name]["columns"] for name in found] == [64, 32]
    assert found["plain"]["hinges"] <= 20 and found["start"]["hinges"] <= 8
    assert all(0.5 < each["accuracy"]["test"] <= 1 for each in found.values())
    cases = {name: {"case": wide.CASES[name]._asdict(), "found": found[name]} for name in found}
    environment = dict.fromkeys(("cpu_count", "jax", "flax", "optax", "numpy"), 1)
    record = {"date": "-", "processor": "-", "environment": environment, "cases": cases}
    table = wide.table(json.loads(json.dumps(record)))
    assert "digits through 32 random units" in table and "directions=pairs, screen=0" in table


def test_unknown_case_is_named(monkeypatch):
    given = SimpleNamespace(table=None, cases=["n1e5", "nope"])
    monkeypatch.setattr(flags, "FLAGS", given)
    with pytest.raises(SystemExit, match="error: --cases must be among .*; got nope"):
        fit.main(["fit"])


def test_choices_are_compared_on_the_same_splits(monkeypatch):
    monkeypatch.setitem(cases.CASES, "tiny_2", tiny()._replace(max_degree=2, threshold=0.01))
    monkeypatch.setattr(choices, "CHOICES", {choices.REFERENCE: {"fast_k": None}, "one": {}})
    found = choices.measure("tiny", 2)
    assert [len(found[choice]["rmse"]) for choice in found] == [2, 2]
    environment = dict.fromkeys(("cpu_count", "jax", "flax", "optax", "numpy"), 1)
    record = {"date": "-", "processor": "-", "environment": environment, "tables": {"t": found}}
    assert "1.000 ± 0.000, 1.00" in choices.table(record)
