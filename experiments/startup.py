"""What every program does before it begins: a cache of compiled programs, quiet logs, signals."""

import itertools
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import NoReturn

import jax
from absl import app, flags

from experiments import config_files
from spline_fc import command

_FAILED = 1  # exit status
# What an exchange says whose other side is gone.
_LOST = ("Connection closed", "Connection reset", "UNAVAILABLE", "task died")
CACHE = flags.DEFINE_string(
    "compilation_cache",
    None,
    "Folder of compiled programs that all programs share; by default one below the user's cache "
    "folder, or $JAX_COMPILATION_CACHE_DIR. 'off' turns it off.",
)


def start(main: Callable[[list[str]], None]) -> None:
    """Runs a program's `main`; what a user can mend ends in one sentence on the error stream.

    Args:
      main: takes what is left of the command line.
    """
    path = _config_path(sys.argv[1:])
    if path is not None:  # flags would tell of a bad one by a traceback
        try:
            config_files.read(path)
        except ValueError as error:
            sys.exit(f"error: {error}")
    begun: list[bool] = []

    def begin(argv: list[str]) -> None:
        begun.append(True)
        _run(main, argv)

    try:
        app.run(begin)
    except (AttributeError, TypeError, ValueError, flags.Error) as error:
        if begun:
            raise
        words = str(error.args[0] if error.args else error).split()
        sys.exit(f"error: {' '.join(words)}")  # of a field of the config


def _config_path(words: list[str]) -> str | None:
    """The value of --config, given with "=" or as the next word."""
    for word, following in itertools.zip_longest(words, words[1:]):
        if word.startswith(("--config=", "-config=")):
            return word.partition("=")[2]
        if word in ("--config", "-config"):
            return following
    return None


def no_arguments(argv: list[str]) -> None:
    """Refuses words on the command line of a program that takes flags alone."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {argv[1:]}")


def warn(sentences: Iterable[str]) -> None:
    """Says on the error stream what a folder lacks."""
    for sentence in sentences:
        print(f"warning: {sentence}", file=sys.stderr)


def _run(main: Callable[[list[str]], None], argv: list[str]) -> None:
    logging.getLogger("jax").setLevel(logging.WARNING)  # no word on backends that are not there
    logging.getLogger("absl").setLevel(logging.WARNING)  # orbax tells about every file
    signal.signal(signal.SIGTERM, _interrupt)  # what a cluster sends before it takes the machine
    command.keep_compiled_programs(CACHE.value)
    try:
        main(argv)
    except (ValueError, OSError) as error:
        _end(f"error: {error}", _FAILED)
    except KeyboardInterrupt:
        _end("\ninterrupted; the same command goes on.", command.INTERRUPTED)
    except jax.errors.JaxRuntimeError as error:
        if not jax.distributed.is_initialized() or not any(word in str(error) for word in _LOST):
            raise
        said = str(error).splitlines()[0]
        _end(
            f"error: another process of this run has ended; the same command goes on ({said}).",
            _FAILED,
        )
    except Exception:
        if jax.distributed.is_initialized():
            _end(traceback.format_exc(), _FAILED)
        raise


def _end(said: str, status: int) -> NoReturn:
    """Ends the program with a word on the error stream."""
    print(said, file=sys.stderr)
    if jax.distributed.is_initialized():
        # An exit in order would wait for the other processes, which wait for this one. When it is
        # gone they end as well.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
