"""The guide's code runs as it is printed, and its commands are those of the program."""

import pytest

from spline_fc.command.program import command_line
from tests.guides import commands, run_blocks


def test_the_blocks_of_the_guide_run():
    run_blocks("models.md", at_least=5)


@pytest.mark.parametrize("words", commands("models.md"), ids=" ".join)
def test_the_commands_of_the_guide_are_understood(words):
    words = words[1:] if words[0] == "spline_fc" else words[3:]
    if words and words != ["fit", "--help"]:
        assert callable(command_line().parse_args(words).run)
