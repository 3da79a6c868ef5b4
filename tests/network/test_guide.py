"""The guide's code blocks run, in order."""

from tests import guides


def test_code_blocks_run():
    guides.run_blocks("network.md", at_least=6)


def test_code_blocks_of_heads_run():
    guides.run_blocks("heads.md", at_least=5)
