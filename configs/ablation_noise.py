"""Noise on all weights of the start, over the root mean square of each kernel and bias.

python -m experiments.sweep --config=configs/ablation_noise.py --workdir=runs/noise

One to two minutes of one CPU core (AMD EPYC), without the pages of cells.
A tenth of the weights' size costs 2 %, as much noise as weights everything.
Record: results/ablations/noise.json, page: docs/ablations.md.
"""

from configs import ablation_sets

VARIANTS = {f"noise_{part}": {"noise": part / 100} for part in (1, 10, 30, 100)}


def get_config(mode: str = ""):
    """The recipe, cold starts, and noise of 1 to 100 per cent."""
    return ablation_sets.get_config(mode, VARIANTS)


def sweep(add) -> None:
    """All of them on every set."""
    ablation_sets.every_set(add)
