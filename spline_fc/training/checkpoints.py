"""Checkpoints through orbax: a run that was killed goes on where it was saved last."""

import hashlib
import json
import os
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging
from jax.experimental import multihost_utils

from spline_fc import files
from spline_fc.checks import check, check_integer, optional
from spline_fc.sharding import is_divided, laid_out

_DIGESTS = "digests.json"
_PARTIAL = ".tmp-"  # in the name of what is being written


class Checkpoints(NamedTuple):
    """Where and how often a run saves its state."""

    folder: str | os.PathLike
    every: int = 10  # epochs


def digest(*trees: Any) -> str:
    """SHA-256 over the structure, shapes, dtypes and bytes of some trees of arrays."""
    total = hashlib.sha256()
    leaves, structure = jax.tree.flatten(trees)
    total.update(str(structure).encode())
    for leaf in leaves:
        leaf = np.asarray(_fingerprint(leaf) if is_divided(leaf) else leaf)
        total.update(f"{leaf.shape}{leaf.dtype}".encode())
        total.update(np.ascontiguousarray(leaf).tobytes())
    return total.hexdigest()


@jax.jit
def _fingerprint(array: jax.Array) -> jax.Array:
    """Three sums over the hashed bits of an array; the same on any number of devices.

    Nothing but the sums leaves a device.
    """
    bits = jax.lax.bitcast_convert_type(array, jnp.uint32)
    place = jnp.zeros(bits.shape, jnp.uint32)
    for axis, size in enumerate(bits.shape):
        place = place * jnp.uint32(size) + jax.lax.broadcasted_iota(jnp.uint32, bits.shape, axis)
    mixed = (bits ^ (place * jnp.uint32(0x9E3779B1))) * jnp.uint32(0x85EBCA6B)
    mixed = (mixed ^ (mixed >> 13)) * jnp.uint32(0xC2B2AE35)
    mixed = mixed ^ (mixed >> 16)
    parts = (mixed, mixed * (place | 1), mixed >> 16)
    return jnp.stack([part.sum(dtype=jnp.uint32) for part in parts])


