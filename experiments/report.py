"""Rebuilds report.html from the files that runs wrote.

    python -m experiments.report WORKDIR... [--sweep=FOLDER]

Reads metrics, parameters and the stored training rows of each WORKDIR; nothing is trained or fitted
anew. Prints the table and the path of each report. With --sweep, one more page in FOLDER sets the
WORKDIRs side by side.
"""

import logging
import sys

from absl import app, flags

from spline_fc.report import text_table, write_report, write_sweep

_SWEEP = flags.DEFINE_string("sweep", None, "Folder for a page over all WORKDIRs.")


def main(argv: list[str]) -> None:
    """Writes one report per workdir named on the command line."""
    if len(argv) < 2:
        raise app.UsageError("WORKDIR must name at least one folder that a run wrote; got none.")
    logging.getLogger("jax").setLevel(logging.WARNING)  # no word on backends that are not there
    try:
        for workdir in argv[1:]:
            path = write_report(workdir)
            print(f"{text_table(workdir)}\n\n{path}\n")
        if _SWEEP.value is not None:
            print(write_sweep(argv[1:], _SWEEP.value))
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    app.run(main)
