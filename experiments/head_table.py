"""The record of replaced heads as a table with what it was to show, and as a figure."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from experiments.benchmarks import machine, tables
from experiments.head_cells import EARLY, FRESH, MODES, OLD, SPLINE, TWO

LABELS = {
    "convolutions": "convolutions, Linen",
    "one_layer": "convolutions, head of one layer",
    "nnx": "convolutions, NNX",
    "encoder": "transformer block, Linen",
}
TRAINED = {"head": "head alone", "whole": "whole network"}
POINT = 0.01  # of accuracy that a replaced head may lack at step 0
EPOCHS, SECONDS = EARLY, 1 / 2  # of what a fresh head takes to its last accuracy, at most
Run = dict[str, Any]


def groups(record: dict[str, Any]) -> dict[tuple[str, str], list[dict[str, Run]]]:
    """{(model, what is trained on): its runs by contender, one dict per seed}."""
    found: dict[tuple[str, str], list[dict[str, Run]]] = {}
    for cell in record["cells"]:
        for mode in MODES:
            found.setdefault((cell["model"], mode), []).append(cell[mode])
    return found


def table(record: dict[str, Any]) -> str:
    """Markdown: a row per model, what is trained on, and head."""
    head = ("model, trained on", "head", "accuracy at step 0", "at the end",
            "log loss at step 0", "at the end", "epochs to the fresh head's last accuracy",
            "seconds to it", "of these the fit, warm (cold)")  # fmt: skip
    rows = []
    for (model, mode), seeds in groups(record).items():
        count = next(cell["features"] for cell in record["cells"] if cell["model"] == model)
        label = f"{LABELS[model]}, {count} features; {TRAINED[mode]}"
        for name in seeds[0]:
            pairs = [(runs[name], runs[FRESH]) for runs in seeds]
            rows.append([label, name, *_cells(pairs, record["config"]["looks"])])
            label = ""
    return "\n\n".join([tables.markdown(head, rows), _caption(record), _bounds(record)])


def _bounds(record: dict[str, Any]) -> str:
    """Markdown: what a head fitted to the body of that time can do after EARLY of the epochs."""
    rows = []
    for (model, mode), seeds in groups(record).items():
        for name in (name for name in seeds[0] if "refitted" in seeds[0][name]):
            runs = [cell[name] for cell in seeds]
            refitted = np.mean([run["refitted"]["accuracy"] for run in runs])
            last = np.mean([run["validation_accuracy"][-1] for run in runs])
            reached = sum(r["refitted"]["accuracy"] >= r["validation_accuracy"][-1] for r in runs)
            told = f"{refitted:.1%}", f"{last:.1%}", f"{reached} of {len(runs)}"
            rows.append([f"{LABELS[model]}; {TRAINED[mode]}", name, *told])
    head = ("model, trained on", "head", "fitted anew after a fifth", "at the end", "as good")
    caption = (
        "Validation accuracy of whole networks with a fresh head: at the end of their epochs, and "
        "after a fifth of them with a head that is fitted anew to the features of that time."
    )
    return tables.markdown(head, rows, caption)


def _cells(pairs: list[tuple[Run, Run]], looks: int) -> list[str]:
    """The numbers of a contender: means over the seeds, medians of epochs and seconds."""
    runs = [run for run, _ in pairs]
    told = []
    for number, form in (("accuracy", "{:.1%}"), ("log_loss", "{:.3f}")):
        told += map(form.format, np.mean([run[f"test_{number}"] for run in runs], axis=0))
    reached = [_reached(pair, looks) for pair in pairs]
    epochs, seconds = (float(np.median(values)) for values in zip(*reached, strict=True))
    missed = f"not in {(len(runs[0]['validation_accuracy']) - 1) // looks}"
    warm, cold = (float(np.median([run[kind] for run in runs])) for kind in ("warm", "cold"))
    at = [f"{epochs:g}", f"{seconds:.2g}"] if np.isfinite(epochs) else [missed, "-"]
    return [*told, *at, f"{warm:.2g} ({cold:.2g})" if cold else "-"]


def _reached(pair: tuple[Run, Run], looks: int, kind: str = "warm") -> tuple[float, float]:
    """Epochs and seconds of a run until the fresh head's last validation accuracy; or infinite."""
    run, fresh = pair
    there = np.asarray(run["validation_accuracy"]) >= fresh["validation_accuracy"][-1]
    epochs = float(np.argmax(there)) / looks if there.any() else float("inf")
    return epochs, run[kind] + epochs * run["epoch_seconds"]


