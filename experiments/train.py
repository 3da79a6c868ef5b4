"""Runs the road that a config describes: data, spline, network, training on, report.

python -m experiments.train --config=configs/friedman1.py --workdir=runs/friedman1
"""

import logging
import sys

from absl import app, flags
from ml_collections import config_flags

from spline_fc import analysis, pipeline

_CONFIG = config_flags.DEFINE_config_file("config", None, "What to run; see configs/.")
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder for results; must be new or empty.")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace the results of an earlier run.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder to look for data files in first.")
flags.mark_flags_as_required(["config", "workdir"])


def main(argv: list[str]) -> None:
    """Runs, then prints the table and where the report lies."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {argv[1:]}")
    logging.getLogger("jax").setLevel(logging.WARNING)  # no word on backends that are not there
    config = _CONFIG.value
    if _DATA_DIR.value:
        with config.unlocked():
            config.data.data_dir = _DATA_DIR.value
    try:
        report = pipeline.run(config, _WORKDIR.value, overwrite=_OVERWRITE.value)
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")
    print(analysis.text_table(_WORKDIR.value))
    print(f"report: {report}")


if __name__ == "__main__":
    app.run(main)
