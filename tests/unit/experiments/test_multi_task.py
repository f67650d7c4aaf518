"""The multi-task experiment: the same rows for every arm, each sentence labelled once, cells that a record can hold."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from companion.errors import RecordError
from companion.experiments import load_record, multi_task


def test_the_plan_is_every_arm_with_every_seed() -> None:
    cells = multi_task.plan()
    assert len(cells) == len({tuple(cell.values()) for cell in cells}) == 55
    assert Counter(cell["arm"] for cell in cells) == dict.fromkeys(multi_task.ARMS, 5)
    assert [cell["arm"] for cell in cells[:8]] == list(multi_task.ARMS)[:8]


def test_no_sentence_is_labelled_twice() -> None:
    sources = multi_task.batches(0, dict.fromkeys(multi_task.TASKS, multi_task.LABELS), full=True)
    assert [len(source.rows) for source in sources.values()] == [200, 200, 200]
    rows = [tuple(row) for source in sources.values() for row in source.rows]
    repeated = sum(count - 1 for count in Counter(rows).values())
    texts = Counter(text.text for text in multi_task.corpora()["topic"].train)
    assert repeated <= sum(count - 1 for count in texts.values())
    assert multi_task.batches(1, {"names": 200}, full=True)["names"].rows != sources["names"].rows
    assert all(len(sentence.words) <= multi_task.LONGEST for sentence in multi_task.corpora()["names"].test)


def test_a_task_has_the_same_rows_whoever_shares_the_body() -> None:
    labels = dict.fromkeys(multi_task.TASKS, multi_task.LABELS)
    one, other = (multi_task.batches(2, labels, full=False)["topic"] for _ in range(2))
    assert one.fingerprint() == other.fingerprint()


def test_the_fast_profile_measures_real_cells(tmp_path: Path) -> None:
    alone, together, sampled = multi_task.run("fast", tmp_path, say=lambda line: None)
    assert set(alone.result) == {"names"}
    assert {"names", "sentiment", "topic", "start", "end"} <= set(together.result)
    assert set(together.result["start"]) == {"names+sentiment", "names+topic", "sentiment+topic"}
    assert together.result["start"] != together.result["end"]
    assert all(-1000 <= value <= 1000 for values in together.result["end"].values() for value in values)
    assert sum(sampled.result["updates"].values()) == 6
    assert len(json.dumps(together.result)) <= 600


def test_the_record_has_no_cell_outside_the_plan() -> None:
    try:
        measured = load_record(multi_task.NAME)
    except RecordError:
        measured = []
    assert {tuple(cell.factors.values()) for cell in measured} <= {tuple(cell.values()) for cell in multi_task.plan()}
