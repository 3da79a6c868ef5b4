"""Abalone (4177 rows, age in rings from eight measurements), five random splits.

python -m experiments.train --config=configs/abalone.py --workdir=runs/abalone

Half a minute on one CPU core (AMD EPYC). Test RMSE 2.136 ± 0.038 from the spline, 2.200 ± 0.090
from He's start, 2.180 ± 0.045 of the spline alone (2026-11-26). On twenty splits:
docs/reproduction.md.
"""

from configs import default


def get_config(mode: str = ""):
    """Needs the file: in config.data.data_dir, in $SPLINE_FC_DATA, or fetched from OpenML."""
    config = default.get_config()
    config.data.name = "abalone"
    return default.finish(config, mode)
