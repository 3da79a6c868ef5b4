"""The program `spline_fc`: fit a file, predict, explain, show and export, from a shell."""

from spline_fc.command.program import main
from spline_fc.command.session import INTERRUPTED, keep_compiled_programs

__all__ = ["INTERRUPTED", "keep_compiled_programs", "main"]
