"""The guides of the room run as they stand."""

import pytest

from tests import guides


@pytest.mark.parametrize(("name", "blocks"), [("fit.md", 2), ("oblique.md", 1), ("foreign.md", 1)])
def test_guide_runs(name, blocks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    guides.run_blocks(name, at_least=blocks)
