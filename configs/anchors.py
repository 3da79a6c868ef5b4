"""Single networks, ensembles and their distillates on the nine UCI sets, all published splits.

python -m experiments.anchors --config=configs/anchors.py --workdir=runs/anchors
python -m experiments.anchors --config=configs/anchors.py:wide --workdir=runs/anchors_wide
python -m experiments.anchors --config=configs/anchors.py:drawn --workdir=runs/anchors_drawn
python -m experiments.anchors --config=configs/anchors.py:sixteen --workdir=runs/anchors_sixteen
python -m experiments.anchors --config=configs/anchors.py:smoke --workdir=runs/anchors_smoke

Epochs and batch sizes are those of configs/bake_off.py. Needs the folder of the UCI sets.
"""

from ml_collections import config_dict

from configs import bake_off
from spline_fc.ensemble import VARIETY

SPLITS = {"uci_protein": 5}  # 20 of the others
WIDTHS = {"": (64, 64), "wide": (128, 128), "drawn": (64, 64), "sixteen": (64, 64), "smoke": (8, 8)}


def get_config(mode: str = "") -> config_dict.ConfigDict:
    """The recipe and He's start, each with one rate of the same grid for a whole ensemble.

    Args:
      mode: "wide" for (128, 128), "drawn" for members of other knots and directions each, "sixteen"
        for the spline's ensemble alone of twice the members, "smoke" for seconds on one small set.

    Raises:
      ValueError: another mode.
    """
    if mode not in WIDTHS:
        known = ", ".join(repr(name) for name in WIDTHS if name)
        raise ValueError(f"the mode must be one of {known} or left out; got {mode!r}.")
    config = config_dict.ConfigDict()
    config.starts = ("spline", "he_normal")
    config.hidden_sizes = WIDTHS[mode]
    config.members = 8
    config.learning_rates = (1e-3, 3e-3, 1e-2)
    config.extrapolate = "linear"  # published errors are of rows as they are
    sets = {name: fields for name, fields in bake_off.SETS.items() if name.startswith("uci_")}
    config.sets = {
        name: {
            "splits": SPLITS.get(name, 20),
            "batch_size": fields["training.batch_size"],
            "epochs": fields["training.epochs"],
        }
        for name, fields in sets.items()
    }
    if mode == "drawn":
        config.variety = {name: tuple(values) for name, values in VARIETY.items()}  # of splines
    if mode == "sixteen":
        config.starts, config.ways, config.members = ("spline",), ("ensemble",), 16
    if mode == "smoke":
        config.members, config.learning_rates = 2, (1e-2,)
        config.sets = {"uci_yacht": {"splits": 2, "batch_size": 64, "epochs": 3}}
    return config.lock()
