"""Configs: one truth about fields and defaults, and one sentence about what is wrong."""

import dataclasses
import importlib
import pathlib

import pytest

from configs import default
from spline_fc import data, runs
from spline_fc.runs import plan
from spline_fc.training import TrainingConfig

CONFIGS = {p.stem for p in pathlib.Path(default.__file__).parent.glob("[a-z]*.py")}
CONFIGS = sorted(CONFIGS - {"anchors", "head_fashion"})  # which are of programs of their names


def test_the_default_config_is_what_the_library_does_by_default():
    read = plan.read_plan(default.get_config())
    bare = plan.read_plan({"data": {"name": "friedman1"}})
    assert read == bare
    spline = read.contenders[0]
    assert dataclasses.replace(spline.training) == TrainingConfig()


@pytest.mark.parametrize("name", CONFIGS)
def test_every_config_is_read_and_has_a_smoke_mode(name):
    module = importlib.import_module(f"configs.{name}")
    assert f"configs/{name}.py" in module.__doc__
    plan.read_plan(module.get_config())
    smoke = plan.read_plan(module.get_config("smoke"))
    assert smoke.seeds == 1 and all(c.training.epochs <= 2 for c in smoke.contenders)
    with pytest.raises(ValueError, match="oops"):
        module.get_config("oops")


def _variant(**fields):
    return {"variants": {"a": fields}, "initialisations": ("a",)}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"training": {"epoch": 3}}, "did you mean 'epochs'"),
        ({"fit": {"max_term": 3}}, "did you mean 'max_terms'"),
        ({"fit": {"directions": ("oops",)}}, "fit.directions must be one of"),
        ({"fit": {"max_terms": 0}}, "max_terms must be an integer >= 1"),
        ({"fit": {"share": 0}}, "fit.share must be"),
        ({"fit": {"row_share": 1.1}}, "fit.row_share must be"),
        ({"fit": {"incoming": "he"}}, "fit.incoming must be one of"),
        ({"fit": {"balance": None}}, "fit.balance must be one of"),
        (_variant(control="knots"), "config.variants.a.control must be one of"),
        (_variant(noise=-1), "config.variants.a.noise must be a finite number >= 0"),
        (_variant(start="lsuv", noise=0.1), "left out without a spline; got the start 'lsuv'"),
        (_variant(control="random_knots", fit={"row_share": 0.5}), "row_share must be 1 with"),
        ({"sedes": 3}, "did you mean 'seeds'"),
        ({"seeds": True}, "config.seeds must be an integer"),
        ({"learning_rates": ()}, "at least one rate"),
        ({"learning_rates": (0.1, 0.1)}, "must differ"),
        ({"initialisations": ("splin",)}, "did you mean 'spline'"),
        ({"initialisations": ("spline", "spline")}, "each once"),
        ({"variants": {"a": {"strat": 1}}, "initialisations": ("a",)}, "did you mean 'start'"),
        ({"refit": True, "training": {"schedule": "cosine"}}, "constant"),
        ({"training": {"group_rates": {"knot": 1.0}}}, "did you mean 'knots'"),
        ({"training": 5}, "config.training must be a mapping"),
        ({"extrapolate": "straight"}, "config.extrapolate must be one of"),
        ({"refit": "yes"}, "config.refit must be True or False"),
        ({"writers": ("csv",)}, "config.writers"),
        ({"writers": "stdout"}, "config.writers must be a list"),
        ({"initialisations": "spline"}, "config.initialisations must be a list"),
        ({"learning_rates": 0.1}, "config.learning_rates must be a list"),
        ({"variants": {"a": 1}, "initialisations": ("a",)}, "config.variants.a must be a mapping"),
        ({"variants": {"a": {"start": "foo"}}}, "config.variants.a.start must be one of"),
        ({"fit": {"linear": (-1,)}}, "config.fit.linear must be an integer >= 0"),
        ({"fit": {"allowed": (0,)}}, "group of config.fit.allowed must be a list"),
        ({"fit": {"knots": 0.5}}, "config.fit.knots.* must be an integer"),
        ({"data": {"name": None}}, "config.data.name must be given"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(given, sentence):
    config = {"data": {"name": "friedman1"}, **given}
    with pytest.raises(ValueError, match=sentence) as told:
        plan.read_plan(config)
    assert "\n" not in str(told.value)


def test_columns_of_the_fit_are_looked_up_before_anything_runs():
    rows = data.load("friedman1", num_train=20, num_validation=20, num_test=20)
    for fit in ({"linear": (9,)}, {"allowed": ((0, 9), (1,)), "directions": ()}):
        runs.check_against_data(plan.read_plan({"data": {"name": "x"}, "fit": fit}), rows)
    for fit in ({"linear": (16,)}, {"allowed": ((0, 10),), "directions": ()}):
        with pytest.raises(ValueError, match=f"config.fit.{next(iter(fit))} must name columns"):
            runs.check_against_data(plan.read_plan({"data": {"name": "x"}, "fit": fit}), rows)
    digits, pairs = data.load("digits"), {"directions": "pairs", "linear": ("pairs 45",)}
    read = plan.read_plan({"data": {"name": "x"}, "fit": pairs})
    runs.check_against_data(read, digits)
    with pytest.raises(ValueError, match='y must say classes for the directions "pairs"'):
        runs.check_against_data(read, data.load("friedman1"))


def test_one_layer_may_be_named_by_an_integer():
    read = plan.read_plan({"data": {"name": "friedman1"}, "network": {"hidden_sizes": 16}})
    assert read.hidden_sizes == (16,) and list(read.config["network"]["hidden_sizes"]) == [16]
