"""The guide's code blocks run, in order."""

from tests import guides


def test_code_blocks_run():
    guides.run_blocks("ensembles.md", at_least=6)
