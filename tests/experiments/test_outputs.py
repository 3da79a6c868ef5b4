"""Programs that measure: where their record cannot be written they say so before anything is."""

import importlib
from types import SimpleNamespace

import pytest
from absl import flags

from experiments.benchmarks import accelerator, machine, tables

PROGRAMS = (
    "benchmarks.accelerator", "benchmarks.choices", "benchmarks.chunks", "benchmarks.fit",
    "benchmarks.recording", "benchmarks.replicas", "benchmarks.resume", "benchmarks.sweep_resume",
    "benchmarks.wide", "ensemble_variants", "equivalence", "estimators", "growth", "intervals",
    "outliers",
)  # fmt: skip
LISTS = dict.fromkeys(("cases", "names", "replicas", "sets", "starts"), ())


def given(monkeypatch, **values):
    """Flags as they would be after the command line has been read."""
    monkeypatch.setattr(flags, "FLAGS", SimpleNamespace(**{**LISTS, "table": None, **values}))


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_record_that_cannot_be_written_ends_a_program_at_its_start(
    program, monkeypatch, tmp_path
):
    main = importlib.import_module(f"experiments.{program}").main
    given(monkeypatch, output=str(tmp_path))
    with pytest.raises(SystemExit, match=r"error: --output must name .* got '.*', it is a folder"):
        main(["program"])


def test_places_of_records(tmp_path):
    machine.check_output(None)
    machine.check_output(tmp_path / "new" / "one.json")
    assert (tmp_path / "new").is_dir()  # which is made for the record
    (tmp_path / "file").write_text("")
    for path, came in {
        tmp_path / "file" / "one.json": "its folder cannot be made",
        "": "it is a folder",
        f"{tmp_path}/": "it is a folder",
    }.items():
        with pytest.raises(SystemExit, match=f"error: --output must name a file .*, {came}"):
            machine.check_output(path)


@pytest.mark.parametrize(
    ("flag", "word"), [("starts", "a"), ("replicas", "x"), ("replicas", "0"), ("starts", "1e6")]
)
def test_counts_that_are_none_end_the_program_before_it_measures(flag, word, monkeypatch, tmp_path):
    given(monkeypatch, output=str(tmp_path / "one.json"), copied=4, **{flag: ["10", word]})
    monkeypatch.setattr(accelerator, "copy_bandwidth", lambda size: pytest.fail("it measures"))
    sentence = f"error: --{flag} must be integers >= 1, with commas; got {word!r}"
    with pytest.raises(SystemExit, match=sentence):
        accelerator.main(["program"])
    assert tables.counts("--starts", ["10", "200"]) == [10, 200]


def test_no_replicas_are_none(monkeypatch, tmp_path, capsys):
    path = tmp_path / "one.json"
    given(monkeypatch, output=str(path), copied=4, agreement_rows=1)
    monkeypatch.setattr(accelerator, "copy_bandwidth", lambda size: 1e9)
    monkeypatch.setattr(accelerator, "agreement", lambda rows: {})
    accelerator.main(["program"])
    assert path.is_file() and "Copies: 1 GB/s" in capsys.readouterr().out
