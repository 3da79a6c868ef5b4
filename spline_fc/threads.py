"""Threads: how many NumPy's linear algebra takes, and one that works ahead."""

import contextlib
import functools
import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")


@functools.cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # looks through all loaded libraries, which takes a while


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Keeps NumPy's linear algebra to one thread, for work made of many small products.

    Threads that wait for each other cost such work more than they save: twentyfold where something
    else holds the cores. Serves as a with-block or as a decorator.
    """
    with _controller().limit(limits=1, user_api="blas"):
        yield


def ahead(items: Iterable[Item], depth: int = 1) -> Iterator[Item]:
    """The items in order, made in a thread of their own while earlier ones are worked on.

    Args:
      items: what they raise is raised here. Where the caller stops early they are left unfinished.
      depth: how many may wait; one more is being made.
    """
    waiting: queue.Queue = queue.Queue(depth)
    stopped = threading.Event()

    def put(kind: str, value: object) -> None:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                return waiting.put((kind, value), timeout=0.1)

    def work() -> None:
        try:
            for item in items:
                put("item", item)
                if stopped.is_set():
                    return
        except BaseException as error:  # whatever it is, the other thread has to hear of it
            put("error", error)
        put("end", None)

    thread = threading.Thread(target=work, name="spline_fc ahead", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = waiting.get()
            if kind == "error":
                raise value
            if kind == "end":
                return
            yield value
    finally:
        stopped.set()
        thread.join()
