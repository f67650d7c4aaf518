"""Has the traffic changed? Windows of a stream against a reference, with one stated rate of false alarms.

For each window, all signals are tested together by permutation: the window's rows are shuffled among those of the
reference, and the index of every signal is taken again. If nothing has changed, the window is one of those shuffles, so
an alarm comes with at most the stated probability, whatever the sizes, the bins, and however the signals hang together.
What the proof needs is that rows are exchangeable: sentences of one article that come together are not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from companion.deployment.monitoring.observations import Observation, signals_of
from companion.deployment.monitoring.stability import BINS, bin_codes, population_stability
from companion.errors import ConfigError, DataError
from companion.randomness import key


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowVerdict:
    """What the monitor says of one window.

    Taught in: book/engineering/watching
    """

    start: int
    """Place of its first row in the stream, from 0."""
    end: int
    """Place after its last row."""
    p_value: float
    """How often a window of unchanged traffic would look at least as strange in its strangest signal."""
    alarm: bool
    """Whether that is at most the stated rate."""
    stability: Mapping[str, float]
    """The population stability index of each signal."""
    moved: tuple[str, ...]
    """The signals that are strange at the stated rate by themselves, corrected for how many there are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftReport:
    """A watched stream; `print` it, or keep its `to_json`.

    Taught in: book/engineering/watching
    """

    windows: tuple[WindowVerdict, ...]
    """In order."""
    false_alarms: float
    """The stated rate for each window."""
    reference: int
    """Rows that the windows were held against."""
    left_over: int
    """Rows at the end of the stream that filled no window."""

    @property
    def alarms(self) -> tuple[WindowVerdict, ...]:
        """The windows with an alarm."""
        return tuple(window for window in self.windows if window.alarm)

    def delay(self, onset: int) -> int | None:
        """Rows from `onset`, where something changed, to the end of the first window after it with an alarm.

        None where there is no such window. An alarm before the onset is false, and does not count.
        """
        return next((window.end - onset for window in self.alarms if window.end > onset), None)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {**asdict(self), "alarms": len(self.alarms)}

    def to_json(self) -> str:
        """The report as one JSON object."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False)

    def __str__(self) -> str:
        lines = [
            f"{'alarm' if window.alarm else '  ok '}  rows {window.start:,} to {window.end - 1:,}  "
            f"p = {window.p_value:.3f}  {', '.join(window.moved)}".rstrip()
            for window in self.windows
        ]
        return "\n".join([*lines, f"{len(self.alarms)} of {len(self.windows)} windows with an alarm"])


@dataclass(frozen=True, kw_only=True)
class DriftMonitor:
    """Holds windows of a stream against a reference, and raises an alarm at a stated rate of false ones.

    Raises:
        ConfigError: a number is outside its range, or so few permutations cannot show so small a rate.
        DataError: the reference is empty or smaller than a window.

    Follows: Phipson and Smyth (2010), "Permutation P-values Should Never Be Zero"; Westfall and Young (1993),
        "Resampling-Based Multiple Testing", for several signals at once.
    Taught in: book/engineering/watching
    """

    reference: Sequence[Observation]
    """Traffic from a time when all was well; not what the model was trained on."""
    window: int = 50
    """Rows that are judged together."""
    false_alarms: float = 0.01
    """The probability of an alarm in a window of unchanged traffic."""
    bins: int = BINS
    """Into how many bins a number is cut."""
    permutations: int = 999
    """How many shuffles a window is compared with."""
    seed: int = 0
    """Decides the shuffles."""

    def __post_init__(self) -> None:
        for name, least in (("window", 2), ("bins", 2), ("permutations", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ConfigError(f"{name} is {value!r}", remedy=f"give a whole number, {least} or more")
        if not 0 < self.false_alarms < 1:
            raise ConfigError(f"false_alarms is {self.false_alarms!r}", remedy="give a share between 0 and 1")
        if self.false_alarms * (self.permutations + 1) < 1:
            raise ConfigError(
                f"{self.permutations} permutations never show a rate of {self.false_alarms:g}: there would be no alarm",
                remedy=f"take at least {int(np.ceil(1 / self.false_alarms)) - 1} permutations",
            )
        signals_of(self.reference)
        if len(self.reference) < self.window:
            raise DataError(
                f"the reference has {len(self.reference)} rows, a window {self.window}",
                remedy="collect a reference of several windows first",
            )

    def watch(self, stream: Iterable[Observation]) -> DriftReport:
        """Judge a stream, window after window.

        In m windows of unchanged traffic about m times `false_alarms` alarms are to be expected.

        Raises:
            DataError: the stream is of another kind of task than the reference.
        """
        rows = list(stream)
        starts = range(0, len(rows) - self.window + 1, self.window)
        windows = tuple(self.judge(rows[start : start + self.window], start=start) for start in starts)
        return DriftReport(
            windows=windows,
            false_alarms=self.false_alarms,
            reference=len(self.reference),
            left_over=len(rows) - len(windows) * self.window,
        )

    def judge(self, rows: Sequence[Observation], *, start: int = 0) -> WindowVerdict:
        """The verdict on one window, whose first row stands at `start` of its stream.

        Raises:
            DataError: the window is empty, or of another kind of task than the reference.
        """
        pooled, size = [*self.reference, *rows], len(rows)
        signals = signals_of(pooled)
        if not size:
            raise DataError("the window is empty", remedy="give at least one row")
        chosen_RW = self._shuffles(len(pooled), size, start)
        coded = {name: bin_codes([read(row) for row in pooled], self.bins) for name, read in signals.items()}
        indices_SR = np.stack([_indices(codes, bins, chosen_RW) for codes, bins in coded.values()])
        strange_SR = _strangeness(indices_SR)
        strangest_R = strange_SR.max(0)
        # One shuffle is the window itself, the first; it is counted, so that no p-value is 0.
        corrected = {
            name: float((strangest_R >= own).mean()) for name, own in zip(coded, strange_SR[:, 0], strict=True)
        }
        p_value = min(corrected.values())
        return WindowVerdict(
            start=start,
            end=start + size,
            p_value=p_value,
            alarm=p_value <= self.false_alarms,
            stability={name: float(index) for name, index in zip(coded, indices_SR[:, 0], strict=True)},
            moved=tuple(name for name, p in corrected.items() if p <= self.false_alarms),
        )

    def _shuffles(self, rows: int, size: int, start: int) -> np.ndarray:
        """Places of `size` of the pooled rows, shape [permutations + 1, size]; the first are the window's own."""
        generator = np.random.Generator(np.random.PCG64(key(self.seed, "drift", start)))
        drawn = generator.random((self.permutations, rows)).argpartition(size - 1, axis=1)[:, :size]
        return np.concatenate([np.arange(rows - size, rows)[None], drawn])


def _indices(codes: np.ndarray, bins: int, chosen_RW: np.ndarray) -> np.ndarray:
    """The index of every shuffle, shape [shuffles]: the rows it chose against all others."""
    places = codes[chosen_RW] + np.arange(len(chosen_RW))[:, None] * bins
    inside = np.bincount(places.ravel(), minlength=len(chosen_RW) * bins).reshape(-1, bins)
    return population_stability(np.bincount(codes, minlength=bins) - inside, inside)


def _strangeness(indices_SR: np.ndarray) -> np.ndarray:
    """Indices of signals with other bins on one scale: cube roots, of which the shuffles' mean is 0 and deviation 1.

    The cube root makes the skewed index about normal (Wilson and Hilferty 1931), so that no signal has the loudest
    tail; a signal that never varies has none. Rounded, so that equal shuffles stay equal.
    """
    roots_SR = np.cbrt(np.maximum(indices_SR, 0.0))
    spread_S1 = roots_SR.std(1, keepdims=True)
    centred_SR = roots_SR - roots_SR.mean(1, keepdims=True)
    return np.round(np.divide(centred_SR, spread_S1, out=np.full_like(roots_SR, -np.inf), where=spread_S1 > 1e-12), 9)
