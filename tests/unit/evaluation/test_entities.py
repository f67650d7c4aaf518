"""Entity scores: the report, undefined ratios, seen and unseen names, and input that cannot be compared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import companion.evaluation
from companion.corpora.schemes import Entity
from companion.errors import EvaluationError
from companion.evaluation import Counts, EntityCounts, count_entities, score_entities, surface_forms
from companion.evaluation.taxonomy import KINDS

TAG = st.sampled_from(["O", "O", "B-A", "I-A", "B-B", "I-B", "B-X-Y", "I-X-Y"])
PAIRS = st.lists(
    st.integers(1, 10).flatmap(lambda n: st.tuples(*[st.lists(TAG, min_size=n, max_size=n)] * 2)),
    min_size=1,
    max_size=6,
)
GOLD = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-ORG", "O"], ["O", "O"]]
PREDICTED = [["B-PER", "I-PER", "O", "B-ORG"], ["O", "O", "B-MISC"], ["O", "O"]]
WORDS = [["Ada", "Berg", "visits", "Oslo"], ["The", "Bank", "today"], ["Rain", "."]]


def test_scores_of_a_small_example():
    report = score_entities(GOLD, PREDICTED, words=WORDS)
    assert (report.micro.correct, report.micro.predicted, report.micro.gold) == (1, 3, 3)
    assert report.precision == report.recall == report.entity_f1 == pytest.approx(1 / 3)
    assert report.errors == {"correct": 1, "boundary": 0, "type": 1, "both": 0, "missed": 1, "spurious": 1}
    assert report.f1.mean == report.entity_f1
    assert 0 <= report.low <= report.entity_f1 <= report.high <= 1
    assert report.sentences == report.f1.n == len(report.counts) == 3
    assert list(report.per_type) == ["LOC", "MISC", "ORG", "PER"]
    assert report.per_type["PER"].f1 == 1.0


def test_dictionary_is_plain_json_with_the_promised_keys():
    report = score_entities(GOLD, PREDICTED, words=WORDS, seen_surfaces={"ada berg"})
    values = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    promised = {"entity_f1", "low", "high", "precision", "recall", "per_type"}
    promised |= {"seen", "unseen", "errors", "strict", "sentences"}
    assert promised <= set(values)
    assert values["entity_f1"] == report.entity_f1
    assert (values["low"], values["high"]) == (report.low, report.high)
    assert values["strict"] is True
    assert values["sentences"] == 3
    assert values["per_type"]["MISC"] == {
        "precision": 0.0, "recall": None, "f1": 0.0, "support": 0, "correct": 0, "predicted": 1, "gold": 0
    }  # fmt: skip
    assert values["seen"]["recall"] == 1.0
    assert values["unseen"] == {"recall": 0.0, "low": 0.0, "high": 0.0, "found": 0, "gold": 2}
    assert list(values["errors"]) == list(KINDS)


def test_the_same_seed_gives_the_same_bytes():
    first, again, other = (
        json.dumps(score_entities(GOLD, PREDICTED, seed=seed, bootstrap=50).to_dict()) for seed in (3, 3, 4)
    )
    assert first == again
    assert first != other


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_all_outside_is_undefined_and_never_a_crash():
    report = score_entities([["O", "O"], ["O"]], [["O", "O"], ["O"]], words=[["a", "b"], ["c"]], seen_surfaces=set())
    assert report.entity_f1 is None
    assert report.precision is None
    assert report.recall is None
    assert (report.low, report.high) == (None, None)
    assert report.macro == {"precision": None, "recall": None, "f1": None}
    assert report.per_type == {}
    assert report.seen.recall.mean is None
    assert set(report.errors.values()) == {0}
    assert "undefined" in str(report)
    assert "undefined" in report._repr_html_()
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["entity_f1"] is None
    from seqeval.metrics import classification_report

    with pytest.raises(ValueError, match="empty"):
        classification_report([["O", "O"]], [["O", "O"]])


def test_one_side_empty_is_zero_not_undefined():
    nothing_found = score_entities([["B-A"]], [["O"]])
    assert (nothing_found.precision, nothing_found.recall, nothing_found.entity_f1) == (None, 0.0, 0.0)
    nothing_there = score_entities([["O"]], [["B-A"]])
    assert (nothing_there.precision, nothing_there.recall, nothing_there.entity_f1) == (0.0, None, 0.0)
    assert nothing_there.macro["f1"] is None


# Single-word entities make entity scores and label scores the same thing, so scikit-learn can judge them.
SINGLE_GOLD = ["A", "A", "B", "O", "C", "O", "B", "A", "O", "C"]
SINGLE_PREDICTED = ["A", "B", "B", "D", "O", "O", "D", "A", "E", "O"]


def single(labels: list[str]) -> list[list[str]]:
    return [["O" if label == "O" else f"B-{label}"] for label in labels]


def test_types_and_averages_equal_scikit_learn():
    import numpy as np
    from sklearn.metrics import precision_recall_fscore_support

    report = score_entities(single(SINGLE_GOLD), single(SINGLE_PREDICTED))
    types = sorted({*SINGLE_GOLD, *SINGLE_PREDICTED} - {"O"})
    assert list(report.per_type) == types == ["A", "B", "C", "D", "E"]
    arguments = {"y_true": SINGLE_GOLD, "y_pred": SINGLE_PREDICTED, "zero_division": np.nan}
    rows = precision_recall_fscore_support(**arguments, labels=types, average=None)
    for position, counts in enumerate(report.per_type.values()):
        ours = [np.nan if v is None else v for v in (counts.precision, counts.recall, counts.f1, counts.gold)]
        assert ours == pytest.approx([column[position] for column in rows], nan_ok=True)
    micro = precision_recall_fscore_support(**arguments, labels=types, average="micro")[:3]
    assert (report.precision, report.recall, report.entity_f1) == pytest.approx(micro)
    gold_types = sorted({*SINGLE_GOLD} - {"O"})
    macro = precision_recall_fscore_support(**arguments, labels=gold_types, average="macro")[:3]
    assert tuple(report.macro.values()) == pytest.approx(macro)


def test_types_that_are_only_predicted_stay_out_of_the_macro_mean():
    from sklearn.metrics import f1_score

    report = score_entities(single(SINGLE_GOLD), single(SINGLE_PREDICTED))
    every_type = f1_score(SINGLE_GOLD, SINGLE_PREDICTED, labels=["A", "B", "C", "D", "E"], average="macro")
    assert report.macro["f1"] == pytest.approx(every_type * 5 / 3)
    assert (report.per_type["D"].gold, report.per_type["D"].f1) == (0, 0.0)
    without = score_entities(single(SINGLE_GOLD), single(["O" if p in "DE" else p for p in SINGLE_PREDICTED]))
    assert without.macro["f1"] == report.macro["f1"]
    assert without.precision > report.precision


def test_seen_and_unseen_names_are_split_by_case_folded_surface():
    training = [SimpleNamespace(words=("ADA", "Berg", "in", "Straße"), tags=("B-PER", "I-PER", "O", "B-LOC"))]
    assert surface_forms(training) == {"ada berg", "strasse"}
    gold = [["B-PER", "I-PER", "O"], ["B-LOC", "O"], ["B-PER", "O"], ["B-LOC", "O"]]
    predicted = [["B-PER", "I-PER", "O"], ["O", "O"], ["B-PER", "O"], ["B-ORG", "O"]]
    words = [["Ada", "Berg", "!"], ["STRASSE", "!"], ["Ada", "!"], ["Oslo", "!"]]
    report = score_entities(gold, predicted, words=words, seen_surfaces=surface_forms(training))
    assert (report.seen.found, report.seen.gold, report.seen.recall.mean) == (1, 2, 0.5)
    assert (report.unseen.found, report.unseen.gold, report.unseen.recall.mean) == (1, 2, 0.5)
    assert score_entities(gold, predicted, words=words, seen_surfaces={"ADA BERG"}).seen.gold == 1
    assert "recall on names not seen in training: 0.500" in str(report)
    assert score_entities(gold, predicted, words=words).seen is None


def test_tags_that_break_the_scheme_are_counted_and_said():
    gold, predicted = [["B-A", "I-A", "O"]], [["I-A", "I-A", "B-B"]]
    strict, lenient = (score_entities(gold, predicted, strict=strict) for strict in (True, False))
    assert strict.ill_formed == lenient.ill_formed == {"gold": 0, "predicted": 2}
    assert "2 predicted tags break IOB2 and form no entity here" in str(strict)
    assert "2 predicted tags break IOB2 and were read leniently" in str(lenient)
    assert (strict.micro.correct, lenient.micro.correct) == (0, 1)
    assert "break" not in str(score_entities(gold, gold))


def test_other_schemes_are_read_when_they_are_named():
    report = score_entities([["B-A", "E-A", "S-B"]], [["B-A", "E-A", "O"]], scheme="BIOES")
    assert (report.micro.correct, report.micro.predicted, report.micro.gold) == (1, 1, 2)
    assert "strict BIOES" in str(report)


# faults.md §5: what seqeval reads silently as another type, or as no entity at all, is an error with a place here.
@pytest.mark.parametrize(
    "tag", ["ORG", "LOC", "SCORE", "B_PER", "b-per", "B-", "", "-", "X-PER", "E-PER", None, 3, ["O"]]
)
@pytest.mark.parametrize("side", ["gold", "predicted"])
@pytest.mark.parametrize("strict", [True, False])
def test_a_string_that_is_no_tag_is_an_error_with_its_sentence(tag, side, strict):
    good, bad = [["O", "B-PER"]] * 3, [["O", "B-PER"], ["O", "O"], ["O", tag]]
    arguments = (bad, good) if side == "gold" else (good, bad)
    with pytest.raises(EvaluationError, match=f"sentence 2, {side} tags: ") as caught:
        score_entities(*arguments, strict=strict)
    assert "B-PER" in caught.value.remedy


def test_types_with_hyphens_and_script_stay_whole():
    report = score_entities([["B-GEO-LOC", "I-GEO-LOC", "B-地点"]], [["B-GEO-LOC", "I-GEO-LOC", "O"]])
    assert list(report.per_type) == ["GEO-LOC", "地点"]


@pytest.mark.parametrize(
    ("gold", "predicted", "arguments", "message"),
    [
        ([], [], {}, "no sentence to score"),
        ([["O"]], [["O"], ["O"]], {}, r"\(gold 1, predicted 2\); sentence 1 has no partner"),
        ([["O"], ["O", "O"]], [["O"], ["O"]], {}, "sentence 1 has rows of different length: gold 2, predicted 1"),
        ([["O"], []], [["O"], []], {}, "sentence 1 is empty"),
        ([["O"]], [["O"]], {"words": [["a", "b"]]}, "sentence 0 has rows of different length: .* words 2"),
        ([["O"]], [["O"]], {"words": []}, "words 0"),
        (["O", "B-PER"], ["O", "B-PER"], {}, "sentence 0, gold: a list of strings is needed, got 'O'"),
        ([["O"]], [0], {}, "sentence 0, predicted: a list of strings is needed, got 0"),
        ([["O"]], [["O"]], {"words": ["a"]}, "sentence 0, words: a list of strings is needed"),
        ([["O"]], [["O"]], {"seen_surfaces": {"a"}}, "without the words"),
        ([["O"]], [["O"]], {"scheme": "IOBX"}, "unknown tag scheme 'IOBX'"),
        ([["O"]], [["O"]], {"bootstrap": -1}, "resamples is -1"),
    ],
)
def test_input_that_cannot_be_compared(gold, predicted, arguments, message):
    with pytest.raises(EvaluationError, match=message) as caught:
        score_entities(gold, predicted, **arguments)
    assert caught.value.remedy


def test_examples_need_words_and_a_known_kind():
    report = score_entities(GOLD, PREDICTED)
    with pytest.raises(EvaluationError, match="need the words"):
        report.examples("missed")
    with pytest.raises(EvaluationError, match="unknown kind of outcome 'wrong'"):
        report.examples("wrong")
    with_words = score_entities(GOLD, PREDICTED, words=WORDS)
    assert len(with_words.examples("missed", 0)) == len(with_words.examples("missed", -1)) == 0
    assert with_words.examples("missed", 5)[0].words == tuple(WORDS[1])


@given(PAIRS, st.booleans())
@settings(max_examples=200, deadline=None)
def test_identities_that_always_hold(pairs, strict):
    gold, predicted = map(list, zip(*pairs, strict=True))
    words = [[f"w{position}" for position in range(len(row))] for row in gold]
    report = score_entities(gold, predicted, strict=strict, words=words, seen_surfaces={"w0", "w1 w2"}, bootstrap=20)
    errors, micro = report.errors, report.micro
    assert errors["correct"] == micro.correct
    paired = errors["correct"] + errors["boundary"] + errors["type"] + errors["both"]
    assert paired + errors["missed"] == micro.gold == report.seen.gold + report.unseen.gold
    assert paired + errors["spurious"] == micro.predicted
    assert report.seen.found + report.unseen.found == micro.correct
    assert sum(len(report.examples(kind, 10_000)) for kind in KINDS) == len(report.outcomes)
    if report.low is not None:
        assert 0 <= report.low <= report.high <= 1
    json.dumps(report.to_dict(), allow_nan=False)
    swapped = score_entities(predicted, gold, strict=strict, bootstrap=0)
    assert (swapped.precision, swapped.recall, swapped.entity_f1) == (report.recall, report.precision, report.entity_f1)
    assert (swapped.errors["missed"], swapped.errors["spurious"]) == (errors["spurious"], errors["missed"])
    assert sum((sentence.total for sentence in report.counts), Counts()) == micro


@given(PAIRS, st.integers(0, 6))
@settings(max_examples=100, deadline=None)
def test_counts_add_up_however_the_sentences_are_dealt_out(pairs, cut):
    gold, predicted = map(list, zip(*pairs, strict=True))
    counts = score_entities(gold, predicted, bootstrap=0).counts
    nothing = EntityCounts(by_type={})
    left, right = sum(counts[:cut], nothing), sum(counts[cut:], nothing)
    assert left + right == right + left == sum(counts, nothing)


def test_counts_of_one_sentence():
    gold, predicted = [Entity(0, 1, "A"), Entity(2, 4, "B")], [Entity(0, 1, "A"), Entity(2, 3, "B"), Entity(5, 6, "C")]
    counts = count_entities(gold, predicted)
    assert counts.by_type == {
        "A": Counts(correct=1, predicted=1, gold=1),
        "B": Counts(correct=0, predicted=1, gold=1),
        "C": Counts(correct=0, predicted=1, gold=0),
    }
    assert counts.total == Counts(correct=1, predicted=3, gold=2)
    assert count_entities([], []).total == Counts()


class Tags(HTMLParser):
    """Collects the tags of a page and checks that they close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_html_is_escaped_well_formed_and_takes_the_colours_of_the_page():
    report = score_entities([["B-<script>alert(1)</script>", "I-A"]], [["B-A&B", "O"]])
    page = report._repr_html_()
    parser = Tags()
    parser.feed(page)
    assert parser.open == []
    assert "script" not in parser.seen
    assert parser.seen.count("tr") == 5
    assert "&lt;script&gt;" in page
    assert "A&amp;B" in page
    assert "currentColor" in page
    for colour in ("#", "rgb", "hsl", "color:", "background"):
        assert colour not in page


