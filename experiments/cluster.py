"""Which of several processes this one is: as flags say, or the launcher that started them all.

    srun --ntasks=4 ...            SLURM, Open MPI, MPICH and a TPU slice tell it by themselves
    python -m experiments.train ... --coordinator=host0:8476 --process_id=0 --num_processes=2

Processes of `train` are joined by jax.distributed and train one run together. Those of `sweep` need
not know of each other, and no coordinator: each runs its share of the cells.
"""

import os
import re
import signal
import sys
import threading
import time
from typing import NamedTuple

import jax
from absl import flags

from spline_fc import command
from spline_fc.checks import check

COORDINATOR = flags.DEFINE_string(
    "coordinator", None, "HOST:PORT of the first of several processes; any free port of its host."
)
PROCESS = flags.DEFINE_integer("process_id", None, "Number of this process, from 0.")
COUNT = flags.DEFINE_integer("num_processes", None, "How many processes there are.")

# What launchers set: the number of a process, and how many there are.
_LAUNCHERS = (
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),  # of srun; a batch script by itself is one process
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
    ("TPU_WORKER_ID", "TPU_WORKER_HOSTNAMES"),  # the names, with commas
)
HEARTBEAT = 30  # seconds without a word, after which a process counts as dead and all others end
GRACE = 30  # seconds from SIGTERM to the end of a first process that is held up


class Process(NamedTuple):
    """One of several processes, or the only one."""

    index: int  # from 0
    count: int


def own() -> Process:
    """Says which process this is; flags come before what a launcher tells.

    Raises:
      ValueError: flags that do not go together, or are out of range.
    """
    flagged, address = (PROCESS.value, COUNT.value), COORDINATOR.value
    missing = [value is None for value in flagged]
    check(
        all(missing) or not any(missing),
        "--process_id and --num_processes must be given together; got "
        f"{'--num_processes' if missing[0] else '--process_id'} alone.",
    )
    check(
        address is None or re.fullmatch(r".+:\d+", address) is not None,
        f"--coordinator must be HOST:PORT; got {address!r}.",
    )
    found = _launched() if missing[0] else Process(*flagged)
    check(
        found is not None or address is None,
        "--coordinator must come with --process_id and --num_processes where no launcher tells "
        "them; got it alone.",
    )
    found = found or Process(0, 1)
    check(
        0 <= found.index < found.count,
        f"--process_id must be from 0 to --num_processes - 1; got {found.index} of {found.count}.",
    )
    return found


def need_none() -> None:
    """Refuses a coordinator, in a program whose processes do not know of each other.

    Raises:
      ValueError: one is given.
    """
    came = COORDINATOR.value
    check(
        came is None,
        "--coordinator must be left out here, as processes of a sweep do not know of each other "
        f"(--process_id and --num_processes tell each its share); got {came!r}.",
    )


def _launched() -> Process | None:
    """What the launcher of several processes tells this one, if there is one."""
    for index, count in _LAUNCHERS:
        if index in os.environ and count in os.environ:
            told = os.environ[count]
            size = int(told) if told.isdecimal() else len(told.split(","))
            if size > 1:
                return Process(int(os.environ[index]), size)
    return None


def join() -> Process:
    """Joins the processes of one run, before anything is computed; one alone is left alone.

    Raises:
      ValueError: as `own`; nobody tells where the first process is, or it cannot serve there.
    """
    process, address = own(), COORDINATOR.value
    if process.count == 1:
        if address:
            said = f"process 0 of 1: alone, so --coordinator={address} is not used."
            print(said, file=sys.stderr)
        return process
    print(
        f"process {process.index} of {process.count}: joining at {address or 'the first'}.",
        file=sys.stderr,
    )
    method = "deactivate" if address else None  # of asking the launcher
    handler = signal.getsignal(signal.SIGTERM)
    try:
        jax.distributed.initialize(
            address,
            process.count,
            process.index,
            cluster_detection_method=method,
            heartbeat_timeout_seconds=HEARTBEAT,
        )
    except (ValueError, RuntimeError) as error:
        came = f"got {address}: {error}" if address else "it is missing, and no launcher tells it."
        raise ValueError(
            f"--coordinator must be HOST:PORT of the first process, a free port of its host; {came}"
        ) from error
    finally:
        signal.signal(signal.SIGTERM, handler)  # jax has put its own in this place
    _end_when_told(0 if process.index else GRACE)
    return process


def _end_when_told(grace: float) -> None:
    """Lets SIGTERM and Ctrl-C end a process that waits for another one, which may be gone.

    Python hears of them when it is at work again, which it may never be; so a thread listens too.
    """
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)

    def listen() -> None:
        os.read(told, 1)
        time.sleep(grace)
        os._exit(command.INTERRUPTED)

    threading.Thread(target=listen, daemon=True).start()
