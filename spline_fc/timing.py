"""Wall-clock time with compilation told apart."""

import threading
import time
from typing import NamedTuple

import jax

_COMPILE_EVENTS = (
    "/jax/core/compile/jaxpr_trace_duration",
    "/jax/core/compile/jaxpr_to_mlir_module_duration",
    "/jax/core/compile/backend_compile_duration",
)


class Seconds(NamedTuple):
    """Wall-clock seconds of a piece of work."""

    compile: float  # tracing and compiling; close to 0 when these shapes were compiled before
    run: float

    def __add__(self, other: "Seconds") -> "Seconds":  # type: ignore[override]
        return Seconds(self.compile + other.compile, self.run + other.run)


class Stopwatch:
    """Measures the seconds of a with-block, those spent tracing and compiling apart.

    Nested traces report overlapping durations, so the compile share is capped at the total. Only
    what the thread of the block compiles is counted, and nothing listens once the block has ended.

    Attributes:
      seconds: Seconds, known when the block ends.
    """

    def __init__(self) -> None:
        self.seconds = Seconds(0.0, 0.0)

    def __enter__(self) -> "Stopwatch":
        self._compile, self._thread = 0.0, threading.get_ident()
        self._listener = self._listen  # one object, to be found again when it is taken off
        jax.monitoring.register_event_duration_secs_listener(self._listener)
        self._start = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        total = time.perf_counter() - self._start
        jax.monitoring.unregister_event_duration_listener(self._listener)
        compiling = min(self._compile, total)
        self.seconds = Seconds(compiling, total - compiling)

    def _listen(self, event: str, duration_secs: float, **_: str | int) -> None:
        if event in _COMPILE_EVENTS and threading.get_ident() == self._thread:
            self._compile += duration_secs
