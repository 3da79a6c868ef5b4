"""Guard, warm-up, averages, schedule, and the output layer solved anew (LSGD).

python -m experiments.sweep --config=configs/ablation_steps.py --workdir=runs/steps

Two to three minutes of one CPU core (AMD EPYC), without the pages of cells.
None of the first three matters on these sets; LSGD costs 5 % on every regression.
Record: results/ablations/steps.json, page: docs/ablations.md.
"""

from configs import ablation_sets

UNDONE = {
    "no_guard": {"guard": 0.0},
    "no_warmup": {"warmup_epochs": 0},
    "no_averages": {"averaging": 0.0},
}
ALL = {field: value for fields in UNDONE.values() for field, value in fields.items()}
VARIANTS = {
    **{name: {"training": fields} for name, fields in UNDONE.items()},
    "none_of_them": {"training": ALL},
    "he_none_of_them": {"start": "he_normal", "training": ALL},
    "cosine": {"training": {"schedule": "cosine"}},
    "lsgd": {"training": {"output_ridge": 0.1}},
}


def get_config(mode: str = ""):
    """The recipe and He with all of the first three, without one of them, and without any."""
    return ablation_sets.get_config(mode, VARIANTS)


def sweep(add) -> None:
    """All of them on every set; least squares for the output layer is not for classes."""
    for name, fields in ablation_sets.SETS.items():
        all_of_them = (ablation_sets.RECIPE, *ablation_sets.COLD, *VARIANTS)
        kept = all_of_them[:-1] if name == ablation_sets.CLASSES else all_of_them
        add(name, {**fields, "initialisations": kept})
