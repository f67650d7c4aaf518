"""Agreement of two passes, against scikit-learn and by hand."""

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from companion.corpora.records import Sentence
from companion.errors import DataError, EvaluationError
from companion.evaluation.passes import Decision, cohen_kappa, read_decisions, repeat_agreement


def row(tags: str, sentiment: str = "neutral") -> Sentence:
    words = tuple(f"w{place}" for place, _ in enumerate(tags.split()))
    return Sentence(words=words, tags=tuple(tags.split()), source="a#1", meta={"sentiment": sentiment})


def test_agreement_is_symmetric_and_counts_whole_names() -> None:
    first = [row("B-PER I-PER O", "positive"), row("O B-LOC", "neutral")]
    second = [row("B-PER O O", "positive"), row("O B-LOC", "negative")]
    there, back = repeat_agreement(first, second), repeat_agreement(second, first)
    assert there.entity_f1.mean == back.entity_f1.mean == 0.5
    assert there.per_type == {"LOC": 1.0, "PER": 0.0}
    assert there.same_label == 0.5 and there.sentences == 2
    decision = Decision(sentence="a#1", what="entities", adopted="first", reason="the surname belongs to the name")
    assert repeat_agreement(first, second, decisions=[decision]).decisions == {"first": 1}


def test_passes_over_other_words_are_refused() -> None:
    with pytest.raises(EvaluationError, match="1 sentences in the first pass, 2"):
        repeat_agreement([row("O")], [row("O"), row("O")])
    with pytest.raises(EvaluationError, match="differ in their words"):
        repeat_agreement([row("O O")], [row("O")])


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=40))
def test_kappa_equals_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    first, second = zip(*pairs, strict=True)
    assume(len({*first, *second}) > 1)
    assert cohen_kappa(first, second) == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)


def test_kappa_without_choice_is_undefined() -> None:
    assert cohen_kappa(["a", "a"], ["a", "a"]) is None
    with pytest.raises(EvaluationError):
        cohen_kappa([], [])


def test_decisions_are_read_strictly(tmp_path) -> None:
    path = tmp_path / "decisions.jsonl"
    good = {"sentence": "a#1", "what": "sentiment", "adopted": "second", "reason": "no loss is named"}
    path.write_text(json.dumps(good) + "\n")
    assert read_decisions(path) == [Decision(**good)]
    for bad in ({**good, "adopted": "third"}, {**good, "reason": " "}, {"sentence": "a#1"}):
        path.write_text(json.dumps(good) + "\n" + json.dumps(bad) + "\n")
        with pytest.raises(DataError) as error:
            read_decisions(path)
        assert error.value.line == 2
