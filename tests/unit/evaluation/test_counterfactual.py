"""Names swapped: the unit is the name, chance alone is not called a gap, and nothing but the name is changed."""

import numpy as np
import pytest

import companion
from companion.corpora.name_lists import NAME_GROUPS
from companion.corpora.records import Sentence
from companion.errors import ConfigError, EvaluationError
from companion.evaluation import measure_name_swap, name_gaps, subgroup_gaps, swap_in_text, swap_name, swappable
from companion.evaluation.classification import accuracy_of

ROW = Sentence(
    words=("Only", "Ada", "Vale", ",", "a", "pilot", ",", "spoke", "."),
    tags=("O", "B-PER", "I-PER", "O", "O", "O", "O", "O", "O"),
    source="test",
    meta={"text": "Only Ada Vale, a pilot, spoke."},
)


def gaps(scores, **options):
    names = [f"group {n}" for n in range(scores.shape[1])]
    return name_gaps(scores, names, score="score", changed=0, resamples=200, **options)


def test_nothing_but_the_name_is_changed():
    assert swap_in_text(ROW, ("Amina", "Haddad")) == "Only Amina Haddad, a pilot, spoke."
    changed = swap_name(ROW, ("Amina", "Haddad"))
    assert changed.words[1:3] == ("Amina", "Haddad")
    assert changed.tags == ROW.tags
    assert swappable([ROW]) == [ROW]


@pytest.mark.parametrize(
    "row",
    [
        Sentence(words=("She", "met", "Ada", "Vale"), tags=("O", "O", "B-PER", "I-PER"), source="a"),
        Sentence(words=("Vale", "spoke"), tags=("B-PER", "O"), source="b"),
        Sentence(words=("Ada", "Vale", "met", "Bo", "Ek"), tags=("B-PER", "I-PER", "O", "B-PER", "I-PER"), source="c"),
    ],
)
def test_sentences_that_would_contradict_a_name_are_left_out(row):
    assert swappable([row]) == []


def test_a_gap_of_names_is_found():
    scores = np.random.default_rng(0).normal(size=(30, 4, 8)) * 0.1
    scores[:, 2] += 0.5
    found = gaps(scores)
    assert found.gaps["group 2"].low > 0.2
    assert found.p_values["group 2"] <= 0.05
    assert found.p_values["group 0"] > 0.05
    assert sum(gap.mean for gap in found.gaps.values()) == pytest.approx(0)


def test_one_odd_name_is_not_a_group():
    """The sabotaged twin: a thousand sentences about one odd name; whoever draws sentences alone is very sure."""
    scores = np.random.default_rng(0).normal(size=(1000, 4, 8)) * 0.01
    scores[:, 2, 5] += 4.0
    found = gaps(scores)
    naive = scores[:, 2].mean(1) - scores.mean((1, 2))
    assert naive.mean() > 20 * naive.std() / np.sqrt(1000)
    assert found.p_values["group 2"] > 0.05
    assert found.gaps["group 2"].low < 0.05


def test_chance_alone_is_called_a_gap_at_the_stated_rate():
    draw, called = np.random.default_rng(1), 0
    for number in range(200):
        names = draw.standard_normal((1, 4, 6))
        found = gaps(names + 0.1 * draw.standard_normal((5, 4, 6)), seed=number)
        called += min(found.p_values.values()) <= 0.1
    assert 5 <= called <= 38, "of 200 at a rate of 0.1"


def test_a_model_is_asked_about_every_name():
    encoder = companion.mini_encoder(("only", "spoke", "."), width=16, heads=2)
    groups = {"one": [("Ada", "Vale"), ("Bo", "Ek")], "two": [("Cy", "Ives"), ("Di", "Olsen")]}
    task = companion.TextTask(("bad", "good"), encoder)
    swap = measure_name_swap(task, task.model(), [ROW], groups, label="good", resamples=50)
    # Every name is the unknown piece to this tokenizer, so that nothing can depend on it.
    assert swap.scores_SGN.shape == (1, 2, 2)
    assert np.ptp(swap.scores_SGN) < 1e-6
    assert swap.changed.mean == 0
    tagger = companion.TokenTask(("O", "B-PER", "I-PER"), encoder)
    found = measure_name_swap(tagger, tagger.model(), [ROW], groups, resamples=50)
    assert set(np.unique(found.scores_SGN)) <= {0.0, 1.0}
    assert "the name is found" in str(found)
    with pytest.raises(ConfigError):
        measure_name_swap(task, task.model(), [ROW], groups, label="ugly")
    with pytest.raises(ConfigError):
        measure_name_swap(task, task.model(), [ROW], {"one": groups["one"]}, label="good")
    with pytest.raises(EvaluationError):
        measure_name_swap(task, task.model(), [], groups, label="good")


def test_the_lists_are_even_and_new_to_newsroom():
    assert len(NAME_GROUPS) == 8
    assert {len(names) for names in NAME_GROUPS.values()} == {8}
    every = [name for names in NAME_GROUPS.values() for name in names]
    assert len(set(every)) == 64
    corpus = companion.load_corpus("newsroom")
    known = {word.lower() for part in corpus.splits.values() for row in part for word in row.words}
    assert len(known) > 3000
    assert [name for name in every if known & {word.lower() for word in name}] == []


def test_subgroups_against_the_rest():
    right = np.array([1] * 90 + [0] * 10 + [1] * 50 + [0] * 50, dtype=float)
    counts = np.stack([right, np.ones(200)], axis=1)
    found = subgroup_gaps(counts, ["easy"] * 100 + ["hard"] * 100, accuracy_of, resamples=500)
    assert found["easy"].score.mean == pytest.approx(0.9)
    assert found["hard"].gap.mean == pytest.approx(-0.4)
    assert found["hard"].apart
    assert found["hard"].gap.level == pytest.approx(0.975)
    mixed = subgroup_gaps(counts, ["a", "b"] * 100, accuracy_of, resamples=500)
    assert not mixed["a"].apart
    with pytest.raises(EvaluationError):
        subgroup_gaps(counts, ["one"] * 200, accuracy_of)


@pytest.mark.parametrize("scores", [np.zeros((3, 2)), np.full((2, 2, 2), np.nan)])
def test_scores_of_another_shape_are_refused(scores):
    with pytest.raises(EvaluationError):
        name_gaps(scores, ["a", "b"], score="s", changed=0)
