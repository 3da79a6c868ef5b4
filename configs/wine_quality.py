"""Wine Quality (1599 red or 4898 white rows, 11 measurements; or both), five random splits.

python -m experiments.train --config=configs/wine_quality.py:red --workdir=runs/wine_red
python -m experiments.train --config=configs/wine_quality.py:white --workdir=runs/wine_white
python -m experiments.train --config=configs/wine_quality.py:both --workdir=runs/wine

Both: under a minute on one CPU core (AMD EPYC). Test RMSE 0.688 ± 0.005 from the spline, 0.695 ±
0.006 from He's start, 0.715 ± 0.008 of the spline alone (2026-11-26). Twenty splits:
docs/reproduction.md.
"""

from configs import default

SETS = {"red": "wine_quality_red", "white": "wine_quality_white", "both": "wine_quality"}


def get_config(colour: str = "red"):
    """Identical rows stay on one side of every split; "smoke" takes a colour along, "red,smoke"."""
    colour, _, mode = ("red," + colour if colour == "smoke" else colour).partition(",")
    if colour not in SETS:
        raise ValueError(f"the wine must be red, white or both; got {colour!r}.")
    config = default.get_config()
    config.data.name = SETS[colour]
    return default.finish(config, mode)
