"""Pages about runs: one about a run, one that sets runs side by side, and tables as plain text."""

from spline_fc.report.page import check_packages
from spline_fc.report.run_page import write_report
from spline_fc.report.sweep_page import write_sweep
from spline_fc.report.sweep_study import (
    Failure,
    SweepStudy,
    read_sweep,
    sweep_table,
)
from spline_fc.report.tables import set_text, text_table

__all__ = [
    "Failure",
    "SweepStudy",
    "check_packages",
    "read_sweep",
    "set_text",
    "sweep_table",
    "text_table",
    "write_report",
    "write_sweep",
]
