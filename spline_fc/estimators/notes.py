"""Notes on data, each told once: estimators are fitted again and again to parts of one table."""

import contextlib
import logging
import re
from collections.abc import Iterator
from contextvars import ContextVar

_inside: ContextVar[bool] = ContextVar("inside", default=False)
_told: set[str] = set()


class _Once(logging.Filter):
    """Lets a note of an estimator pass that is the first of its words, whatever its numbers."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not _inside.get():
            return True
        words = re.sub(r"\d+", "", record.getMessage())
        is_new = words not in _told
        _told.add(words)
        return is_new


_once = _Once()


@contextlib.contextmanager
def told_once() -> Iterator[None]:
    """Keeps notes from repeating, in this process, what was told before but for the numbers.

    A decorator of methods, too.
    """
    logging.getLogger("absl").addFilter(_once)  # once, however often it is added
    token = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(token)