def shares(run: Run, fresh: Run, looks: int) -> tuple[float, float, float]:
    """Shares of the fresh head's epochs, and of its seconds with a warm and a cold fit."""
    whole = max(1 / looks, _reached((fresh, fresh), looks)[0])
    epochs, warm = _reached((run, fresh), looks)
    _, cold = _reached((run, fresh), looks, "cold")
    seconds = whole * fresh["epoch_seconds"]
    return epochs / whole, warm / seconds, cold / seconds


def findings(record: dict[str, Any]) -> list[str]:
    """What replaced heads were to show, and whether they do: a line per model and mode."""
    lines, looks = [], record["config"]["looks"]
    for (model, mode), seeds in groups(record).items():
        for name, fresh in _pairs(seeds[0]):
            new, old = (
                np.mean([runs[one]["test_accuracy"][0] for runs in seeds]) for one in (name, OLD)
            )
            epochs, warm, cold = np.median(
                [shares(runs[name], runs[fresh], looks) for runs in seeds], axis=0
            )
            said = (
                f"{_met(new >= old - POINT)} accuracy at step 0 {new - old:+.1%} on the old head",
                f"{_met(epochs <= EPOCHS)} {epochs:.2f} of the epochs of {fresh}",
                f"{_met(warm <= SECONDS)} {warm:.2f} of its seconds ({cold:.2f} with compilation)",
            )
            lines.append(f"{model}, {TRAINED[mode]}, {name}: {'; '.join(said)}.")
    return lines


def _pairs(contenders: Iterable[str]) -> list[tuple[str, str]]:
    """Every spline and the fresh head that it is compared with; of two layers, also with such."""
    splines = [name for name in contenders if name.startswith(SPLINE)]
    two = [(name, f"{FRESH}{TWO}") for name in splines if name.endswith(TWO)]
    return [*((name, FRESH) for name in splines), *two]


def _met(is_so: bool) -> str:
    return "met:" if is_so else "MISSED:"


def _caption(record: dict[str, Any]) -> str:
    config = record["config"]
    rates = ", ".join(f"{rate:g}" for rate in config["learning_rates"])
    seeds = len({cell["seed"] for cell in record["cells"]})
    sentences = (
        f"{config['data']}, {config['rows'][0]} training images, splines fitted to "
        f"{config['fit_rows']} of them; heads are replaced after {config['body_epochs']} epochs of "
        f"the whole network, batches are of {config['batch_size']}.",
        f"Accuracy and log loss on {config['rows'][2]} test images, at the end at the best "
        "validation log loss; the last accuracy is that on validation images.",
        f"Each head has its own best of the learning rates {rates}.",
        f"Validation rows are looked at {config['looks']} times an epoch.",
        "Seconds are of processor time, without compilation but for the one in brackets; those of "
        "a fit are, for the whole network, with the features that it needs, which every head alone "
        "needs as well.",
        f"{seeds} seed{'s' * (seeds > 1)}. {machine.sentence(record)}",
        record.get("note", ""),
    )
    return " ".join(filter(None, sentences))


def figure(record: dict[str, Any]) -> Any:
    """Validation log loss against epochs: a panel per model and mode, a line per head."""
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    from spline_fc import plots
    from spline_fc.analysis import History
    from spline_fc.plots import look

    def history(run: Run) -> History:
        loss = np.asarray(run["validation_log_loss"], float)
        epochs = np.arange(loss.size) / record["config"]["looks"]
        curves = dict.fromkeys(History._fields, np.full(loss.size, np.nan))
        return History(**{**curves, "epoch": epochs, "step": epochs, "validation_loss": loss})

    found = groups(record)
    columns = list(dict.fromkeys(model for model, _ in found))
    with matplotlib.rc_context(look.STYLE):
        drawn = Figure((2.6 * len(columns), 4.6), layout=ConstrainedLayoutEngine(**look.GAPS))
        axes = drawn.subplots(2, len(columns), squeeze=False)
        for (model, mode), seeds in found.items():
            ax = axes[MODES.index(mode), columns.index(model)]
            curves = {name: [history(runs[name]) for runs in seeds] for name in seeds[0]}
            plots.convergence(curves, over="epoch", ax=ax)
            ax.set_title(f"{LABELS[model]}\n{TRAINED[mode]}")
    return drawn
