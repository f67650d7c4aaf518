"""Two models on the same traffic: how much the new one changes, and whether it may stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from companion.deployment.monitoring.observations import Observation
from companion.errors import ConfigError, DataError
from companion.evaluation.calibration import wilson_interval
from companion.evaluation.comparison import Comparison
from companion.evaluation.intervals import Interval, bootstrap_interval

PROMOTE, ROLL_BACK, GO_ON = "promote", "roll back", "go on"


@dataclass(frozen=True, kw_only=True, slots=True)
class CanaryVerdict:
    """What became of a canary; `print` it, or keep its `to_dict`.

    Taught in: book/engineering/watching
    """

    decision: str
    """"promote", "roll back", or "go on": these rows do not decide."""
    reason: str
    """Why, in one sentence."""
    changed: Interval
    """The share of texts that the new model answers differently, with Wilson's interval."""
    confidence: Interval
    """Mean confidence, new minus former, on the same texts."""
    quality: Interval
    """The score to quote first, new minus former, on the rows whose right answers are known."""
    margin: float
    """How much worse the new model may be."""

    def to_dict(self) -> dict[str, Any]:
        """The verdict as JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.decision}: {self.reason}",
                f"  answered differently  {self.changed}",
                f"  confidence            {self.confidence:+.3f}",
                f"  quality               {self.quality:+.3f}, may be {self.margin:g} worse",
            ]
        )


def judge_canary(
    former: Sequence[Observation],
    new: Sequence[Observation],
    quality: Comparison,
    *,
    margin: float = 0.02,
    resamples: int = 1000,
    seed: int = 0,
) -> CanaryVerdict:
    """Decide on a new model from what both said about the same texts, and from a sample with known answers.

    `quality` is `companion.compare(report of the former model, report of the new one)`, of which the first score
    counts. The rule is one of non-inferiority: *promote* where the whole interval lies above −margin, *roll back* where
    it lies below, otherwise *go on* and label more. Disagreement and confidence are told and decide nothing: a better
    model disagrees as well, and a worse one can be surer of itself.

    The interval is for one look. Who looks again after every window, until it decides, is misled more often.

    Raises:
        ConfigError: the margin is negative, or the scores are errors, of which less is more.
        DataError: the two did not answer the same texts.

    Taught in: book/engineering/watching
    """
    if margin < 0:
        raise ConfigError(f"margin is {margin!r}", remedy="give how much worse the new model may be, 0 or more")
    first = quality.differences[0]
    if first.metric.endswith("error"):
        raise ConfigError(f"{first.metric} is better where it is less", remedy="compare taggers or classifiers")
    if len(former) != len(new) or [one.words for one in former] != [one.words for one in new] or not former:
        raise DataError(
            f"{len(former)} and {len(new)} texts were answered, or not the same ones",
            remedy="send the same texts to both models, in the same order",
        )
    differ = sum(a.answer != b.answer for a, b in zip(former, new, strict=True))
    sure = np.array([[b.confidence - a.confidence, 1.0] for a, b in zip(former, new, strict=True)])
    decision, reason = _decide(first.difference, margin, f"{quality.rows:,} {quality.unit}")
    return CanaryVerdict(
        decision=decision,
        reason=reason,
        changed=wilson_interval(differ, len(new)),
        confidence=bootstrap_interval(lambda sums: sums[:, 0] / sums[:, 1], sure, resamples=resamples, seed=seed),
        quality=first.difference,
        margin=margin,
    )


def _decide(interval: Interval, margin: float, rows: str) -> tuple[str, str]:
    low, high = interval.low, interval.high
    if low is None or high is None:
        return GO_ON, f"on {rows} the difference is not defined"
    if high < -margin:
        return ROLL_BACK, f"on {rows} the new model is worse by more than the margin"
    if low > -margin:
        return PROMOTE, f"on {rows} it is not worse by more than the margin"
    return GO_ON, f"{rows} do not tell whether it is worse by more than the margin"
