"""Draws the cases of every kind, judges them and counts how they ended."""

import collections
import pathlib
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tests.malformed import (
    arrays,
    checkpoints,
    commands,
    configs,
    estimators,
    fits,
    frames,
    models,
    networks,
    pictures,
    tables,
    trees,
    workdirs,
)
from tests.malformed.cases import FALLBACK, RAW, SENTENCE, WRONG, Verdict, judge

# A kind is a function `make(rng, folder)`, which returns a Case; the folder is empty.
KINDS = {
    "arrays": arrays.make,
    "frames": frames.make,
    "tables": tables.make,
    "fits": fits.make,
    "networks": networks.make,
    "trees": trees.make,
    "configs": configs.make,
    "workdirs": workdirs.make,
    "checkpoints": checkpoints.make,
    "models": models.make,
    "rows": models.make_rows,
    "estimators": estimators.make,
    "commands": commands.make,
    "pictures": pictures.make,
}


class Ended(NamedTuple):
    """A case by its name, and how it ended."""

    name: str  # KIND:INDEX
    what: str
    verdict: Verdict


def cases(count: int, seed: int, only: str | None = None) -> Iterator[Ended]:
    """Judges so many cases, the kinds by turns; each depends on the seed and its own name alone."""
    wanted_kind, _, wanted_index = (only or "").partition(":")
    for number in range(count):
        index, place = divmod(number, len(KINDS))
        kind = list(KINDS)[place]
        if (wanted_kind or kind) == kind and (wanted_index or str(index)) == str(index):
            yield one(kind, index, seed)


def one(kind: str, index: int, seed: int) -> Ended:
    """Makes and judges one case."""
    rng = np.random.default_rng([seed, *kind.encode(), index])
    with tempfile.TemporaryDirectory() as folder:
        case = KINDS[kind](rng, pathlib.Path(folder))
        return Ended(f"{kind}:{index}", case.what, judge(case))


def report(count: int, seed: int, only: str | None, verbose: bool) -> int:
    """Prints what came of all cases; 1 if any of them is raw or wrong."""
    print(f"seed {seed}")
    counts: dict[str, collections.Counter] = {kind: collections.Counter() for kind in KINDS}
    bad = []
    for ended in cases(count, seed, only):
        how = ended.verdict.how
        counts[ended.name.partition(":")[0]][how] += 1
        if how in (RAW, WRONG):
            bad.append(ended)
        if verbose:
            print(f"{how:13} {ended.name}: {ended.what}\n{'':14}{ended.verdict.told}")
    columns = (SENTENCE, FALLBACK, RAW, WRONG)
    print(f"{'kind':12}" + "".join(f"{name:>14}" for name in columns))
    for kind, found in counts.items():
        print(f"{kind:12}" + "".join(f"{found[name]:14}" for name in columns))
    total = sum(counts.values(), collections.Counter())
    print(f"{'all':12}" + "".join(f"{total[name]:14}" for name in columns))
    for ended in bad:
        print(f"\n{ended.verdict.how} --only={ended.name} --seed={seed}: {ended.what}")
        print(f"  {ended.verdict.told}")
    return int(bool(bad))
