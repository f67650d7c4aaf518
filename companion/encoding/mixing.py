"""Several batch sources as one: all of them in every update, or one of them drawn for each."""

from __future__ import annotations

import copy
import hashlib
import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

from companion.encoding.contract import BatchSource
from companion.errors import ConfigError
from companion.randomness import key

if TYPE_CHECKING:
    from torch import Tensor


class _Parts:
    """Sources by the part of the batch that each of them fills."""

    def __init__(self, sources: Mapping[str, BatchSource]) -> None:
        if not sources:
            raise ConfigError("there is no source to mix", remedy="give each part of the batch one")
        for name, source in sources.items():
            if source.updates(0) < 1:
                raise ConfigError(f"the part {name!r} has no update", remedy="give it some rows, or leave it out")
        self.sources = dict(sources)
        # What each source itself calls its part; asking for it later would make a source plan its first epoch again.
        self._inside = {name: next(iter(source.window(0, 0))) for name, source in sources.items()}

    def with_seed(self, seed: int) -> Self:
        """The same sources, each in the order of the run's seed unless it has one of its own."""
        seeded = copy.copy(self)
        seeded.sources = {
            name: source.with_seed(seed) if hasattr(source, "with_seed") else source
            for name, source in self.sources.items()
        }
        return seeded

    def length(self, part: str, row: int) -> int:
        """How many word pieces a row has; 1 where its source does not say."""
        source = self.sources[part]
        return source.length(self._inside[part], row) if hasattr(source, "length") else 1

    def collate(self, part: str, ids: Sequence[int]) -> Mapping[str, Tensor]:
        """These rows of one part as its own source makes them."""
        return self.sources[part].collate(self._inside[part], ids)

    def fingerprint(self) -> str:
        """A digest of all sources and of how they are mixed."""
        digest = hashlib.sha256(self._settings().encode())
        for name, source in self.sources.items():
            digest.update(f"{name}\x1f{source.fingerprint()}\x1f".encode())
        return digest.hexdigest()

    def _settings(self) -> str:
        return type(self).__name__

    def _rows(self, part: str, number: int) -> list[int]:
        """The rows of the `number`-th update that a source gives, epoch after epoch."""
        source, epoch = self.sources[part], 0
        while number >= source.updates(epoch):
            number -= source.updates(epoch)
            epoch += 1
        [rows] = source.window(epoch, number).values()
        return list(rows)


class JointBatches(_Parts):
    """Every update holds rows of every source: `JointBatches({"labelled": …, "unlabelled": …})`.

    An epoch is an epoch of the first source; the others go on where they were, epoch after epoch of their own, so that
    none of their rows comes more often than another.

    Raises:
        ConfigError: there is no source, or one without rows.

    Taught in: book/hybrid/hybrid-fine-tuning
    """

    def updates(self, epoch: int) -> int:
        """How many updates an epoch of the first source has."""
        return next(iter(self.sources.values())).updates(epoch)

    def window(self, epoch: int, update: int) -> dict[str, list[int]]:
        """The rows of one update, part by part."""
        number = sum(self.updates(before) for before in range(epoch)) + update
        return {part: self._rows(part, number) for part in self.sources}


class SampledBatches(_Parts):
    """Every update holds rows of one source, drawn with a chance that grows with its size.

    The chance is proportional to `updates ** (1 / temperature)`: 1 keeps the shares of the data, a large temperature
    makes all sources equally frequent. The draw depends on (seed, epoch, update) alone.

    Raises:
        ConfigError: there is no source, one without rows, or the temperature is below 1.

    Follows: the temperature sampling of Raffel et al. (2020), section 3.5.2, there with 1 / T as well.
    Taught in: book/hybrid/multi-task
    """

    def __init__(
        self, sources: Mapping[str, BatchSource], *, temperature: float = 1.0, seed: int | None = None
    ) -> None:
        super().__init__(sources)
        if not 1.0 <= temperature < float("inf"):
            raise ConfigError(f"temperature is {temperature}", remedy="choose 1 (shares of the data) or more")
        self.temperature, self.seed = temperature, seed
        self._drawn: dict[int, list[str]] = {}

    @property
    def chances(self) -> dict[str, float]:
        """The chance of each source to be drawn."""
        sizes = {name: source.updates(0) ** (1 / self.temperature) for name, source in self.sources.items()}
        total = sum(sizes.values())
        return {name: size / total for name, size in sizes.items()}

    def with_seed(self, seed: int) -> Self:
        """The same sources on the run's seed, unless they have one of their own."""
        seeded = super().with_seed(seed)
        seeded.seed, seeded._drawn = (seed if self.seed is None else self.seed), {}
        return seeded

    def updates(self, epoch: int) -> int:
        """As many updates as all sources have together."""
        return sum(source.updates(epoch) for source in self.sources.values())

    def window(self, epoch: int, update: int) -> dict[str, list[int]]:
        """The rows of the source that is drawn for this update."""
        part = self._draws(epoch)[update]
        before = sum(self._draws(earlier).count(part) for earlier in range(epoch))
        return {part: self._rows(part, before + self._draws(epoch)[:update].count(part))}

    def _draws(self, epoch: int) -> list[str]:
        if epoch not in self._drawn:
            names, weights = zip(*self.chances.items(), strict=True)
            draw = random.Random(key(0 if self.seed is None else self.seed, "sources", epoch))
            self._drawn[epoch] = draw.choices(names, weights, k=self.updates(epoch))
        return self._drawn[epoch]

    def _settings(self) -> str:
        return f"{type(self).__name__} {self.temperature} {self.seed}"
