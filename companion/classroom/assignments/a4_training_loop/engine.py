"""The loop of the assignment in plain Python, with a bank of bugs that can be put into it one by one."""

from __future__ import annotations

import math
from dataclasses import dataclass

Row = list[float]

BUGS = ("kept", "means", "early clip", "leftover", "same object", "last loss", "by batch", "coupled", "new buffer")


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """What a form of the task does with a gradient."""

    momentum: float = 0.0
    """What is kept of the last step's velocity."""
    decay: float = 0.0
    """Share of a weight that a step takes off, times the rate."""
    falling: bool = False
    """Whether the rate falls linearly to 0, else it rises over `warmup` updates and stays."""


RULES = {
    "falling-rate": Rule(falling=True),
    "momentum": Rule(momentum=0.9),
    "decay": Rule(decay=0.1),
}


def _loss(weights: Row, rows: list[Row]) -> tuple[float, Row]:
    """Sum of squared errors and its gradient."""
    total, slope = 0.0, [0.0] * len(weights)
    for *x, y in rows:
        error = sum(w * value for w, value in zip(weights, x, strict=True)) - y
        total += error**2
        slope = [g + 2 * error * value for g, value in zip(slope, x, strict=True)]
    return total, slope


def _clipped(gradient: Row, limit: float) -> Row:
    norm = math.sqrt(sum(g * g for g in gradient))
    return [g * limit / norm for g in gradient] if norm > limit else gradient


def _rate(rule: Rule, settings: dict, update: int, updates: int) -> float:
    if rule.falling:
        return settings["rate"] * (1 - update / updates)
    if rule.momentum:
        return settings["rate"] * min(1.0, (update + 1) / settings["warmup"])
    return settings["rate"]


def run(variant: str, start: Row, batches: list, dev: list, settings: dict, bugs: frozenset[str] = frozenset()) -> dict:
    """Best weights and the loss of each update, as `variant` asks, with some of `BUGS`."""
    rule, size = RULES[variant], settings["accumulate"]
    windows = [batches[at : at + size] for at in range(0, len(batches), size)]
    if "leftover" in bugs and len(windows[-1]) < size:
        windows.pop()
    weights, velocity, gradient = [*start], [0.0] * len(start), [0.0] * len(start)
    best, best_loss, losses = [*start], math.inf, []
    for update, window in enumerate(windows):
        gradient = gradient if "kept" in bugs else [0.0] * len(start)
        rows = sum(len(batch) for batch in window)
        sums = []
        for batch in window:
            total, slope = _loss(weights, batch)
            share = len(batch) * len(window) if "means" in bugs else rows
            gradient = [g + s / share for g, s in zip(gradient, slope, strict=True)]
            if "early clip" in bugs:
                gradient = _clipped(gradient, settings["clip"])
            sums.append((total, len(batch)))
        if "coupled" in bugs:
            gradient = [g + rule.decay * w for g, w in zip(gradient, weights, strict=True)]
        gradient = _clipped(gradient, settings["clip"])
        rate = _rate(
            rule, settings, *(_by_batch(update, size, batches) if "by batch" in bugs else (update, len(windows)))
        )
        kept = 0.0 if "new buffer" in bugs else rule.momentum
        velocity = [kept * v + g for v, g in zip(velocity, gradient, strict=True)]
        shrink = 0.0 if "coupled" in bugs else rate * rule.decay
        weights = [w - rate * v - shrink * w for w, v in zip(weights, velocity, strict=True)]
        losses.append(_window_loss(sums, bugs))
        if dev:
            dev_loss = _loss(weights, dev)[0]
            if dev_loss < best_loss or "same object" in bugs:
                best, best_loss = weights, dev_loss
        else:
            best = weights
    return {"weights": best, "losses": losses}


def _by_batch(update: int, size: int, batches: list) -> tuple[int, int]:
    return update * size, len(batches)


def _window_loss(sums: list[tuple[float, int]], bugs: frozenset[str]) -> float:
    if "last loss" in bugs:
        return sums[-1][0] / sums[-1][1]
    if "means" in bugs:
        return sum(total / rows for total, rows in sums) / len(sums)
    return sum(total for total, _ in sums) / sum(rows for _, rows in sums)
