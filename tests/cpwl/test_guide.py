"""The guides of the room run as they stand."""

import pytest

from tests import guides

GUIDES = [("fit.md", 2), ("oblique.md", 1), ("foreign.md", 1), ("classes.md", 4)]


@pytest.mark.parametrize(("name", "blocks"), GUIDES)
def test_guide_runs(name, blocks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    guides.run_blocks(name, at_least=blocks)
