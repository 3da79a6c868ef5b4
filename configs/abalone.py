"""Abalone (4177 rows, age in rings from eight measurements), five random splits.

python -m experiments.train --config=configs/abalone.py --workdir=runs/abalone
"""

from configs import default


def get_config(mode: str = ""):
    """Needs the file: in config.data.data_dir, in $SPLINE_FC_DATA, or fetched from OpenML."""
    config = default.get_config()
    config.data.name = "abalone"
    return default.finish(config, mode)
