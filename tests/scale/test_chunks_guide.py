"""The guide to data larger than memory runs."""

from tests import guides


def test_guide_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    guides.run_blocks("larger_than_memory.md", at_least=2)
