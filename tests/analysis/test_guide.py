"""The guide's code blocks run, and its tables name fields that exist."""

import re

from spline_fc.analysis import KnotTrack, Reach
from tests import guides


def test_code_blocks_run():
    guides.run_blocks("analysis.md", at_least=19)


def test_tables_name_every_field_of_what_they_describe():
    knots, speed = guides.read("analysis.md").split("\n## Convergence\n")
    given = {"step", "unit", "spread"}  # told in the text or in the name
    assert _fields(knots) == set(KnotTrack._fields) - given
    assert _fields(speed) == set(Reach._fields) - {"target"}


def _fields(text):
    """Names in the first column of the first table headed "field"."""
    table = re.search(r"^\| field \|.*?\n\n", text, re.MULTILINE | re.DOTALL)[0]
    cells = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    return set(re.findall(r"`(\w+)`", " ".join(cells)))
