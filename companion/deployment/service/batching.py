"""A queue with an end, and threads that take from it batches of texts that are equally long."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol


class Answering(Protocol):
    """What can be asked: texts that were prepared in, one answer for each out."""

    def answer(self, prepared: Sequence[Any]) -> list[Any]:
        """One answer for each."""


class QueueFull(Exception):
    """There is no room for these texts; `retry_after` are the seconds in which there probably is."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("the queue is full")
        self.retry_after = retry_after


class Closing(Exception):
    """The service is about to end and takes nothing new."""


class Expired(Exception):
    """The deadline passed before the texts were computed."""


@dataclass(eq=False, kw_only=True, slots=True)
class _Request:
    future: Future[list[Any]]
    deadline: float
    answers: list[Any]
    left: int

    def is_over(self) -> bool:
        return self.future.done()


@dataclass(eq=False, kw_only=True, slots=True)
class _Row:
    request: _Request
    place: int
    model: Any
    prepared: Any
    since: float
    arrival: int = field(default=0)


class Batcher:
    """Computes waiting texts in batches: the oldest first, with it those of the same model and length.

    A request comes in whole or not at all, and its texts may be computed in different batches. What has passed its
    deadline, or whose client has gone, is not computed. If a batch fails, its texts are computed one by one, so that
    a text that cannot be answered takes no other with it.

    With `workers=0` nothing runs by itself: `step()` computes one batch, for tests.

    Taught in: book/engineering/serving
    """

    def __init__(
        self,
        *,
        max_batch: int = 32,
        max_wait: float = 0.0,
        max_queue: int = 512,
        workers: int = 1,
        saw_batch: Callable[[Any, int], None] = lambda model, size: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.max_batch, self.max_wait, self.max_queue = max_batch, max_wait, max_queue
        self._saw_batch, self._clock = saw_batch, clock
        self._waiting: dict[Hashable, deque[_Row]] = {}
        self._count = self._arrivals = self._computing = 0
        self._seconds_per_row = 0.01
        self._changed = threading.Condition()
        self._closing = False
        self._threads = [
            threading.Thread(target=self._run, name=f"companion-worker-{number}", daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """How many texts are in the queue."""
        return self._count

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is being computed."""
        return self._count == 0 and self._computing == 0

    def submit(self, model: Answering, rows: Sequence[tuple[Hashable, Any]], deadline: float) -> Future[list[Any]]:
        """Put texts, each with the key that equal ones share, into the queue; the future gives their answers in order.

        `deadline` is a time of the clock. Cancelling the future takes the texts out of the queue.

        Raises:
            QueueFull: there is no room for all of them.
            Closing: the service is about to end.
        """
        future: Future[list[Any]] = Future()
        request = _Request(future=future, deadline=deadline, answers=[None] * len(rows), left=len(rows))
        if not rows:
            future.set_result([])
            return future
        with self._changed:
            if self._closing:
                raise Closing
            if self._count + len(rows) > self.max_queue:
                raise QueueFull(max(1, math.ceil(self._count * self._seconds_per_row)))
            now = self._clock()
            for place, (key, prepared) in enumerate(rows):
                self._arrivals += 1
                row = _Row(
                    request=request, place=place, model=model, prepared=prepared, since=now, arrival=self._arrivals
                )
                self._waiting.setdefault((id(model), key), deque()).append(row)
            self._count += len(rows)
            self._changed.notify(len(rows))
        return future

    def close(self, *, timeout: float | None = None) -> bool:
        """Take nothing new, finish what is there, and end the threads; False where that took longer than `timeout`."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        end = None if timeout is None else time.monotonic() + timeout
        for thread in self._threads:
            thread.join(None if end is None else max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def step(self) -> int:
        """Compute the batch that is due now, and say how many texts it held; 0 where nothing is."""
        with self._changed:
            batch = self._take()
        self._compute(batch)
        return len(batch)

    def _run(self) -> None:
        while True:
            with self._changed:
                while (pause := self._pause()) != 0.0:
                    if self._closing and self._count == 0:
                        return
                    self._changed.wait(pause)
                batch = self._take()
            self._compute(batch)

    def _pause(self) -> float | None:
        """Seconds until a batch is due: 0.0 now, None when something comes."""
        self._drop()
        head = self._oldest()
        if head is None:
            return None
        full = len(self._waiting[head]) >= self.max_batch
        first = self._waiting[head][0]
        if full or self._closing or not getattr(first.model, "gains_from_company", True):
            return 0.0
        return max(0.0, first.since + self.max_wait - self._clock())

    def _oldest(self) -> Hashable | None:
        return min(self._waiting, key=lambda key: self._waiting[key][0].arrival, default=None)

    def _drop(self) -> None:
        """Take out of the queue what nobody waits for any longer."""
        now = self._clock()
        for key in list(self._waiting):
            rows = self._waiting[key]
            if any(row.request.is_over() or row.request.deadline <= now for row in rows):
                for row in rows:
                    if row.request.deadline <= now:
                        _fail(row.request, Expired())
                kept = deque(row for row in rows if not row.request.is_over())
                self._count -= len(rows) - len(kept)
                self._waiting[key] = kept
            if not self._waiting[key]:
                del self._waiting[key]

    def _take(self) -> list[_Row]:
        self._drop()
        head = self._oldest()
        if head is None:
            return []
        rows = self._waiting[head]
        batch = [rows.popleft() for _ in range(min(self.max_batch, len(rows)))]
        if not rows:
            del self._waiting[head]
        self._count -= len(batch)
        self._computing += len(batch)
        return batch

    def _compute(self, batch: list[_Row]) -> None:
        if not batch:
            return
        start, model = self._clock(), batch[0].model
        try:
            try:
                answers = model.answer([row.prepared for row in batch])
                if len(answers) != len(batch):
                    raise RuntimeError("the model gave another number of answers")
            except Exception as error:
                if len(batch) == 1:
                    _fail(batch[0].request, error)
                    return
                self._one_by_one(batch)
                return
            for row, answer in zip(batch, answers, strict=True):
                _settle(row, answer)
            self._saw_batch(model, len(batch))
        finally:
            with self._changed:
                self._computing -= len(batch)
                self._seconds_per_row += 0.1 * ((self._clock() - start) / len(batch) - self._seconds_per_row)
                # Nobody is woken for nothing: on a busy machine each waking costs milliseconds.
                self._changed.notify(len(self._threads) if self._closing else min(1, self._count))

    def _one_by_one(self, batch: list[_Row]) -> None:
        for row in batch:
            try:
                answer = row.model.answer([row.prepared])[0]
            except Exception as error:
                _fail(row.request, error)
            else:
                _settle(row, answer)


_SETTLING = threading.Lock()


def _settle(row: _Row, answer: Any) -> None:
    with _SETTLING:
        row.request.answers[row.place] = answer
        row.request.left -= 1
        if row.request.left == 0 and not row.request.is_over() and row.request.future.set_running_or_notify_cancel():
            row.request.future.set_result(row.request.answers)


def _fail(request: _Request, error: BaseException) -> None:
    with _SETTLING:
        if not request.is_over() and request.future.set_running_or_notify_cancel():
            request.future.set_exception(error)
