"""The guide to data: its code blocks run, and it names every option of a table."""

from spline_fc.data.load import _ENCODING, _READING
from tests import guides


def test_code_blocks_run():
    guides.run_blocks("data.md", at_least=4)


def test_every_option_of_a_table_is_named():
    text = guides.read("data.md")
    for option in (*_ENCODING, *_READING):
        assert f"`{option}" in text or option == "task", option
