"""One call from a table to a model, its choices made on validation rows."""

import numpy as np

from spline_fc.model import fit_model
from tests.model.houses import data, labelled


def test_classes_are_trained_as_logits_that_begin_as_the_spline():
    dataset, phases, epochs = data("binary"), [], []
    fitted = fit_model(
        dataset,
        (8,),
        seed=3,
        training_config={"epochs": 2},
        start_options={"directions": (), "max_terms": 9},
        learning_rates=(1e-3, 1e-2),
        extrapolate="clip",
        made={"date": "2024-03-01"},
        on_phase=phases.append,
        on_epochs=lambda done, history: epochs.append(done),
    )
    model, made = fitted.model, fitted.model.made
    assert model.loss == "sigmoid_cross_entropy" and model.extrapolate == "clip"
    assert made["date"] == "2024-03-01" and made["seed"] == 3 and made["epochs"] == 2
    assert made["learning_rate"] in (1e-3, 1e-2) and made["hidden_sizes"] == [8]
    rows = {part: len(getattr(dataset, part).x) for part in ("train", "validation", "test")}
    assert made["rows"] == rows
    assert (
        made["directions"].startswith("Directions ") and made["directions"][:-1] in model.summary()
    )
    losses = fitted.result.history["validation_loss"]
    assert losses.shape == (3,) and losses[0] < np.log(2)  # better than a coin before training
    assert losses[made["best_epoch"]] == losses.min()
    assert len(phases) == 3 and epochs[-1] == 2
    right = (model.predict(labelled("binary")) == labelled("binary")["label"]).mean()
    assert right > 0.8 and made["scores"]["network"]["accuracy"] > 0.7
