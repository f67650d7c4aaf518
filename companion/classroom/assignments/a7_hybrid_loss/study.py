"""Which weight to take, after a study with several seeds."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from itertools import pairwise

from companion.classroom.drawing import deviation, fixed_cases, mean, telling_cases
from companion.classroom.tasks import Case, Group, Misconception, Prediction, Task, Variant


def _highest(study: list, value: Callable[[list[float]], float]) -> float:
    best = max(value(scores) for _, scores in study)
    return min(weight for weight, scores in study if value(scores) >= best - 1e-12)


def best_mean(study: list) -> float:
    """The highest mean."""
    return _highest(study, mean)


def best_worst(study: list) -> float:
    """The highest of the lowest scores."""
    return _highest(study, min)


def one_error(study: list, error: Callable[[list[float]], float] | None = None) -> float:
    """The smallest weight whose mean is within one standard error of the best mean."""
    own = error or (lambda scores: deviation(scores) / math.sqrt(len(scores)))
    top = next(scores for weight, scores in study if weight == best_mean(study))
    return min(weight for weight, scores in study if mean(scores) >= mean(top) - own(top) - 1e-12)


_FORMS: dict[str, Callable[[list], float]] = {
    "best-mean": best_mean,
    "one-error": one_error,
    "best-worst": best_worst,
}

_INTRODUCTION = """Write `choose(study)`. Each entry is `[weight, scores]`: a weight of the masked term, and the scores
on the development part that it got with several seeds (at least two). Entries come in any order. Return the weight to
take:
"""

VARIANTS = (
    Variant(
        name="best-mean",
        statement=f"""{_INTRODUCTION}
**The one with the highest mean score**; of several with the same mean, the smallest.

`choose([[0.0, [0.6, 0.8]], [0.5, [0.7, 0.8]]])` is 0.5.""",
        reference=best_mean,
        prediction=Prediction(
            question="Eight weights are tried which in truth are all alike. The dev score of the chosen one, compared "
            "with its test score, is on average …",
            options={"A": "the same", "B": "lower", "C": "random", "D": "higher"},
            answer="D",
            why="The best of eight draws is a lucky draw. The more weights you try, the more the dev score promises.",
        ),
    ),
    Variant(
        name="one-error",
        statement=f"""{_INTRODUCTION}
**The smallest one whose mean is at most one standard error below the best mean.** The standard error is the standard
deviation of the scores *of the best weight* (divide by n − 1), over √n. Of several with the best mean, the smallest is
the best weight.

`choose([[0.0, [0.7, 0.7]], [0.5, [0.6, 0.9]]])` is 0.0: the best mean is 0.75, and its standard error 0.15.""",
        reference=one_error,
        prediction=Prediction(
            question="More seeds are run for every weight, and the means stay where they are. The chosen weight …",
            options={
                "A": "becomes 0",
                "B": "stays or grows",
                "C": "stays or becomes smaller",
                "D": "becomes random",
            },
            answer="B",
            why="The error shrinks, so fewer of the smaller weights are close enough to the best.",
        ),
    ),
    Variant(
        name="best-worst",
        statement=f"""{_INTRODUCTION}
**The one whose worst seed is best**; of several with the same worst score, the smallest weight.

`choose([[0.0, [0.6, 0.9]], [0.5, [0.65, 0.7]]])` is 0.5.""",
        reference=best_worst,
        prediction=Prediction(
            question="One weight was run with 3 seeds, another, equally good, with 30. By its worst seed, which looks "
            "better?",
            options={"A": "the one with 3", "B": "the one with 30", "C": "neither", "D": "the larger weight"},
            answer="A",
            why="The more draws, the lower the lowest. Compare worst seeds only at equal numbers of seeds.",
        ),
    ),
)


def _cases(variant: Variant, generator: random.Random) -> list[Case]:
    def study(g: random.Random) -> tuple:
        centre = g.uniform(0.6, 0.75)
        entries = [
            [weight, [round(centre + g.gauss(0, 0.02) + g.uniform(-0.01, 0.02), 3) for _ in range(5)]]
            for weight in (0.0, 0.1, 0.3, 1.0, 3.0)
        ]
        return (entries,)

    def in_disorder(g: random.Random) -> tuple:
        (entries,) = study(g)
        g.shuffle(entries)
        return (entries,)

    def is_clear(entries: list) -> bool:
        """Whether rounding cannot decide: no two means are equal, and none stands at the limit."""
        values = [mean(scores) for _, scores in entries]
        top = next(scores for weight, scores in entries if weight == best_mean(entries))
        limits = [mean(top) - deviation(top) / math.sqrt(len(top))] if variant.name == "one-error" else []
        return all(high - low > 1e-9 for low, high in pairwise(sorted(values + limits)))

    def tells(entries: list) -> bool:
        if variant.name != "best-worst" and not is_clear(entries):
            return False
        right = variant.reference(entries)
        whole = variant.name == "one-error" and one_error(entries, deviation) == right
        return _best_seed(variant.name, entries) != right and not whole

    level = [[weight, [0.7, 0.7, 0.7]] for weight in (1.0, 0.3, 3.0)]
    return [
        *telling_cases("order", 5, VARIANTS, study, generator, tells),
        *telling_cases("disorder", 5, VARIANTS, in_disorder, generator, tells),
        *fixed_cases("level", (level,), ([[0.3, [0.5, 0.6]]],)),
    ]


def _best_seed(variant: str, study: list) -> float:
    return _highest(study, max)


def _whole_deviation(variant: str, study: list) -> float:
    if variant != "one-error":
        raise ValueError("a mistake of this variant alone")
    return one_error(study, deviation)


def _largest(variant: str, study: list) -> float:
    if variant == "one-error":
        raise ValueError("recognised for the other forms")
    value = mean if variant == "best-mean" else min
    best = max(value(scores) for _, scores in study)
    return max(weight for weight, scores in study if value(scores) >= best - 1e-12)


def _first(variant: str, study: list) -> float:
    value = min if variant == "best-worst" else mean
    return max(study, key=lambda entry: value(entry[1]))[0]


CHOOSE = Task(
    function="choose",
    title="Which weight to take",
    groups=(
        Group(name="order", points=4, teaches="five weights with five seeds each, from small to large"),
        Group(name="disorder", points=3, teaches="the entries come in any order"),
        Group(name="level", points=2, teaches="where nothing tells weights apart, take the smallest"),
    ),
    variants=VARIANTS,
    cases=_cases,
    misconceptions=(
        Misconception(
            name="the best seed wins",
            message="You take the weight with the best single run. That is a prize for the luckiest seed, and goes to "
            "whoever has tried the most.",
            answer=_best_seed,
        ),
        Misconception(
            name="a deviation for an error",
            message="You allow a whole standard deviation. The error of a mean is smaller by √n.",
            answer=_whole_deviation,
        ),
        Misconception(
            name="the largest of equals",
            message="Of equally good weights you take the largest. The smaller one disturbs the task less.",
            answer=_largest,
        ),
        Misconception(
            name="the first of equals",
            message="Of equally good weights you take the one that happens to stand first. Entries come in any order.",
            answer=_first,
        ),
    ),
)
