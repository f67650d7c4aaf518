"""A burst alarm: does a window hold too large a share of something (bad news, complaints) to be chance?"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from companion.errors import ConfigError, DataError


@dataclass(frozen=True, kw_only=True, slots=True)
class BurstAlarm:
    """Rings when the share of hits in a window is too high against a calm reference, by Fisher's exact test.

    While nothing changes, a window rings with at most the probability `false_alarm_rate`. That holds exactly, for any
    share and any number of texts, because the test allows for a reference that is itself a sample; it takes the texts
    of a window to be independent of each other. Shares are compared and not counts, so a busy day is no burst.

    Raises:
        ConfigError: the reference is empty or has more hits than texts, or the rate is not between 0 and 1.

    Follows: Fisher's exact test, one-sided, used as a control chart for a share (Shewhart's p-chart).
    Taught in: book/outlook/three-applications
    """

    hits: int
    """Hits in the reference, counted with the same model that will watch."""
    total: int
    """Texts in the reference."""
    false_alarm_rate: float = 0.001
    """The highest chance of a false alarm that is accepted for one window."""

    def __post_init__(self) -> None:
        if not 0 <= self.hits <= self.total or self.total < 1:
            raise ConfigError(f"a reference of {self.hits} hits in {self.total} texts", remedy="give at least one text")
        if not 0 < self.false_alarm_rate < 1:
            raise ConfigError(
                f"false_alarm_rate is {self.false_alarm_rate}", remedy="choose a chance between 0 and 1, such as 0.001"
            )

    def p_value(self, hits: int, total: int) -> float:
        """The chance of at least so many hits in a window of so many texts, if its share is that of the reference.

        Raises:
            DataError: more hits than texts, or less than none.
        """
        if not 0 <= hits <= total:
            raise DataError(f"a window of {hits} hits in {total} texts", remedy="count the hits among its texts")
        return _tail(self.hits, self.total, hits, total)

    def limit(self, total: int) -> int:
        """The smallest number of hits at which a window of so many texts rings; `total + 1` if none does."""
        return _limit(self.hits, self.total, total, self.false_alarm_rate)

    def rings(self, hits: Sequence[int], totals: Sequence[int], *, width: int = 1) -> list[bool]:
        """Whether it rings after each period, looking at the last `width` periods together.

        A wider window finds weaker bursts and finds them later. Near the beginning it holds what there is.

        Raises:
            ConfigError: `width` is below 1.
            DataError: lists of different length, or a period with more hits than texts.
        """
        if width < 1:
            raise ConfigError(f"width is {width}", remedy="look at one period or more")
        if len(hits) != len(totals) or not all(0 <= some <= all_ for some, all_ in zip(hits, totals, strict=True)):
            raise DataError("hits do not fit the totals", remedy="give the hits and the texts of each period")
        windows = [slice(max(0, end - width), end) for end in range(1, len(hits) + 1)]
        return [sum(hits[window]) >= self.limit(sum(totals[window])) for window in windows]


@cache
def _limit(reference_hits: int, reference_total: int, total: int, rate: float) -> int:
    # The more hits, the smaller the chance of as many, so that the first one that is small enough is found by halves.
    places = range(total + 1)
    return bisect_left(places, -rate, key=lambda hits: -_tail(reference_hits, reference_total, hits, total))


def _tail(reference_hits: int, reference_total: int, hits: int, total: int) -> float:
    """The chance that of all hits, reference and window together, at least so many fall into the window."""
    everything, all_hits = reference_total + total, reference_hits + hits
    ways = _log_choose(everything, total)
    terms = (
        math.exp(_log_choose(all_hits, more) + _log_choose(everything - all_hits, total - more) - ways)
        for more in range(max(hits, total - (everything - all_hits)), min(total, all_hits) + 1)
    )
    return min(1.0, math.fsum(terms))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
