"""Wall-clock time with compilation told apart."""

import threading
import time

import jax

_COMPILE_EVENTS = (
    "/jax/core/compile/jaxpr_trace_duration",
    "/jax/core/compile/jaxpr_to_mlir_module_duration",
    "/jax/core/compile/backend_compile_duration",
)
_local = threading.local()
_listening = threading.Event()


def _listen(event: str, seconds: float, **_) -> None:
    if event in _COMPILE_EVENTS and getattr(_local, "clocks", None):
        for clock in _local.clocks:
            clock.compile += seconds


class Stopwatch:
    """Measures the seconds of a with-block, those spent tracing and compiling apart.

    Nested traces report overlapping durations, so the compile share is capped at the total.

    Attributes:
      compile: seconds spent tracing and compiling so far.
      run: all other seconds, known when the block ends.
    """

    def __init__(self):
        self.compile = 0.0
        self.run = 0.0

    def __enter__(self) -> "Stopwatch":
        if not _listening.is_set():  # on first use, not on import
            jax.monitoring.register_event_duration_secs_listener(_listen)
            _listening.set()
        _local.clocks = [*getattr(_local, "clocks", []), self]
        self._start = time.perf_counter()
        return self

    def __exit__(self, *_) -> None:
        total = time.perf_counter() - self._start
        _local.clocks = [clock for clock in _local.clocks if clock is not self]
        self.compile = min(self.compile, total)
        self.run = total - self.compile
