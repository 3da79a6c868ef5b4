"""Kills a training run with SIGKILL at random moments and compares it with an unbroken one.

python -m experiments.check_resume --kills=10 --output=results/training/resume.json

Exit code 1 if a single bit of the final parameters, of the optimiser's state, of the recorder's
trace or of the metrics file differs. Takes about a minute on two cores.
"""

import pathlib
import sys
import tempfile

from absl import app, flags, logging

from experiments.machine import stamp
from experiments.resume_check import kills
from spline_fc import workdir

_KILLS = flags.DEFINE_integer("kills", 10, "How often the run is killed.", 1)
_EPOCHS = flags.DEFINE_integer("epochs", 200, "Epochs of the run.", 10)
_EVERY = flags.DEFINE_integer("every", 2, "Epochs from one checkpoint to the next.", 1)
_SEED = flags.DEFINE_integer("seed", 0, "Of the random moments.")
_OUTPUT = flags.DEFINE_string("output", "results/training/resume.json", "JSON file to write.")


def main(argv: list[str]) -> None:
    """Prints a line per kill and a verdict."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {argv[1:]}")
    if _EPOCHS.value < 4 * _KILLS.value * _EVERY.value:
        sys.exit("error: --epochs must be at least 4 * kills * every, so that every kill finds "
                 f"a run that goes on; got {_EPOCHS.value}.")  # fmt: skip
    logging.set_verbosity(logging.WARNING)  # orbax tells about every file it reads
    run = (_EPOCHS.value, _EVERY.value)
    with tempfile.TemporaryDirectory() as folder:
        whole, killed = (pathlib.Path(folder) / name for name in ("whole", "killed"))
        kills.finish(whole, *run)
        found = []
        for kill in kills.kill_repeatedly(killed, *run, _KILLS.value, _SEED.value):
            found.append(kill)
            print(_line(len(found), kill), flush=True)
        kills.finish(killed, *run)
        differ = kills.differences(whole, killed)
        compared = {"leaves of the state": len(kills.last_state(whole)),
                    "lines of metrics": _EPOCHS.value + 1}  # fmt: skip
    _write(found, differ, compared)
    print("\n".join(f"{part} differs: {', '.join(names)}" for part, names in differ.items()
                    if names) or "every bit is the same.")  # fmt: skip
    sys.exit(int(any(differ.values())))


def _line(number: int, kill: kills.Kill) -> str:
    moment = "while a checkpoint was being written" if kill.during_write else "between two"
    return (f"kill {number}: epoch {kill.epochs_written - 1} in the metrics file, checkpoint of "
            f"epoch {kill.checkpoint}, {moment}")  # fmt: skip


def _write(found: list[kills.Kill], differ: dict, compared: dict) -> None:
    output = pathlib.Path(_OUTPUT.value)
    output.parent.mkdir(parents=True, exist_ok=True)
    record = {
        **stamp(),
        "epochs": _EPOCHS.value,
        "checkpoint_every": _EVERY.value,
        "kills": [kill._asdict() for kill in found],
        "compared": compared,
        "differences": differ,
        "same_bits": not any(differ.values()),
    }
    workdir.write_json(output, record)


if __name__ == "__main__":
    app.run(main)
