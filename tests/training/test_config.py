import dataclasses

import ml_collections
import pytest

from spline_fc.training import TrainingConfig, as_config


def test_takes_a_record_a_mapping_and_a_config_dict():
    config = TrainingConfig(epochs=3)
    assert as_config(config) is config
    assert as_config({"epochs": 3}) == config
    assert as_config(ml_collections.ConfigDict({"epochs": 3})) == config
    assert hash(config) == hash(as_config({"epochs": 3}))


def test_unknown_field_is_named_with_the_closest_one():
    with pytest.raises(ValueError, match="field of training.*'epoch' .did you mean 'epochs'"):
        as_config({"epoch": 3})


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("optimizer", "adan", "training.optimizer must be one of .*did you mean 'adam'"),
        ("schedule", "cosin", "training.schedule must be one of .*did you mean 'cosine'"),
        ("loss", "square_error", "training.loss must be one of .*'squared_error'"),
        ("learning_rate", 0.0, "training.learning_rate must be a finite number > 0; got 0.0"),
        ("learning_rate", float("nan"), "training.learning_rate must be a finite number"),
        ("batch_size", 0, "training.batch_size must be an integer >= 1; got 0"),
        ("batch_size", 2.5, "training.batch_size must be an integer"),
        ("epochs", -1, "training.epochs must be an integer >= 0"),
        ("warmup_epochs", -1, "training.warmup_epochs must be an integer >= 0"),
        ("averaging", 1.0, "training.averaging must be a finite number >= 0 and < 1"),
        ("precision", "tensorfloat32", "training.precision must be one of 'default', 'high'"),
        ("patience", -1, "training.patience must be an integer >= 0"),
        ("epochs", 2**31, r"training.epochs must be < 2\*\*31"),
        ("patience", 10**30, r"training.patience must be < 2\*\*31"),
    ],
)
def test_bad_values_are_named(field, value, message):
    with pytest.raises(ValueError, match=message):
        as_config({field: value})


def test_not_a_mapping():
    with pytest.raises(ValueError, match="TrainingConfig or a mapping; got 3"):
        as_config(3)


def test_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainingConfig().epochs = 3
