"""Every folder of results/: what it holds, the command that made it, when, where and with what."""

import json
import pathlib
from typing import NamedTuple

from experiments.benchmarks import tables


class Folder(NamedTuple):
    """What the records themselves do not say."""

    holds: str
    command: str  # behind python -m
    page: str  # that shows it, from results/


SWEEP = "experiments.sweep --config=configs/{0}.py --records=results/{1}"
FOLDERS = {
    "accelerator": Folder(
        "fits, starts and replicas on a GPU, and how they agree with the CPU",
        "experiments.benchmarks.accelerator --output=results/accelerator/nvidia_h200.json",
        "../docs/scale.md",
    ),
    "ablations": Folder(
        "what each choice of the recipe is worth, and controls: knots, coefficients or scale",
        "experiments.ablations --runs=runs/controls --output=results/ablations/controls.json",
        "../docs/ablations.md",
    ),
    "anchors": Folder(
        "all published splits of nine UCI sets: one network, ensembles, distillates",
        "experiments.anchors --config=configs/anchors.py --output=results/anchors",
        "../docs/ensembles.md",
    ),
    "anchors_sixteen": Folder(
        "the same splits: ensembles of sixteen, from splines alone",
        "experiments.anchors --config=configs/anchors.py:sixteen --output=results/anchors_sixteen",
        "../docs/ensembles.md",
    ),
    "bake_off": Folder(
        "the recipe against He, SWIM, tree and LSUV on twelve tables",
        SWEEP.format("bake_off", "bake_off"),
        "../docs/recipe.md",
    ),
    "candidates": Folder(
        "the recipe against its variants on eight tables",
        SWEEP.format("ablation_recipe", "candidates"),
        "../docs/recipe.md",
    ),
    "chunks": Folder(
        "a file of 4 GiB, fitted in chunks: peak memory and rate beside a fit in memory",
        "experiments.benchmarks.chunks --output=results/chunks/cpu.json",
        "../docs/larger_than_memory.md",
    ),
    "classes": Folder(
        "classifiers from five starts", SWEEP.format("classes", "classes"), "../docs/classes.md"
    ),
    "directions": Folder(
        "directions always, never, or where held-out rows say that they pay",
        SWEEP.format("ablation_directions", "directions"),
        "../docs/recipe.md",
    ),
    "directions_classes": Folder(
        "the same of classes",
        SWEEP.format("ablation_directions_classes", "directions_classes"),
        "../docs/recipe.md",
    ),
    "ensembles": Folder(
        "coverage of intervals (intervals.json), what makes members differ (variants, drawn.json)",
        "experiments.ensemble_variants --output=results/ensembles/variants.json",
        "../docs/ensembles.md",
    ),
    "equivalence": Folder(
        "how far the untrained network is from its spline",
        "experiments.equivalence --output=results/equivalence/cpu.json",
        "README.md",
    ),
    "estimators": Folder(
        "estimators on tables as they come",
        "experiments.estimators --output=results/estimators/cpu.json",
        "../docs/estimators.md",
    ),
    "fit": Folder(
        "seconds and errors of the spline beside R earth: generated data (cpu.json), real tables, "
        "wide data, classes",
        "experiments.benchmarks.fit --output=results/fit/cpu.json",
        "../docs/fit.md",
    ),
    "growth": Folder(
        "cost as the data grow (cells, seconds.json), rows far beyond others (outliers.json)",
        SWEEP.format("growth", "growth/cells"),
        "../docs/growth.md",
    ),
    "head": Folder(
        "heads of larger networks replaced by splines",
        "experiments.head --output=results/head/cpu.json",
        "../docs/heads.md",
    ),
    "peers": Folder(
        "what a user would pick instead, at its defaults",
        "experiments.peers --output=results/peers/cpu.json",
        "../README.md",
    ),
    "reproduce": Folder(
        "the method's own tables on 20 splits: errors, cost, readout",
        "experiments.reproduce --workdir=runs/reproduce --output=results/reproduce",
        "../docs/reproduction.md",
    ),
    "recording": Folder(
        "what it costs to record knots",
        "experiments.benchmarks.recording --output=results/recording/cpu.json",
        "../docs/analysis.md",
    ),
    "sweep": Folder(
        "a sweep of 200 cells that was killed ten times",
        "experiments.benchmarks.sweep_resume --kills=10 --output=results/sweep/resume.json",
        "../docs/runs.md",
    ),
    "training": Folder(
        "replicas as one computation (replicas_cpu.json), runs that were killed (resume.json)",
        "experiments.benchmarks.replicas --output=results/training/replicas_cpu.json",
        "../docs/training.md",
    ),
}


def table(root: pathlib.Path) -> str:
    """The index as markdown, of the folders that are there.

    Raises:
      ValueError: a folder of records that FOLDERS does not name.
    """
    there = sorted(path.name for path in root.iterdir() if any(path.rglob("*.json")))
    unknown = sorted(set(there) - set(FOLDERS))
    if unknown:
        raise ValueError(f"claims_index.FOLDERS must name {unknown[0]!r}; it does not.")
    body = []
    for name in there:
        folder = FOLDERS[name]
        page = f"[{pathlib.Path(folder.page).name}]({folder.page})"
        command = f"`python -m {folder.command}`"
        body.append([name, folder.holds, page, command, *_stamp(root / name)])
    return tables.markdown(["folder", "holds", "shown in", "made by", "date", "on, with"], body)


def _stamp(folder: pathlib.Path) -> tuple[str, str]:
    """First and last date, and the processors and versions of all records of a folder."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in folder.rglob("*.json")]
    dates = sorted({record["date"] for record in records})
    made = {
        f"{record['processor']}, {record['environment']['cpu_count']} cores, "
        f"jax {record['environment']['jax']}"
        for record in records
    }
    return " to ".join(dict.fromkeys((dates[0], dates[-1]))), "; ".join(sorted(made))
