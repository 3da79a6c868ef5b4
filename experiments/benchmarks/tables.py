"""Markdown tables of strings, and of records that were written earlier."""

import json
import pathlib
import sys
from collections.abc import Callable, Sequence

from absl import app


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """Sets rows of strings below their heads, the caption above; cells stand as they are given."""
    lines = [head, ["---"] * len(head), *rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{caption}\n\n{table}" if caption else table


def shown(argv: Sequence[str], path: str | None, table: Callable[[dict], str]) -> bool:
    """Prints the table of a recorded file if one is named, and says whether it was.

    Raises:
      app.UsageError: there are arguments beside the flags.
    """
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {argv[1:]}")
    if path:
        print(table(json.loads(pathlib.Path(path).read_text())))
    return bool(path)


def check_cases(wanted: Sequence[str], known: Sequence[str], flag: str = "--cases") -> None:
    """Ends the program with a sentence unless all wanted cases are known."""
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        sys.exit(f"error: {flag} must be among {', '.join(known)}; got {unknown[0]}.")


def counts(flag: str, words: Sequence[str]) -> list[int]:
    """Takes the words of a list of counts as integers >= 1, or ends the program with a sentence."""
    for word in words:
        if not word.isdecimal() or int(word) < 1:
            sys.exit(f"error: {flag} must be integers >= 1, with commas; got {word!r}.")
    return [int(word) for word in words]
