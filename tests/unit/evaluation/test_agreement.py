"""Entity counts against two judges: seqeval, and a conlleval written here from the rules of the Perl script.

`COMPANION_CASES=100000` compares that many pairs of rows instead of 10,000.
"""

from __future__ import annotations

import os
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from companion.evaluation import entities as entity_scoring
from companion.evaluation import score_entities
from companion.evaluation.spans import find_spans

TAGS = ["O", *(f"{prefix}-{kind}" for kind in "ABC" for prefix in "BI")]
PAIRS = int(os.environ.get("COMPANION_CASES", 10_000))
Triple = tuple[int, int, int]  # correct, predicted, gold


def random_pairs(number: int = PAIRS, seed: int = 2) -> list[tuple[list[str], list[str]]]:
    """Rows of noise, invalid transitions included; the second row is a damaged copy, so that some entities agree."""
    draw = random.Random(seed)
    pairs = []
    for _ in range(number):
        gold = draw.choices(TAGS, weights=[4, *[1] * 6], k=draw.randint(1, 14))
        damage = draw.choice([0.0, 0.1, 0.3, 1.0])
        pairs.append((gold, [draw.choice(TAGS) if draw.random() < damage else tag for tag in gold]))
    return pairs


def ours(pairs: Sequence[tuple[list[str], list[str]]], *, strict: bool) -> list[dict[str, Triple]]:
    gold, predicted = zip(*pairs, strict=True)
    report = score_entities(gold, predicted, strict=strict, bootstrap=0)
    return [
        {kind: (counts.correct, counts.predicted, counts.gold) for kind, counts in sentence.by_type.items()}
        for sentence in report.counts
    ]


def seqeval_strict(gold: list[str], predicted: list[str]) -> dict[str, Triple]:
    from seqeval.scheme import IOB2, Entities

    sides = [Entities([row], IOB2) for row in (gold, predicted)]
    found = [{kind: side.filter(kind) for kind in side.unique_tags} for side in sides]
    return as_triples(*found)


def seqeval_default(gold: list[str], predicted: list[str]) -> dict[str, Triple]:
    from seqeval.metrics.sequence_labeling import get_entities

    found: list[dict[str, set]] = []
    for row in (gold, predicted):
        side: dict[str, set] = defaultdict(set)
        for kind, start, end in get_entities(row):
            side[kind].add((start, end))
        found.append(side)
    return as_triples(*found)


def as_triples(gold: dict[str, set], predicted: dict[str, set]) -> dict[str, Triple]:
    kinds = sorted({*gold, *predicted})
    sets = {kind: (gold.get(kind, set()), predicted.get(kind, set())) for kind in kinds}
    return {kind: (len(g & p), len(p), len(g)) for kind, (g, p) in sets.items()}


def conlleval(gold: Sequence[str], predicted: Sequence[str]) -> dict[str, Triple]:
    """The counting loop of conlleval.pl: two streams side by side, and a flag while both stand in the same chunk."""

    def cut(tag: str) -> tuple[str, str]:
        return (tag, "") if tag == "O" else (tag[0], tag[2:])

    def ends(before: tuple[str, str], now: tuple[str, str]) -> bool:
        return before[0] != "O" and (now[0] in ("B", "O") or before[1] != now[1])

    def starts(before: tuple[str, str], now: tuple[str, str]) -> bool:
        return now[0] == "B" or (now[0] == "I" and (before[0] == "O" or before[1] != now[1]))

    correct: Counter[str] = Counter()
    guessed: Counter[str] = Counter()
    present: Counter[str] = Counter()
    inside = False
    last_gold = last_guess = ("O", "")
    for gold_tag, guess_tag in zip([*gold, "O"], [*predicted, "O"], strict=True):
        now_gold, now_guess = cut(gold_tag), cut(guess_tag)
        if inside:
            gold_ends, guess_ends = ends(last_gold, now_gold), ends(last_guess, now_guess)
            if gold_ends and guess_ends:
                correct[last_gold[1]] += 1
                inside = False
            elif gold_ends != guess_ends or now_gold[1] != now_guess[1]:
                inside = False
        gold_starts, guess_starts = starts(last_gold, now_gold), starts(last_guess, now_guess)
        inside = inside or (gold_starts and guess_starts and now_gold[1] == now_guess[1])
        present[now_gold[1]] += gold_starts
        guessed[now_guess[1]] += guess_starts
        last_gold, last_guess = now_gold, now_guess
    kinds = sorted({kind for kind in (*present, *guessed) if present[kind] or guessed[kind]})
    return {kind: (correct[kind], guessed[kind], present[kind]) for kind in kinds}


