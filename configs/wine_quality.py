"""Wine Quality (1599 red or 4898 white rows, 11 measurements), five random splits.

python -m experiments.train --config=configs/wine_quality.py:red --workdir=runs/wine_red
python -m experiments.train --config=configs/wine_quality.py:white --workdir=runs/wine_white
"""

from configs import default


def get_config(colour: str = "red"):
    """Identical rows stay on one side of every split; "smoke" takes a colour along, "red,smoke"."""
    colour, _, mode = ("red," + colour if colour == "smoke" else colour).partition(",")
    if colour not in ("red", "white"):
        raise ValueError(f"the wine must be red or white; got {colour!r}.")
    config = default.get_config()
    config.data.name = f"wine_quality_{colour}"
    return default.finish(config, mode)
