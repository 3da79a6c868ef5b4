"""Checkpoints through orbax: a run that was killed goes on where it was saved last."""

import hashlib
import json
import os
import pathlib
import warnings
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from spline_fc.checks import check

_KEEP = 2  # the latest, and the one before it in case the latest is damaged


class Checkpoints(NamedTuple):
    """Where and how often a run saves its state."""

    folder: str | os.PathLike
    every: int = 10  # epochs


def digest(*trees: Any) -> str:
    """SHA-256 over the structure, shapes, dtypes and bytes of some trees of arrays."""
    total = hashlib.sha256()
    leaves, structure = jax.tree.flatten(trees)
    total.update(str(structure).encode())
    for leaf in map(np.asarray, leaves):
        total.update(f"{leaf.shape}{leaf.dtype}".encode())
        total.update(np.ascontiguousarray(leaf).tobytes())
    return total.hexdigest()


class Store:
    """The checkpoints of one run in one folder.

    Args:
      spec: Checkpoints.
      fingerprint: of everything that decides the run; a folder of another run is refused.

    Raises:
      ValueError: the folder holds the checkpoints of another run.
    """

    def __init__(self, spec: Checkpoints, fingerprint: str) -> None:
        import orbax.checkpoint  # imported here as it takes a second

        self._orbax = orbax.checkpoint
        folder = pathlib.Path(spec.folder).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        _claim(folder, fingerprint)
        options = self._orbax.CheckpointManagerOptions(
            max_to_keep=_KEEP, enable_async_checkpointing=False, cleanup_tmp_directories=True
        )
        self._manager = self._orbax.CheckpointManager(folder / "epochs", options=options)

    def save(self, epoch: int, state: Any) -> None:
        """Saves the state after an epoch; what was saved before stays until this is complete."""
        tree = self._tree(state, digest(state))
        self._manager.save(epoch, args=self._orbax.args.StandardSave(tree), force=True)

    def latest(self, state: Any) -> tuple[int, Any]:
        """Returns the latest sound checkpoint, or (0, state) if there is none.

        A damaged checkpoint is reported as a warning and removed, and the one before it is used.

        Args:
          state: of the same structure, as it is before training.
        """
        for epoch in sorted(self._manager.all_steps(), reverse=True):
            try:
                return epoch, self._restore(epoch, state)
            except Exception as error:  # noqa: BLE001 - whatever a damaged file makes orbax raise
                warnings.warn(
                    f"the checkpoint of epoch {epoch} in {self._manager.directory} is damaged "
                    f"({type(error).__name__}: {str(error).splitlines()[0][:200]}); "
                    "going back to the one before it.",
                    stacklevel=2,
                )
                self._manager.delete(epoch)
        return 0, state

    def close(self) -> None:
        """Ends the manager's threads."""
        self._manager.close()

    def _restore(self, epoch: int, state: Any) -> Any:
        wanted = jax.tree.map(self._orbax.utils.to_shape_dtype_struct, self._tree(state, "0" * 64))
        tree = self._manager.restore(epoch, args=self._orbax.args.StandardRestore(wanted))
        leaves = [jnp.array(tree["leaves"][name]) for name in sorted(tree["leaves"])]
        restored = jax.tree.unflatten(jax.tree.structure(state), leaves)
        came = bytes(np.asarray(tree["digest"])).hex()
        check(digest(restored) == came, "its contents are not what was saved.")
        return restored

    @staticmethod
    def _tree(state: Any, hexdigest: str) -> dict[str, Any]:
        """A dict that orbax takes whatever the records of the state are."""
        leaves = {f"{i:05d}": leaf for i, leaf in enumerate(jax.tree.leaves(state))}
        return {"leaves": leaves, "digest": np.frombuffer(bytes.fromhex(hexdigest), np.uint8)}


def _claim(folder: pathlib.Path, fingerprint: str) -> None:
    """Writes the fingerprint of the run into a new folder; refuses the folder of another run."""
    path = folder / "run.json"
    if path.exists():
        came = json.loads(path.read_text())["fingerprint"]
        check(came == fingerprint, "checkpoints must be those of the same config, data, parameters "
              f"and seeds; {folder} holds those of another run.")  # fmt: skip
        return
    partial = folder / f"run.json.{os.getpid()}"
    partial.write_text(json.dumps({"fingerprint": fingerprint}) + "\n")
    partial.replace(path)  # whole or not there at all, whenever the process is killed
