"""Rebuilds report.html from the files that runs wrote.

    python -m experiments.report WORKDIR...

Reads metrics, parameters and the stored training rows of each WORKDIR; nothing is computed anew
but the figures. Prints the table and the path of each report.
"""

import sys

from absl import app

from spline_fc.analysis import text_table, write_report


def main(argv: list[str]) -> None:
    """Writes one report per workdir named on the command line."""
    if len(argv) < 2:
        raise app.UsageError("WORKDIR must name at least one folder that a run wrote; got none.")
    for workdir in argv[1:]:
        try:
            path = write_report(workdir)
            print(f"{text_table(workdir)}\n\n{path}\n")
        except ValueError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    app.run(main)
