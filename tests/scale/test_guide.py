"""The guide to several devices runs, on one."""

from tests import guides


def test_guide_runs():
    guides.run_blocks("scale.md", at_least=1)