def disagreements(judge: Callable[[list[str], list[str]], dict[str, Triple]], *, strict: bool) -> tuple[int, int, int]:
    """How many pairs were compared, how many differ, and how many gold entities they hold."""
    pairs = random_pairs()
    expected = [judge(gold, predicted) for gold, predicted in pairs]
    compared = ours(pairs, strict=strict)
    differ = sum(one != other for one, other in zip(compared, expected, strict=True))
    found = sum(triple[2] for row in expected for triple in row.values())
    return len(compared), differ, found


@pytest.mark.parametrize(
    ("judge", "strict"),
    [(seqeval_strict, True), (seqeval_default, False), (conlleval, False)],
    ids=["seqeval strict", "seqeval default", "conlleval"],
)
def test_counts_agree_on_every_pair(judge, strict):
    compared, differ, found = disagreements(judge, strict=strict)
    assert compared == PAIRS
    assert differ == 0
    assert found > PAIRS


def test_sabotaged_twin_lenient_extraction_is_caught(monkeypatch):
    monkeypatch.setattr(entity_scoring, "find_spans", partial(read_always, really=False))
    compared, differ, _ = disagreements(seqeval_strict, strict=True)
    assert compared == PAIRS
    assert differ > PAIRS / 10


def test_sabotaged_twin_strict_extraction_is_caught(monkeypatch):
    monkeypatch.setattr(entity_scoring, "find_spans", partial(read_always, really=True))
    _, differ, _ = disagreements(conlleval, strict=False)
    assert differ > PAIRS / 10


def read_always(sides, *, scheme: str, strict: bool, really: bool):
    """What `find_spans` does when it does not heed `strict`."""
    return find_spans(sides, scheme=scheme, strict=really)


@pytest.mark.parametrize("strict", [True, False])
def test_whole_corpus_scores_equal_seqeval(strict):
    from seqeval.metrics.sequence_labeling import precision_recall_fscore_support as lenient_scores
    from seqeval.metrics.v1 import precision_recall_fscore_support as strict_scores
    from seqeval.scheme import IOB2

    gold, predicted = map(list, zip(*random_pairs(2_000, seed=5), strict=True))
    judge = partial(strict_scores, gold, predicted, scheme=IOB2) if strict else partial(lenient_scores, gold, predicted)
    report = score_entities(gold, predicted, strict=strict, bootstrap=0)
    p, r, f, _ = judge(average="micro")
    assert (report.precision, report.recall, report.entity_f1) == pytest.approx((p, r, f), abs=1e-12)
    rows = judge(average=None)
    assert list(report.per_type) == ["A", "B", "C"]
    for position, counts in enumerate(report.per_type.values()):
        expected = [float(column[position]) for column in rows]
        assert [counts.precision, counts.recall, counts.f1, counts.gold] == pytest.approx(expected, abs=1e-12)


def test_strict_and_lenient_part_where_a_tag_continues_nothing():
    gold, predicted = [["B-PER", "I-PER"]], [["I-PER", "I-PER"]]
    assert score_entities(gold, predicted, strict=True).entity_f1 == 0.0
    assert score_entities(gold, predicted, strict=False).entity_f1 == 1.0
