"""One of the nine UCI regression sets on all of its published splits.

python -m experiments.train --config=configs/uci.py:concrete --workdir=runs/concrete
python -m experiments.train --config=configs/uci.py:yacht,smoke --workdir=runs/yacht_smoke

Sets: boston, concrete, energy, kin8nm, naval, power, protein, wine_red, yacht. Epochs and batch
sizes are those of configs/bake_off.py, by which the sets are compared; seed s takes split s, 20 of
them, 5 of protein. Needs the folder of the UCI sets.

Concrete: a minute or two on one CPU core (AMD EPYC). Test RMSE 4.79 ± 0.14 from the spline, 5.05 ±
0.16 from He's start, 5.95 ± 0.10 of the spline alone (2026-11-26). All sets: docs/ensembles.md.
"""

from configs import bake_off, default

SPLITS = {"protein": 5}  # 20 of the others


def get_config(name: str = "concrete"):
    """The recipe against He; "smoke" takes a set along, "yacht,smoke"."""
    name, _, mode = ("concrete," + name if name == "smoke" else name).partition(",")
    known = [key.removeprefix("uci_") for key in bake_off.SETS if key.startswith("uci_")]
    if name not in known:
        raise ValueError(f"the set must be one of {', '.join(sorted(known))}; got {name!r}.")
    config = default.get_config()
    config.update_from_flattened_dict(
        {**bake_off.cell(f"uci_{name}", 64), "data.split": "published"}
    )
    config.seeds = SPLITS.get(name, 20)
    return default.finish(config, mode)
