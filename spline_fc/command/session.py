"""What programs share: a cache of compiled programs, notes in plain words, errors in a sentence."""

import contextlib
import hashlib
import logging
import os
import pathlib
import platform
import signal
import sys
from collections.abc import Callable, Iterator

import jax

FAILED, INTERRUPTED = 1, 130  # exit statuses, as shells know them


def run(command: Callable[[], None], interrupted: str) -> int:
    """Runs a command; what a user can mend ends in one sentence on the error stream.

    Args:
      command: what is to be done.
      interrupted: what is said after Ctrl-C or SIGTERM.

    Returns:
      The exit status: 0, or 1 after an error, or 130.
    """
    try:
        with _notes(), _interruptible():
            command()
            sys.stdout.flush()
    except BrokenPipeError:  # of `spline_fc ... | head`; Python flushes once more when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (ValueError, OSError, ImportError) as error:
        print(f"error: {' '.join(_words(error).split())}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(f"\n{interrupted}", file=sys.stderr)
        return INTERRUPTED
    return 0


def keep_compiled_programs(chosen: str | None = None) -> None:
    """Lets JAX keep what it compiles, so that the next program of this kind starts at once.

    Args:
      chosen: a folder, or "off"; by default $JAX_COMPILATION_CACHE_DIR, or one below the user's
        cache folder.
    """
    chosen = chosen or os.environ.get("JAX_COMPILATION_CACHE_DIR")
    if chosen == "off":
        return
    folder = pathlib.Path(chosen) if chosen else _default_folder()
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _default_folder() -> pathlib.Path:
    """A folder for this kind of processor: programs of another may use what this one lacks."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    info = pathlib.Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else [platform.processor()]
    kind = [line for line in lines if line.startswith(("flags", "Features"))][:1] or lines[:1]
    return cache / "spline_fc" / f"jax-{hashlib.sha256(str(kind).encode()).hexdigest()[:12]}"


def _words(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}."
    return str(error)


@contextlib.contextmanager
def _notes() -> Iterator[None]:
    """What absl's log tells, as lines on the error stream; nothing of JAX's own below a warning."""
    absl, others = logging.getLogger("absl"), logging.getLogger("jax")
    before = absl.propagate, absl.level, others.level
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("note: %(message)s"))
    absl.addHandler(handler)
    absl.propagate = False
    absl.setLevel(logging.WARNING)
    others.setLevel(logging.ERROR)  # no word on backends that are not there
    try:
        yield
    finally:
        absl.removeHandler(handler)
        absl.propagate = before[0]
        absl.setLevel(before[1])
        others.setLevel(before[2])


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Takes SIGTERM, which a cluster sends before it takes the machine, as Ctrl-C."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
