"""Exact matches, shared words, and numbers that nothing supports."""

import pytest

from companion.errors import EvaluationError
from companion.evaluation.answers import score_answers, unsupported_numbers, word_f1


def test_case_and_punctuation_do_not_matter_and_words_do():
    report = score_answers(["Two days.", "No."], ["two days", "Yes"], bootstrap=200)
    assert report.exact.mean == 0.5
    assert report.word_f1.mean == 0.5
    assert (report.exact.low, report.exact.high) == (0.0, 1.0)
    assert report.to_dict()["answers"] == 2
    assert "exact match   0.500" in str(report)


def test_words_count_as_often_as_they_stand_in_both():
    assert word_f1("a a b", "a b b") == pytest.approx(2 * 2 / 6)
    assert word_f1("a", "") == word_f1("", "a") == word_f1("a", "b") == 0.0


def test_numbers_are_looked_for_in_every_source():
    assert unsupported_numbers("3 to 5 days, 4.90 euros", "takes 3 days", "up to 5") == ["4.90"]
    assert unsupported_numbers("three days") == []
    assert unsupported_numbers("13 days", "3 days, or 1") == ["13"], "a part of a number is no support"


@pytest.mark.parametrize(("gold", "written"), [([], []), (["a"], [])])
def test_lists_that_do_not_fit_are_refused(gold, written):
    with pytest.raises(EvaluationError):
        score_answers(gold, written)
