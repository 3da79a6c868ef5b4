"""Pages about runs: one about a run, one that sets runs side by side, and tables as plain text."""

from spline_fc.report.page import check_packages
from spline_fc.report.run_page import write_report
from spline_fc.report.sweep_page import write_sweep
from spline_fc.report.tables import text_table

__all__ = ["check_packages", "text_table", "write_report", "write_sweep"]
