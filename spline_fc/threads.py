"""How many threads NumPy's linear algebra takes."""

import contextlib
import functools
from collections.abc import Iterator

from threadpoolctl import ThreadpoolController


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
