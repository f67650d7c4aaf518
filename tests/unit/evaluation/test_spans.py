"""Reading a corpus at once says what reading it row by row says, in every scheme, and counts as sets of entities do."""

from __future__ import annotations

import random
from itertools import chain

import numpy as np
import pytest

from companion.corpora.schemes import PREFIXES, entities
from companion.errors import DataError
from companion.evaluation import spans as module
from companion.evaluation.counts import Counts, EntityCounts, count_entities
from companion.evaluation.entities import score_entities
from companion.evaluation.spans import correct_spans, count_spans, find_spans
from companion.evaluation.taxonomy import compare

ROWS = 1_500


def rows_of(scheme: str, seed: int, number: int = ROWS) -> list[list[str]]:
    """Rows of noise; broken transitions are the rule."""
    draw = random.Random(seed)
    tags = [f"{letter}-{kind}" for letter in PREFIXES[scheme] for kind in ("A", "B-C", "地点")]
    return [draw.choices(["O", *tags], weights=[4, *[1] * len(tags)], k=draw.randint(1, 9)) for _ in range(number)]


def differing(scheme: str, *, strict: bool) -> tuple[int, int, int]:
    """Rows compared, rows on which the two readings differ, and entities found."""
    rows = rows_of(scheme, seed=1)
    (found,) = find_spans([rows], scheme=scheme, strict=strict)
    all_entities, cuts = found.entities(), found.cuts()
    read = [all_entities[cuts[index] : cuts[index + 1]] for index in range(len(rows))]
    expected = [entities(row, scheme=scheme, strict=strict) for row in rows]
    return len(read), sum(one != other for one, other in zip(read, expected, strict=True)), len(all_entities)


def broken(row: list[str], scheme: str) -> int:
    """The tags of a row that are not part of a well-formed entity."""
    inside = sum(entity.end - entity.start for entity in entities(row, scheme=scheme))
    return sum(tag != "O" for tag in row) - inside


@pytest.mark.parametrize("scheme", sorted(PREFIXES))
@pytest.mark.parametrize("strict", [True, False])
def test_tags_that_break_the_scheme_are_counted_in_either_reading(scheme: str, strict: bool) -> None:
    rows = rows_of(scheme, seed=2)
    (found,) = find_spans([rows], scheme=scheme, strict=strict)
    assert found.ill_formed == sum(broken(row, scheme) for row in rows) > 100


@pytest.mark.parametrize("scheme", sorted(PREFIXES))
@pytest.mark.parametrize("strict", [True, False])
def test_both_readings_find_the_same_entities(scheme: str, strict: bool) -> None:
    compared, differ, found = differing(scheme, strict=strict)
    assert (compared, differ) == (ROWS, 0)
    assert found > 500


@pytest.mark.parametrize("scheme", sorted(PREFIXES))
def test_sabotaged_twin_a_reading_that_takes_every_piece_is_caught(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_well_formed", lambda letter, kind, starts, ends, scheme: np.full(len(starts), True))
    assert differing(scheme, strict=True)[1] > ROWS / 10


def test_sabotaged_twin_rows_that_run_into_each_other_are_caught() -> None:
    rows = rows_of("IOB2", seed=3)
    apart, together = (
        find_spans([rows], strict=False)[0],
        find_spans([[list(chain.from_iterable(rows))]], strict=False)[0],
    )
    assert len(together.start) < len(apart.start)


@pytest.mark.parametrize("scheme", sorted(PREFIXES))
def test_counts_equal_those_of_sets_of_entities(scheme: str) -> None:
    gold = rows_of(scheme, seed=4)
    draw = random.Random(5)
    predicted = [[tag if draw.random() < 0.8 else draw.choice(row) for tag in row] for row in gold]
    sides = find_spans([gold, predicted], scheme=scheme)
    table, by_type, counts = count_spans(*sides)
    expected = [
        count_entities(entities(one, scheme=scheme), entities(other, scheme=scheme))
        for one, other in zip(gold, predicted, strict=True)
    ]
    assert list(counts) == expected and len(expected) == ROWS
    assert table.tolist() == [[c.total.correct, c.total.predicted, c.total.gold] for c in expected]
    assert by_type == sum(expected, EntityCounts(by_type={})).by_type
    assert list(by_type) == sorted(by_type) and len(by_type) == 3
    assert 0 < correct_spans(*sides).sum() < len(sides[1].start)


def test_corpora_without_entities_count_nothing() -> None:
    nothing, something = [["O", "O"], ["O"]], [["O", "B-A"], ["O"]]
    for gold, predicted in ((nothing, nothing), (nothing, something), (something, nothing)):
        table, by_type, counts = count_spans(*find_spans([gold, predicted]))
        assert table.shape == (2, 3) and table[:, 0].sum() == 0
        total = sum(by_type.values(), Counts())
        assert (total.predicted, total.gold) == (int(predicted is something), int(gold is something))
        assert counts[1].by_type == {}


def test_what_is_no_tag_is_refused() -> None:
    for tag in ("PER", "b-A", "E-A", None):
        with pytest.raises(DataError):
            find_spans([[["O"]], [["O", tag]]])
    with pytest.raises(TypeError):
        find_spans([[[["O"]]]])


@pytest.mark.parametrize("strict", [True, False])
def test_outcomes_are_those_of_each_sentence_by_itself(strict: bool) -> None:
    gold = rows_of("IOB2", seed=6, number=400)
    draw = random.Random(7)
    predicted = [row if draw.random() < 0.5 else draw.sample(row, len(row)) for row in gold]
    expected = []
    for index, rows in enumerate(zip(gold, predicted, strict=True)):
        expected += compare(*(entities(row, strict=strict) for row in rows), sentence=index)
    report = score_entities(gold, predicted, strict=strict, bootstrap=0)
    assert list(report.outcomes) == expected
    assert all(number > 0 for number in report.errors.values())
