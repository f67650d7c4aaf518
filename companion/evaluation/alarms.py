"""How good an alarm is: how many of its alarms are true, how many bursts it finds, and how late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from companion.errors import EvaluationError
from companion.evaluation.calibration import wilson_interval
from companion.evaluation.intervals import Interval


@dataclass(frozen=True, kw_only=True, slots=True)
class AlarmReport:
    """Alarms against bursts whose times are known; reports of several series add up with `+`.

    Taught in: book/outlook/three-applications
    """

    alarms: int = 0
    """How often it rang; windows in a row that ring are one alarm."""
    true_alarms: int = 0
    """The alarms that rang in a burst."""
    bursts: int = 0
    """How many bursts there were."""
    delays: tuple[int, ...] = ()
    """For each burst that was found, windows from its beginning to the first that rang; 0 is at once."""

    @property
    def precision(self) -> Interval | None:
        """The share of alarms that are true, with Wilson's interval; None without an alarm."""
        return wilson_interval(self.true_alarms, self.alarms) if self.alarms else None

    @property
    def recall(self) -> Interval | None:
        """The share of bursts that were found, with Wilson's interval; None without a burst."""
        return wilson_interval(len(self.delays), self.bursts) if self.bursts else None

    @property
    def delay(self) -> float | None:
        """The mean delay of the bursts that were found, in windows; None where none was."""
        return fmean(self.delays) if self.delays else None

    def __add__(self, other: AlarmReport) -> AlarmReport:
        return AlarmReport(
            alarms=self.alarms + other.alarms,
            true_alarms=self.true_alarms + other.true_alarms,
            bursts=self.bursts + other.bursts,
            delays=self.delays + other.delays,
        )


def score_alarms(ringing: Sequence[bool], bursts: Sequence[tuple[int, int]], *, grace: int = 0) -> AlarmReport:
    """Compare which windows rang with bursts, each (first window, window after the last).

    `grace` is for alarms that look back: an alarm up to so many windows after a burst still belongs to it.

    Raises:
        EvaluationError: a burst is empty or outside the series, bursts meet (grace included), or grace is negative.

    Taught in: book/outlook/three-applications
    """
    if grace < 0:
        raise EvaluationError(f"grace is {grace}", remedy="give 0 windows or more")
    bursts = sorted(bursts)
    outside = [burst for burst in bursts if not 0 <= burst[0] < burst[1] <= len(ringing)]
    if outside or any(left[1] + grace > right[0] for left, right in pairwise(bursts)):
        raise EvaluationError(
            f"bursts {outside or bursts} in a series of {len(ringing)} windows",
            remedy="give (first, after the last) within the series, and keep bursts apart by more than the grace",
        )
    spans = [range(start, min(end + grace, len(ringing))) for start, end in bursts]
    within = {window for span in spans for window in span}
    starts = [t for t, rings in enumerate(ringing) if rings and not (t and ringing[t - 1])]
    runs = [(start, next((t for t in range(start, len(ringing)) if not ringing[t]), len(ringing))) for start in starts]
    first = [next((t for t in span if ringing[t]), None) for span in spans]
    return AlarmReport(
        alarms=len(runs),
        true_alarms=sum(any(t in within for t in range(*run)) for run in runs),
        bursts=len(bursts),
        delays=tuple(t - span[0] for t, span in zip(first, spans, strict=True) if t is not None),
    )
