"""The queue, step by step and with a clock that the test turns."""

from __future__ import annotations

import threading

import pytest

from companion.deployment.service.batching import Batcher, Closing, Expired, QueueFull


class Echo:
    """Answers each text with itself, remembers the batches, and fails at "bad"."""

    def __init__(self, *, gains: bool = True) -> None:
        self.batches: list[list[str]] = []
        self.gains_from_company = gains

    def answer(self, prepared):
        self.batches.append(list(prepared))
        if "bad" in prepared:
            raise ValueError("bad")
        return [text.upper() for text in prepared]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def batcher(clock):
    return Batcher(workers=0, max_batch=3, max_queue=8, max_wait=1.0, clock=clock)


def rows(*texts: str):
    return [(len(text), text) for text in texts]


def test_equally_long_texts_are_computed_together_the_oldest_first(batcher):
    echo = Echo()
    futures = [batcher.submit(echo, rows(*texts), 10.0) for texts in (("aa", "b"), ("cc",), ("d", "ee", "ff"))]
    assert batcher.waiting == 6
    assert [batcher.step() for _ in range(4)] == [3, 2, 1, 0]
    assert echo.batches == [["aa", "cc", "ee"], ["b", "d"], ["ff"]]
    assert [future.result() for future in futures] == [["AA", "B"], ["CC"], ["D", "EE", "FF"]]
    assert batcher.waiting == 0
    assert batcher.idle


def test_texts_of_different_models_never_meet(batcher):
    one, other = Echo(), Echo()
    futures = [batcher.submit(model, rows("aa"), 10.0) for model in (one, other, one)]
    while batcher.step():
        pass
    assert (one.batches, other.batches) == ([["aa", "aa"]], [["aa"]])
    assert [future.result() for future in futures] == [["AA"]] * 3


def test_a_request_comes_in_whole_or_not_at_all(batcher):
    echo = Echo()
    batcher.submit(echo, rows(*"abcdef"), 10.0)
    with pytest.raises(QueueFull) as caught:
        batcher.submit(echo, rows(*"xyz"), 10.0)
    assert caught.value.retry_after >= 1
    assert batcher.waiting == 6
    batcher.submit(echo, rows(*"xy"), 10.0)
    assert batcher.waiting == 8
    assert batcher.submit(echo, [], 10.0).result() == []


def test_what_nobody_waits_for_is_not_computed(batcher, clock):
    echo = Echo()
    late, gone, kept = (batcher.submit(echo, rows(text), end) for text, end in (("a", 5.0), ("b", 50.0), ("c", 50.0)))
    gone.cancel()
    clock.now = 6.0
    assert batcher.step() == 1
    assert echo.batches == [["c"]]
    assert kept.result() == ["C"]
    with pytest.raises(Expired):
        late.result()
    assert batcher.idle


def test_a_text_that_cannot_be_answered_takes_no_other_with_it(batcher):
    echo = Echo()
    good, bad, mixed = (batcher.submit(echo, rows(*texts), 9.0) for texts in (("one",), ("bad",), ("two", "bad")))
    while batcher.step():
        pass
    assert good.result() == ["ONE"]
    for future in (bad, mixed):
        with pytest.raises(ValueError, match="bad"):
            future.result()
    assert batcher.idle


def test_a_batch_that_is_not_full_waits_for_company(batcher, clock):
    batcher.submit(Echo(), rows("aa"), 10.0)
    clock.now = 0.25
    assert batcher._pause() == 0.75
    clock.now = 1.0
    assert batcher._pause() == 0.0


def test_it_does_not_wait_where_it_is_full_or_company_is_no_gain(batcher):
    batcher.submit(Echo(), rows("aa", "bb", "cc"), 10.0)
    assert batcher._pause() == 0.0
    batcher.step()
    batcher.submit(Echo(gains=False), rows("aa"), 10.0)
    assert batcher._pause() == 0.0


def test_the_end_finishes_what_is_there():
    batcher, echo = Batcher(workers=2, max_wait=0.0), Echo()
    futures = [batcher.submit(echo, rows("aa", "b"), float("inf")) for _ in range(20)]
    assert batcher.close(timeout=30)
    assert [future.result() for future in futures] == [["AA", "B"]] * 20
    with pytest.raises(Closing):
        batcher.submit(echo, rows("a"), float("inf"))


def test_threads_lose_nothing():
    batcher, echo, found = Batcher(workers=2, max_wait=0.0, max_batch=4), Echo(), []

    def client(number: int) -> None:
        for turn in range(20):
            text = f"{number}-{turn}" * (1 + turn % 3)
            found.append(batcher.submit(echo, rows(text), float("inf")).result(30) == [text.upper()])

    threads = [threading.Thread(target=client, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 80
    assert batcher.close(timeout=30)
