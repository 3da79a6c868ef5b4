"""The guide to data larger than memory runs."""

from tests import guides


def test_guide_runs():
    guides.run_blocks("larger_than_memory.md", at_least=2)
