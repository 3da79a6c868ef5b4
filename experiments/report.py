"""Rebuilds report.html from the files that runs wrote.

    python -m experiments.report WORKDIR... [--sweep=FOLDER]

Reads metrics, parameters and the stored training rows of each WORKDIR; nothing is trained or fitted
anew. Prints the table and the path of each report, and what a folder lacks. With --sweep, one more
page in FOLDER sets the WORKDIRs side by side.
"""

import sys

from absl import app, flags

from experiments import startup
from spline_fc import workdir
from spline_fc.report import read_sweep, text_table, write_report, write_sweep

_SWEEP = flags.DEFINE_string("sweep", None, "Folder for a page over all WORKDIRs.")


def main(argv: list[str]) -> None:
    """Writes one report per workdir named on the command line; a bad one does not stop the rest."""
    if len(argv) < 2:
        raise app.UsageError("WORKDIR must name at least one folder that a run wrote; got none.")
    failed = False
    for folder in argv[1:]:
        try:
            path = write_report(folder)
            print(f"{text_table(folder)}\n\n{path}\n")
            startup.warn(workdir.read_workdir(folder).damage)
        except (ValueError, OSError) as error:
            failed = True
            print(f"error: {error}", file=sys.stderr)
    if _SWEEP.value is not None:
        print(write_sweep(read_sweep(argv[1:]), _SWEEP.value))
    sys.exit(int(failed))


if __name__ == "__main__":
    startup.start(main)
