"""How much faster than seqeval's strict mode entities are counted; prints the ratio, checks nothing.

    python tests/benchmarks/entity_counting.py

Both count the same rows in one process, by turns, in processor time, so that whatever else the machine does meets both.
With `COMPANION_DATA` the gold rows are the test split of WNUT-17; without it, rows of the same number and mean length
are drawn. In the predicted rows every thirtieth tag or so is redrawn. Both must find the same F1, or nothing is timed.
"""

from __future__ import annotations

import os
import random
import statistics
import time
import warnings
from collections.abc import Callable

from seqeval.metrics import f1_score
from seqeval.scheme import IOB2

from companion.corpora.catalog import load_corpus
from companion.evaluation.entities import score_entities

SENTENCES, WORDS, ENTITIES = 1_287, 23_394, 1_079
TYPES = ("corporation", "creative-work", "group", "location", "person", "product")
REDRAWN, TURNS = 0.03, 15


def gold_rows(draw: random.Random) -> list[list[str]]:
    """The tags of WNUT-17's test split, or rows of its size."""
    if os.environ.get("COMPANION_DATA"):
        return [list(sentence.tags) for sentence in load_corpus("wnut17").test]
    rows = []
    for _ in range(SENTENCES):
        row: list[str] = []
        length = draw.randint(1, 2 * WORDS // SENTENCES - 1)
        while len(row) < length:
            if draw.random() < ENTITIES / WORDS:
                kind = draw.choice(TYPES)
                row += [f"B-{kind}", *[f"I-{kind}"] * draw.choice((0, 0, 1, 2))]
            else:
                row.append("O")
        rows.append(row)
    return rows


def seconds(call: Callable[[], object]) -> float:
    """How much processor time one call takes."""
    start = time.process_time()
    call()
    return time.process_time() - start


def main() -> None:
    """Time both and print the ratios."""
    warnings.simplefilter("ignore")
    draw = random.Random(0)
    gold = gold_rows(draw)
    tags = [tag for row in gold for tag in row]
    predicted = [[draw.choice(tags) if draw.random() < REDRAWN else tag for tag in row] for row in gold]

    def theirs() -> float:
        return f1_score(gold, predicted, mode="strict", scheme=IOB2)

    def counts() -> float | None:
        return score_entities(gold, predicted, bootstrap=0).entity_f1

    def interval() -> float | None:
        return score_entities(gold, predicted).entity_f1

    if not abs(theirs() - (counts() or 0.0)) < 1e-12:
        raise SystemExit(f"seqeval finds F1 {theirs()}, we {counts()}")
    times = {call.__name__: [] for call in (theirs, counts, interval)}
    for _ in range(TURNS):
        for call in (theirs, counts, interval):
            times[call.__name__].append(seconds(call))
    print(f"{len(gold):,} sentences, {len(tags):,} tags, median of {TURNS} turns")
    print(f"seqeval, strict, F1 alone                    {statistics.median(times['theirs']) * 1000:6.1f} ms")
    for name, said in (("counts", "score_entities, counts and outcomes"), ("interval", "the same, 1,000 resamples")):
        ratio = statistics.median(a / b for a, b in zip(times["theirs"], times[name], strict=True))
        print(f"{said:<44} {statistics.median(times[name]) * 1000:6.1f} ms, {ratio:.1f} times as fast")


if __name__ == "__main__":
    main()
