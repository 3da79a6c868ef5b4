"""The guide to runs: its code blocks run, and it names what a run leaves."""

from spline_fc import workdir
from tests import guides


def test_code_blocks_run():
    guides.run_blocks("runs.md", at_least=2)


def test_every_folder_of_a_run_is_named():
    text = guides.read("runs.md")
    for name in (*workdir.FOLDERS, "checkpoints", "config.json", "runs.json", "fits.json"):
        assert f"`{name}" in text, name