class Store:
    """The checkpoints of one run in one folder.

    `run.json` tells what decides the run, `epochs/<epoch>` is the state after an epoch: orbax's
    files in `state`, leaves by number, and the SHA-256 of each file in `digests.json`. A folder
    gets its name once all of it is written. What its digests call damaged is set aside as
    `<epoch>.damaged`; everything else that goes wrong in reading, as with a disk that is not there
    for a moment, is raised and changes nothing. Of several processes, which all call its methods,
    the first one writes, and says from which epoch all go on.

    Args:
      spec: Checkpoints.
      run: what decides the run, as JSON has it; "training" holds the fields of the config.

    Raises:
      TypeError: `spec` is something else.
      ValueError: the folder holds the checkpoints of another run; the fields that differ are named.
      OSError: the folder cannot be read or written.
      ImportError: orbax is not installed.
    """

    def __init__(self, spec: Checkpoints, run: Mapping[str, Any]) -> None:
        orbax_checkpoint = optional("orbax.checkpoint", "checkpoints")  # takes a second

        if not isinstance(spec, Checkpoints):
            raise TypeError(f"checkpoints must be Checkpoints(folder, every); got {spec!r}.")
        check_integer("checkpoints.every", spec.every, 1)
        self._folder = files.as_path(spec.folder).absolute()
        self._epochs = self._folder / "epochs"
        self._writes = jax.process_index() == 0
        if self._writes:
            _claim(self._folder, run)
            self._epochs.mkdir(exist_ok=True)
            for path in self._epochs.iterdir():
                if _PARTIAL in path.name:  # a save that was interrupted
                    shutil.rmtree(path)
        self._checkpointer = orbax_checkpoint.PyTreeCheckpointer()
        if jax.process_count() > 1:  # a process reads and writes without waiting for the others
            own = jax.process_index()
            alone = orbax_checkpoint.options.MultiprocessingOptions(
                primary_host=own, active_processes={own}, barrier_sync_key_prefix=str(own)
            )
            handler = orbax_checkpoint.PyTreeCheckpointHandler(multiprocessing_options=alone)
            self._checkpointer = orbax_checkpoint.Checkpointer(
                handler, multiprocessing_options=alone
            )

    def save(self, epoch: int, state: Any, *, is_last: bool) -> None:
        """Saves the state after an epoch; what was saved before stays until this is complete.

        Args:
          epoch: epochs done.
          state: tree of arrays.
          is_last: the run is over. Until then the checkpoint before is kept as well, in case the
            latest is damaged.
        """
        if not self._writes:
            return
        partial = self._epochs / f"{epoch}{_PARTIAL}{os.getpid()}"
        leaves = {f"{i:05d}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(state))}
        with files.uninterrupted():  # its threads would tell of their end by a traceback
            self._checkpointer.save(partial / "state", leaves)
        files.write_json(partial / _DIGESTS, _file_digests(partial))
        partial.rename(self._epochs / str(epoch))
        for old in _saved(self._epochs)[: -1 if is_last else -2]:
            shutil.rmtree(self._epochs / str(old))

    def latest(self, state: Any) -> tuple[int, Any]:
        """Returns the latest sound checkpoint, or (0, state) if there is none.

        Args:
          state: of the same structure, as it is before training; where its history and trace have
            room for more epochs than were saved, what was saved is their beginning.

        Raises:
          OSError: a file cannot be read.
          ValueError: a sound checkpoint holds something else than the state of this run.
        """
        epoch = self._sound() if self._writes else 0
        if jax.process_count() > 1:
            epoch = int(multihost_utils.broadcast_one_to_all(np.int32(epoch)))
        return (epoch, self._restored(self._epochs / str(epoch), state)) if epoch else (0, state)

    def _sound(self) -> int:
        """The epoch of the latest sound checkpoint, 0 if there is none."""
        for epoch in reversed(_saved(self._epochs)):
            damage = _damage(self._epochs / str(epoch))
            if damage is None:
                return epoch
            aside = self._set_aside(epoch)
            logging.warning(
                "The checkpoint of epoch %d in %s is damaged (%s); it is set aside as %s, and the "
                "run goes back to the one before it.",
                epoch,
                self._epochs,
                damage,
                aside.name,
            )
        return 0

    def close(self) -> None:
        """Ends orbax's threads."""
        self._checkpointer.close()

    def _restored(self, folder: pathlib.Path, state: Any) -> Any:
        wanted = f"checkpoints must hold the state of this run; {folder} holds"
        leaves = self._checkpointer.restore(folder / "state")
        fresh, structure = jax.tree.flatten(state)
        check(isinstance(leaves, dict), f"{wanted} no leaves.")
        saved = [np.asarray(leaves[name]) for name in sorted(leaves)]
        check(len(saved) == len(fresh), f"{wanted} {len(saved)} leaves where {len(fresh)} are.")
        for i, (there, here) in enumerate(zip(saved, fresh, strict=True)):
            sizes = zip(there.shape, here.shape, strict=False)
            fits = there.ndim == here.ndim and all(size <= room for size, room in sizes)
            check(
                fits and there.dtype == here.dtype,
                f"{wanted} leaf {i} of shape {there.shape} and {there.dtype} where it is of "
                f"{here.shape} and {here.dtype}.",
            )
        pairs = zip(saved, fresh, strict=True)
        return jax.tree.unflatten(structure, [_begun(*pair) for pair in pairs])

    def _set_aside(self, epoch: int) -> pathlib.Path:
        count, aside = 1, self._epochs / f"{epoch}.damaged"
        while aside.exists():
            count, aside = count + 1, self._epochs / f"{epoch}.damaged-{count + 1}"
        return (self._epochs / str(epoch)).rename(aside)


def _saved(epochs: pathlib.Path) -> list[int]:
    """The epochs of whole checkpoints, in order."""
    return sorted(
        int(path.name) for path in epochs.iterdir() if path.name.isascii() and path.name.isdigit()
    )


def _begun(saved: np.ndarray, fresh: jax.Array) -> jax.Array:
    """An array that was saved, with more room if the new one has it."""
    if saved.shape == fresh.shape:
        several = fresh.sharding.num_devices > 1
        return laid_out(saved, fresh.sharding) if several else jnp.asarray(saved)
    return fresh.at[tuple(slice(0, size) for size in saved.shape)].set(saved)


def _file_digests(folder: pathlib.Path) -> dict[str, str]:
    """SHA-256 of every file but the list of these itself; OSError if one cannot be read."""

    def give_up(error: OSError) -> None:
        raise error

    found = {}
    for parent, _, names in os.walk(folder, onerror=give_up):
        for path in (pathlib.Path(parent) / name for name in names):
            if path != folder / _DIGESTS:
                name = path.relative_to(folder).as_posix()
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _damage(folder: pathlib.Path) -> str | None:
    """Says what is not as it was saved, or None; OSError if a file cannot be read."""
    if not (folder / _DIGESTS).exists():
        return f"{_DIGESTS} is missing"
    try:
        wanted = files.read_json(folder / _DIGESTS)
    except ValueError:
        wanted = None
    if not isinstance(wanted, dict):
        return f"{_DIGESTS} is not what was saved"
    found = _file_digests(folder)
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            return f"{name} is missing"
        if wanted.get(name) != found[name]:
            return f"{name} is not what was saved"
    return None


def _claim(folder: pathlib.Path, run: Mapping[str, Any]) -> None:
    """Writes down what decides a run; refuses the folder of another one."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "run.json"
    run = json.loads(json.dumps(run, default=lambda number: number.item()))
    if path.exists():
        came = _read_run(path)
        _check_same_run(came, run, folder)
        if came == run:
            return
    else:
        check(
            not (folder / "epochs").exists(),
            f"checkpoints must have a run.json that tells whose they are; {folder} has none.",
        )
    files.write_json(path, run)


def _read_run(path: pathlib.Path) -> dict[str, Any]:
    """What decides the run whose checkpoints are there."""
    try:
        came = files.read_json(path)
        training = came["training"]
        check_integer("training.epochs", training["epochs"], 0)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"checkpoints must have a sound run.json; {path} is none.") from error
    return {**came, "training": dict(training)}


def _check_same_run(came: Mapping[str, Any], run: Mapping[str, Any], folder: pathlib.Path) -> None:
    """Raises ValueError unless both are one run, up to a larger number of epochs."""
    there, here = ({**record, **record["training"]} for record in (came, run))
    differing = []
    for name in sorted((there.keys() | here.keys()) - {"training", "epochs"}):
        pair = there.get(name), here.get(name)
        if pair[0] != pair[1]:
            values = f" ({pair[0]!r} there, {pair[1]!r} here)" if name in run["training"] else ""
            differing.append(name + values)
    check(
        not differing,
        f"checkpoints must be those of the same run; {folder} holds one with another "
        f"{', another '.join(differing)}.",
    )
    before, wanted = there["epochs"], here["epochs"]
    check(
        wanted >= before,
        f"training.epochs must be at least {before}, as in the checkpoints in {folder}; "
        f"got {wanted}.",
    )
    check(
        wanted == before or here["schedule"] == "constant",
        f"training.epochs must be {before}, as in the checkpoints in {folder}, with the schedule "
        f"{here['schedule']!r}, which depends on it; got {wanted}.",
    )
