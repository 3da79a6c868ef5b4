"""What compiles anew and what does not, counted in programs."""

import functools

import jax
import numpy as np
import pytest

from spline_fc.network import apply_params
from spline_fc.training import TrainingConfig, epochs, train
from spline_fc.training.inputs import prepare
from spline_fc.training.steps import make_step, numbers_of, part_means
from tests.training.problems import make_dataset, make_params

BASE = {
    "epochs": 3,
    "batch_size": 25,
    "optimizer": "sgd",
    "patience": 2,
    "initial_decay": 0.1,
    "output_ridge": 0.1,
}


def _programs(*configs):
    """How many programs a sweep compiles, of the epochs and of the state before them."""
    before = epochs.advance._cache_size(), epochs._begin_jit._cache_size()
    results = [train(make_params(), make_dataset(), config) for config in configs]
    now = epochs.advance._cache_size(), epochs._begin_jit._cache_size()
    return results, tuple(a - b for a, b in zip(now, before, strict=True))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("averaging", 0.5),
        ("momentum", 0.0),
        ("initial_decay", 3.0),
        ("output_ridge", 10.0),
        ("warmup_epochs", 0),
        ("learning_rate", 0.01),
        ("epochs", 5),
    ],
)
def test_other_numbers_compile_nothing_and_are_heeded(field, value):
    _programs(BASE)
    (one, other), counts = _programs(BASE, {**BASE, field: value})
    assert counts == (0, 0)
    if field == "epochs":
        assert other.history["train_loss"].shape == (6,)
    else:
        assert one.history["train_loss"][-1] != other.history["train_loss"][-1]


@pytest.mark.parametrize(("field", "values"), [("guard", (1.0, 1e6)), ("patience", (1, 11))])
def test_other_bounds_compile_nothing_and_are_heeded(field, values):
    config = {"epochs": 12, "batch_size": 25, "learning_rate": 10.0, "warmup_epochs": 0,
              "averaging": 0.0, "patience": 50, "guard": 1e3}  # fmt: skip
    (one, other), counts = _programs(*({**config, field: value} for value in values))
    assert max(counts) <= 1
    curves = [result.history["validation_loss"] for result in (one, other)]
    assert not np.array_equal(*curves, equal_nan=True)


def test_weight_decay_is_traced():
    config = {**BASE, "optimizer": "adamw"}
    (one, other), counts = _programs(config, {**config, "weight_decay": 5.0})
    assert max(counts) <= 1
    assert one.history["train_loss"][-1] != other.history["train_loss"][-1]


def test_what_is_turned_off_is_not_compiled_in():
    _, counts = _programs(BASE, {**BASE, "guard": 0.0})
    assert counts[0] >= 1


def _precisions(function, *arguments):
    found = []

    def visit(jaxpr):
        for equation in jaxpr.eqns:
            if equation.primitive.name == "dot_general":
                found.append(equation.params["precision"])
            for value in equation.params.values():
                for inner in jax.tree.leaves(value, is_leaf=lambda v: hasattr(v, "eqns")):
                    inner = getattr(inner, "jaxpr", inner)
                    if hasattr(inner, "eqns"):
                        visit(inner)

    visit(jax.make_jaxpr(function)(*arguments).jaxpr)
    return [pair[0] for pair in found if pair is not None] + [p for p in found if p is None]


@pytest.mark.parametrize("optimizer", ["adam", "gauss_newton"])
def test_steps_have_the_precision_asked_for_and_evaluation_the_highest(optimizer):
    params, dataset = make_params(), make_dataset()
    highest, counts = jax.lax.Precision.HIGHEST, {}
    for precision in ("default", "high", "highest"):
        options = {"optimizer": optimizer, "precision": precision, "batch_size": 25}
        config = TrainingConfig(**options).for_task("regression")
        data = prepare(params, dataset, config, None, None)
        numbers = numbers_of(config, 4, np.float32)
        program = epochs.Program(config.structure(), None, False)
        rate = jax.numpy.float32(1e-3)
        iterate = epochs.begin(params, data, numbers, rate, 3, program).iterate
        step = make_step(config.structure(), numbers, None)
        batch = tuple(a[:25] for a in data.train)
        asked = _precisions(lambda it, b, s=step, r=rate: s(it, b, r, None), iterate, batch)
        counts[precision] = sum(p == jax.lax.Precision(precision) for p in asked)
        others = [p for p in asked if p != jax.lax.Precision(precision)]
        assert all(p == highest for p in others)
        assert bool(others) == (optimizer == "gauss_newton" and precision != "highest")
        losses = functools.partial(part_means, "squared_error")
        evaluated = _precisions(losses, params, data.evaluation)
        assert evaluated and all(p == highest for p in evaluated)
    assert counts["default"] == counts["high"] > 0
    assert _precisions(apply_params, params, dataset.test.x) == [highest] * 3
