"""The command line of `spline_fc`: what it takes, and who does it."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from spline_fc.checks import named_by
from spline_fc.command import fit, use
from spline_fc.command.session import keep_compiled_programs, run
from spline_fc.data import EXTRAPOLATE
from spline_fc.data.cells import KINDS
from spline_fc.data.encode import MISSING_POLICIES
from spline_fc.data.records import TASKS
from spline_fc.ensemble import METHODS
from spline_fc.model.export import FORMATS

Command = Callable[[argparse.Namespace], None]
_ABOUT = """\
Fit a table with a continuous piecewise-linear spline and the ReLU network that it becomes; keep
both in one file that predicts new rows and explains them.

  spline_fc fit houses.csv --target price -o houses.npz
  spline_fc predict houses.npz new.csv -o prices.csv
  spline_fc explain houses.npz new.csv --row 0
  spline_fc show houses.npz
  spline_fc export houses.npz --format onnx -o houses.onnx
"""
# What the library calls otherwise than the command line does.
_FLAGS = {
    "folds": "--members",
    "hidden_sizes": "--hidden",
    "kinds": "--kind",
    "level": "--interval",
    "shuffle": "--in-order",
}
_ENDS = (
    "Exit status: 0 if all went well, 1 after an error, 2 for a command line that makes no sense."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program `spline_fc`.

    Args:
      arguments: of the command line; those of the process by default.

    Returns:
      The exit status. Command lines that make no sense end the process with status 2.
    """
    parser = command_line()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 2
    keep_compiled_programs()
    return run(lambda: _run(options), "interrupted; nothing was written.")


def _run(options: argparse.Namespace) -> None:
    """Runs the command, whose errors name flags."""
    with named_by(lambda name: _flag(name, options)):
        options.run(options)


def _flag(name: str, options: argparse.Namespace) -> str | None:
    """The flag of the command that an argument of the library came from; None if there is none."""
    flag = _FLAGS.get(name, f"--{name}")
    taken = vars(options).keys() - {"command", "run", "data", "model", "rows"}
    return flag if flag[2:].replace("-", "_") in taken else None


def command_line() -> argparse.ArgumentParser:
    """Describes the command line; what it parses holds the function that does the work as `run`."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("spline_fc", None, _ABOUT, _ENDS, formatter_class=raw)
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    _add_fit(commands)
    predict = _add(commands, "predict", use.predict, "predict the rows of a table")
    _add_rows(predict)
    predict.add_argument("-o", "--output", metavar="FILE", help="a CSV file; standard output")
    what = predict.add_mutually_exclusive_group()
    what.add_argument("--proba", action="store_true", help="the probability of every class")
    what.add_argument(
        "--interval",
        type=float,
        metavar="LEVEL",
        help="also the ends between which the target lies for this share of rows, as 0.9; of "
        "classes a 1 for each that the row may have (by a model of several members)",
    )
    predict.add_argument("--method", choices=METHODS, help=f"of intervals ({METHODS[0]})")
    explain = _add(commands, "explain", use.explain, "say what each column adds to one prediction")
    _add_rows(explain)
    explain.add_argument("--row", type=fit.count, default=0, metavar="N", help="which, from 0 (0)")
    show = _add(commands, "show", use.show, "tell what a model is, how good, and its formula")
    show.add_argument("model", metavar="MODEL", help="a file that fit wrote")
    show.add_argument(
        "--all", action="store_true", help="all weights of directions, not the largest"
    )
    export = _add(commands, "export", use.export, "write a model for other programs")
    export.add_argument("model", metavar="MODEL", help="a file that fit wrote")
    export.add_argument(
        "--format",
        required=True,
        choices=FORMATS,
        help="onnx and safetensors hold the network, json all that predictions need as text, "
        "python a module that predicts without any package",
    )
    export.add_argument("-o", "--output", metavar="FILE", help="MODEL with another ending")
    return parser


def _add(commands: Any, name: str, run_it: Command, about: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".")
    command.set_defaults(run=run_it)
    return command


def _add_rows(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="MODEL", help="a file that fit wrote")
    command.add_argument("rows", metavar="ROWS", help="a CSV or ARFF file with the same columns")


def _add_fit(commands: Any) -> None:
    command = _add(commands, "fit", fit.fit, "fit a table and write a model")
    add = command.add_argument
    add("data", metavar="DATA", help="a CSV or ARFF file; or a name, such as friedman1")
    add("--target", metavar="COLUMN", help="what is to be predicted (the last column)")
    add("-o", "--output", default="model.npz", metavar="FILE", help="the model (model.npz)")
    add("--ignore", action="append", metavar="COLUMN", help="leave a column out; may come again")
    add(
        "--task", choices=TASKS, help="(by the target: numbers are a regression, words are classes)"
    )
    add(
        "--missing",
        choices=MISSING_POLICIES,
        help="fill gaps with the median, or drop rows (median)",
    )
    add("--weights", metavar="COLUMN", help="what rows count")
    add(
        "--kind",
        action="append",
        metavar="COLUMN=KIND",
        help=f"what a column is: {', '.join(KINDS)} (by its cells)",
    )
    add("--delimiter", metavar="MARK", help="between cells (by the first lines)")
    add("--decimal", choices=(".", ","), metavar="MARK", help="decimal mark (by the cells)")
    add("--in-order", action="store_true", help="rows are ordered in time: test on the last ones")
    add("--hidden", type=fit.widths, default=(64, 64), metavar="WIDTHS", help="layers (64,64)")
    add("--epochs", type=fit.count, default=100, metavar="N", help="passes of training (100)")
    add(
        "--members",
        type=fit.positive,
        default=1,
        metavar="N",
        help="networks whose mean predicts, each stopped by rows it holds out; 8 are better than "
        "one and give intervals (1)",
    )
    add("--seed", type=fit.count, default=0, metavar="N", help="of splits, start, training (0)")
    add(
        "--readable",
        action="store_true",
        help="hinges on columns alone, none on mixtures of them: a formula that can be read",
    )
    add(
        "--extrapolate",
        choices=EXTRAPOLATE,
        default=EXTRAPOLATE[0],
        help="rows beyond the training rows: clip pulls them in to their range, linear goes "
        "straight on, as a trend over time does (%(default)s)",
    )
