"""The benchmark of splines of logits alone."""

import pytest

from experiments.benchmarks import classes, machine, tables


def test_a_network_begins_as_its_spline_and_the_table_shows_all_contenders():
    found = classes.measure("breast_cancer")
    start, network = found[classes.START], found[classes.NETWORK]
    assert abs(start["log_loss"] - network["log_loss"]) < 1e-6
    assert start["accuracy"] == network["accuracy"] and start["log_loss"] < 0.2
    table = classes.table({**machine.stamp(), "sets": {"breast_cancer": found}})
    assert all(f"| breast_cancer | {contender} |" in table for contender in found)


def test_cases_that_are_none_end_the_program():
    tables.check_cases(["a"], ["a", "b"])
    with pytest.raises(SystemExit, match="--cases must be among a, b; got c"):
        tables.check_cases(["a", "c"], ["a", "b"])
