"""Training rows: the recipe against cold starts on 200, 800 and 3200 of every set.

python -m experiments.sweep --config=configs/ablation_rows.py --workdir=runs/rows

Four minutes of one CPU core (AMD EPYC), without the pages of cells.
The advantage over He is 10 to 15 % at every size, over Glorot 4 to 5 %.
Record: results/ablations/rows.json, page: docs/ablations.md.
"""

from configs import ablation_sets

SIZES = {
    200: {"training.batch_size": 32, "training.epochs": 200},
    800: {"training.epochs": 100},
    3200: {"training.epochs": 40},
}


def get_config(mode: str = ""):
    """The recipe, He and Glorot."""
    return ablation_sets.get_config(mode)


def sweep(add) -> None:
    """Every size of every set, validation and test rows the same; 1200 to 2000 steps."""
    for rows, fields in SIZES.items():
        ablation_sets.every_set(add, f"{rows}_rows", {"data.num_train": rows, **fields})
