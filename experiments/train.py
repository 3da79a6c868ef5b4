"""Runs the road that a config describes: data, spline, network, training on, report.

    python -m experiments.train --config=configs/friedman1.py --workdir=runs/friedman1
    python -m experiments.train --config=configs/default.py --config.data.name=my.csv \\
        --config.data.target=price --workdir=runs/my

The same command goes on with an interrupted run; with more epochs it goes on with a finished one.

Several processes train one run together, its seeds and rates divided over the devices of all; the
first of them makes the starts and writes. SLURM and the like tell a process which it is; elsewhere
--coordinator=HOST:PORT --process_id=I --num_processes=N do.

Configs: default (shows every field), friedman1 (the quickstart), abalone, wine_quality:red or
:white, all in configs/. ":smoke" behind any of them makes it a run of seconds. Fields are set by
their path, --config.training.epochs=200; --show_config prints all of them.
"""

from absl import flags
from ml_collections import config_flags

from experiments import cluster, startup
from spline_fc import pipeline, report, runs, workdir

_CONFIG = config_flags.DEFINE_config_file("config", None, "What to run: configs/NAME.py[:mode].")
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder for results; see spline_fc/workdir.py.")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Run anew, and replace the run that is there.")
_SHOW = flags.DEFINE_bool("show_config", False, "Print the config with every field, and end.")
flags.mark_flags_as_required(["config"])


def main(argv: list[str]) -> None:
    """Runs, then prints the table and where the report lies."""
    startup.no_arguments(argv)
    if _SHOW.value:
        print(_CONFIG.value)
        return
    if not _WORKDIR.value:
        raise ValueError("--workdir must name a folder for the results; it is missing.")
    is_first = cluster.join().index == 0
    page = pipeline.run(
        _CONFIG.value,
        _WORKDIR.value,
        overwrite=_OVERWRITE.value,
        progress=runs.to_terminal() if is_first else None,
    )
    if not is_first:
        return
    print(report.text_table(_WORKDIR.value))
    startup.warn(workdir.read_workdir(_WORKDIR.value).damage)
    print(f"report: {page}")


if __name__ == "__main__":
    startup.start(main)
