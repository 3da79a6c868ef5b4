"""Markdown tables of strings."""

from collections.abc import Sequence

from tabulate import tabulate


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """Sets rows of strings below their heads, the caption above; cells stand as they are given."""
    table = tabulate(rows, head, tablefmt="pipe", disable_numparse=True)
    return f"{caption}\n\n{table}" if caption else table
