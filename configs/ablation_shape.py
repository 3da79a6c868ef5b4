"""Width and depth: the recipe against cold starts in five architectures.

python -m experiments.sweep --config=configs/ablation_shape.py --workdir=runs/shape
"""

from configs import ablation_sets

SHAPES = ((64,), (16, 16), (64, 64), (128, 128), (64, 64, 64, 64))


def get_config(mode: str = ""):
    """The recipe, He and Glorot."""
    return ablation_sets.get_config(mode)


def sweep(add) -> None:
    """Every shape on every set."""
    for sizes in SHAPES:
        label = "x".join(map(str, sizes))
        ablation_sets.every_set(add, label, {"network.hidden_sizes": sizes})
