"""Rows per step, at equal epochs: the recipe against cold starts.

python -m experiments.sweep --config=configs/ablation_batch.py --workdir=runs/batch

Two to three minutes of one CPU core (AMD EPYC), without the pages of cells.
Smaller batches are better at equal epochs, for cold starts most.
Record: results/ablations/batch.json, page: docs/ablations.md.
"""

from configs import ablation_sets

SIZES = (16, 64, 256)


def get_config(mode: str = ""):
    """The recipe, He and Glorot."""
    return ablation_sets.get_config(mode)


def sweep(add) -> None:
    """Every batch size on every set."""
    for size in SIZES:
        ablation_sets.every_set(add, f"batch_{size}", {"training.batch_size": size})
