"""Measures what recording the drift of knots costs: training with and without it, in turn.

python -m experiments.benchmark_recording --output=results/recording/cpu.json

Networks of 64 and 64 units start from splines fitted to Friedman 1 with 2000 rows. A whole grid of
seeds and learning rates is trained as one computation, as a run of a config does, and one network
alone. At most 10 % of the time of training is the aim. Takes a few minutes on two cores.
"""

import pathlib

from absl import app, flags

from configs import friedman1
from experiments.machine import stamp
from experiments.recording_benchmark import measure
from spline_fc import workdir

_REPEATS = flags.DEFINE_integer("repeats", 15, "Rounds of training without and with recording.", 1)
_RECORDS = flags.DEFINE_integer("records", 50, "Records per run, besides that of the start.", 1)
_ROWS = flags.DEFINE_integer("rows", 500, "Rows on which activation is counted afterwards.", 1)
_SEEDS = flags.DEFINE_integer("seeds", 5, "Networks trained at once, per learning rate.", 1)
_EPOCHS = flags.DEFINE_integer("epochs", 100, "Epochs of each run.", 1)
_NUM_TRAIN = flags.DEFINE_integer("num_train", 2000, "Training rows.", 100)
_OUTPUT = flags.DEFINE_string("output", "results/recording/cpu.json", "JSON file to write.")


def main(argv: list[str]) -> None:
    """Prints a line per round and the share of time, and writes both with machine and versions."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {argv[1:]}")
    config = friedman1.get_config()
    with config.unlocked():
        config.training.epochs, config.data.num_train = _EPOCHS.value, _NUM_TRAIN.value
    problem = measure.prepare(config, _SEEDS.value, _RECORDS.value)
    found = measure.report(
        problem, _REPEATS.value, _ROWS.value, lambda line: print(line, flush=True)
    )
    output = pathlib.Path(_OUTPUT.value)
    output.parent.mkdir(parents=True, exist_ok=True)
    record = {
        **stamp(),
        "config": config.to_dict(),
        "seeds": _SEEDS.value,
        "aim": measure.AIM,
        **found,
    }
    workdir.write_json(output, record)


if __name__ == "__main__":
    app.run(main)