def test_table_is_fixed_width_and_safe_for_a_terminal():
    report = score_entities([["B-\x1b[31mX", "B-a-rather-long-type"]], [["O", "B-a-rather-long-type"]])
    text = str(report)
    table = text.split("\n\n")[0].splitlines()
    assert len(table) == 7
    assert len({len(line) for line in table[:-1]}) == 1
    assert "\x1b" not in text
    assert "\\u001b[31mX" in text
    assert repr(report) == text


def test_table_of_the_small_example():
    expected = """\
        precision      recall          f1        gold   predicted
-----------------------------------------------------------------
LOC     undefined       0.000       0.000           1           0
MISC        0.000   undefined       0.000           0           1
ORG         0.000       0.000       0.000           1           1
PER         1.000       1.000       1.000           1           1
-----------------------------------------------------------------
micro       0.333       0.333       0.333           3           3
macro       0.500       0.333       0.333

entity F1 0.333, strict IOB2, 3 sentences
outcomes: correct 1, boundary 0, type 1, both 0, missed 1, spurious 1"""
    assert str(score_entities(GOLD, PREDICTED, bootstrap=0)) == expected


def test_public_names_are_loaded_when_they_are_used():
    assert set(companion.evaluation.__all__) <= set(dir(companion.evaluation))
    for name in companion.evaluation.__all__:
        assert getattr(companion.evaluation, name).__name__ == name
    assert len(companion.evaluation.__all__) >= 16
    with pytest.raises(AttributeError, match="no attribute 'f1'"):
        _ = companion.evaluation.f1
    heavy = ["numpy", "scipy", "sklearn", "torch", "seqeval"]
    program = f"import sys, companion.evaluation; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def read_two_columns(path: Path) -> tuple[list[list[str]], list[list[str]]]:
    words: list[list[str]] = [[]]
    tags: list[list[str]] = [[]]
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.strip():
            word, tag = line.split("\t")[:2]
            words[-1].append(word)
            tags[-1].append(tag.split(",")[0])
        elif words[-1]:
            words.append([])
            tags.append([])
    return [row for row in words if row], [row for row in tags if row]


@pytest.mark.public_data
def test_wnut_names_are_counted_and_almost_all_unseen():
    root = os.environ.get("COMPANION_DATA")
    if not root:
        pytest.skip("COMPANION_DATA is not set, so WNUT-17 cannot be read")
    train_words, train_tags = read_two_columns(Path(root) / "wnut17" / "wnut17train.conll")
    words, tags = read_two_columns(Path(root) / "wnut17" / "emerging.test.annotated")
    training = [SimpleNamespace(words=w, tags=t) for w, t in zip(train_words, train_tags, strict=True)]
    report = score_entities(tags, tags, words=words, seen_surfaces=surface_forms(training), bootstrap=100)
    assert (report.sentences, report.micro.gold, report.entity_f1) == (1_287, 1_079, 1.0)
    assert report.seen.gold + report.unseen.gold == 1_079
    assert 0.01 < report.seen.gold / 1_079 < 0.03
