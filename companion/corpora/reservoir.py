"""A memory of fixed size over a stream of rows: a uniform sample of all that was seen so far."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Any, Generic, Self, TypeVar

from companion.errors import ConfigError
from companion.randomness import key

Row = TypeVar("Row")


class Reservoir(Generic[Row]):
    """At most `size` rows, such that each of the rows seen so far is held with the same chance.

    The first `size` rows fill the places. Row number n (from 0) then draws a place from 0 to n: below `size`, it takes
    the place of the row that stood there, otherwise it is let go. The draw depends on (seed, n) alone, so a reservoir
    that is put down with `state()` and taken up again goes on as if it had never stopped.

    Raises:
        ConfigError: the size is no whole number from 1 up.

    Follows: Vitter (1985), "Random sampling with a reservoir", algorithm R.
    Taught in: book/hybrid/continual-learning
    """

    def __init__(self, size: int, *, seed: int = 0) -> None:
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ConfigError(f"the size of the memory is {size!r}", remedy="give a whole number of rows, 1 or more")
        self.size, self.seed = size, seed
        self.seen = 0
        """How many rows have come by."""
        self.rows: list[Row] = []
        """The rows that are held, by place."""

    def add(self, row: Row) -> None:
        """Let one row of the stream come by."""
        number, self.seen = self.seen, self.seen + 1
        if number < self.size:
            self.rows.append(row)
        elif (place := self._draw(number)) < self.size:
            self.rows[place] = row

    def extend(self, rows: Iterable[Row]) -> Self:
        """Let rows come by in order; returns the reservoir."""
        for row in rows:
            self.add(row)
        return self

    def state(self) -> dict[str, Any]:
        """All there is to carry, in plain values: size, seed, how many were seen, and the rows by place."""
        return {"size": self.size, "seed": self.seed, "seen": self.seen, "rows": list(self.rows)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """The reservoir that `state()` put down.

        Raises:
            ConfigError: it holds another number of rows than so many seen would leave.
        """
        found = cls(state["size"], seed=state["seed"])
        found.seen, found.rows = state["seen"], list(state["rows"])
        if len(found.rows) != min(found.seen, found.size):
            raise ConfigError(
                f"{len(found.rows)} rows for a memory of {found.size} that has seen {found.seen}",
                remedy="give the state as state() made it",
            )
        return found

    def _draw(self, number: int) -> int:
        return random.Random(key(self.seed, "reservoir", number)).randrange(number + 1)
