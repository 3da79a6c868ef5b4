"""A fixed sample of the generator's cases, and that the judge can tell."""

import collections

import pytest

from tests.malformed import run
from tests.malformed.cases import FALLBACK, RAW, SENTENCE, WRONG, Case, judge


def test_malformed_inputs_end_in_one_sentence_or_a_documented_fallback():
    ended = list(run.cases(count=14 * 11, seed=13))
    bad = [case for case in ended if case.verdict.how in (RAW, WRONG)]
    assert not bad, "\n".join(f"{c.name} of seed 13, {c.what}: {c.verdict.told}" for c in bad)
    kinds = collections.Counter(case.name.partition(":")[0] for case in ended)
    assert set(kinds) == set(run.KINDS) and len(set(kinds.values())) == 1


def test_a_case_can_be_run_alone():
    (alone,) = run.cases(count=14 * 11, seed=13, only="fits:7")
    among = list(run.cases(count=14 * 11, seed=13, only="fits"))[7]
    assert (alone.name, alone.what) == (among.name, among.what)
    assert alone.verdict.how == among.verdict.how


def _raises(error):
    def use():
        raise error

    return use


@pytest.mark.parametrize(
    ("use", "right", "how"),
    [
        (_raises(ValueError("x must be a matrix; got a word.")), None, SENTENCE),
        (_raises(FileNotFoundError(2, "No such file", "x.json")), None, SENTENCE),
        (_raises(ValueError("y must be a matrix; got a word.")), None, RAW),
        (_raises(ValueError("could not convert x")), None, RAW),
        (_raises(ValueError("x must be a matrix;\ngot a word.")), None, RAW),
        (_raises(KeyError("x must")), None, RAW),
        (_raises(UserWarning("x must")), None, RAW),
        (lambda: 1, None, WRONG),
        (lambda: 1, lambda came: came == 1, FALLBACK),
        (lambda: 2, lambda came: came == 1, WRONG),
        (lambda: 2, lambda came: came.shape, WRONG),
    ],
)
def test_the_judge_tells_how_a_case_ended(use, right, how):
    assert judge(Case("", use, ["x"], right)).how == how


def test_the_judge_sees_what_was_harmed(tmp_path):
    file = tmp_path / "earlier"
    file.write_text("precious")

    def use():
        file.unlink()
        raise ValueError("x must be a file; got none.")

    assert judge(Case("", use, ["x"], None, [tmp_path])).how == WRONG
