"""One number for an epoch, from the numbers of its batches."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from companion.classroom.drawing import fixed_cases, telling_cases
from companion.classroom.tasks import Case, Group, Misconception, Prediction, Task, Variant


def token_mean(batches: list) -> float | None:
    """Every token counts once; None without any."""
    tokens = sum(count for _, count in batches)
    return sum(loss * count for loss, count in batches) / tokens if tokens else None


_FINISH: dict[str, Callable[[float], float]] = {
    "nats": lambda mean: mean,
    "perplexity": math.exp,
    "bits": lambda mean: mean / math.log(2),
}


def _reference(name: str) -> Callable[[list], float]:
    def answer(batches: list) -> float:
        mean = token_mean(batches)
        return 0.0 if mean is None else _FINISH[name](mean)

    return answer


_INTRODUCTION = """Write `epoch_number(batches)`. Each batch is a pair `[mean loss, number of tokens]`; the mean is a
natural logarithm (in *nats*) over the tokens of that batch. Return one number for all of them, in which **every token
counts once**, and `0.0` if there is no token at all.
"""

VARIANTS = (
    Variant(
        name="nats",
        statement=f"""{_INTRODUCTION}
The number is the **mean loss per token**, in nats. `epoch_number([[1.0, 30], [3.0, 10]])` is 1.5.""",
        reference=_reference("nats"),
        prediction=Prediction(
            question="Nine batches hold 100 tokens each, with a loss of 1. The last one holds 4 tokens, with a loss of "
            "6. Somebody averages the ten numbers. The result is …",
            options={"A": "right", "B": "too high by nearly a half", "C": "too low", "D": "too high by about 0.02"},
            answer="B",
            why="The ten numbers average to 1.5. Per token it is 1.022: the last four tokens had been given the say of "
            "a hundred.",
        ),
    ),
    Variant(
        name="perplexity",
        statement=f"""{_INTRODUCTION}
The number is the *perplexity* (困惑度): **e to the power of the mean loss per token**.
`epoch_number([[1.0, 30], [3.0, 10]])` is 4.4816….""",
        reference=_reference("perplexity"),
        prediction=Prediction(
            question="Two batches of one size have the losses 1 and 5. Somebody takes the perplexity of each, and then "
            "the mean of the two. Compared with the right one, this is …",
            options={"A": "much higher", "B": "a little higher", "C": "the same", "D": "lower"},
            answer="A",
            why="e³ is about 20. The mean of e¹ and e⁵ is about 76: an exponential is ruled by its largest value.",
        ),
    ),
    Variant(
        name="bits",
        statement=f"""{_INTRODUCTION}
The number is the mean loss per token in **bits**: with logarithms to the base 2 in place of natural ones.
`epoch_number([[1.0, 30], [3.0, 10]])` is 2.1640….""",
        reference=_reference("bits"),
        prediction=Prediction(
            question="A model that knows nothing guesses evenly among 256 pieces. Its loss is …",
            options={"A": "5.5 bits", "B": "256 bits", "C": "8 bits", "D": "1 bit"},
            answer="C",
            why="2⁸ is 256: eight yes-or-no questions. In nats it is 5.5.",
        ),
    ),
)


def _uneven_tells(batches: list) -> bool:
    means = sum(loss for loss, _ in batches) / len(batches)
    return abs(means - token_mean(batches)) > 0.05


def _cases(variant: Variant, generator: random.Random) -> list[Case]:
    def uneven(g: random.Random) -> tuple:
        return ([[round(g.uniform(0.2, 3.5), 2), g.randint(1, 60)] for _ in range(g.randint(3, 6))],)

    def with_empty(g: random.Random) -> tuple:
        (batches,) = uneven(g)
        batches.insert(g.randint(0, len(batches)), [0.0, 0])
        return (batches,)

    def even(g: random.Random) -> tuple:
        return ([[round(g.uniform(0.2, 3.5), 2), 32] for _ in range(4)],)

    return [
        *telling_cases("even", 2, VARIANTS, even, generator),
        *telling_cases("uneven", 5, VARIANTS, uneven, generator, _uneven_tells),
        *telling_cases("empty", 3, VARIANTS, with_empty, generator, _uneven_tells),
        *fixed_cases("nothing", ([],), ([[0.0, 0]],)),
    ]


def _mean_of_means(variant: str, batches: list) -> float:
    return _FINISH[variant](sum(loss for loss, _ in batches) / len(batches))


def _finished_first(variant: str, batches: list) -> float:
    return token_mean([[_FINISH[variant](loss), count] for loss, count in batches])


EPOCH_NUMBER = Task(
    function="epoch_number",
    title="One number for an epoch",
    groups=(
        Group(name="even", points=2, teaches="batches of one size give the right number in the right unit"),
        Group(name="uneven", points=4, teaches="batches of different sizes: every token counts once"),
        Group(name="empty", points=1, teaches="a batch without tokens changes nothing"),
        Group(name="nothing", points=2, teaches="without any token, the number is 0.0"),
    ),
    variants=VARIANTS,
    cases=_cases,
    misconceptions=(
        Misconception(
            name="a mean of means",
            message="You average the batches' means. A short last batch then has as much say as a full one. Go back to "
            "sums: mean times tokens, added up, over all tokens.",
            answer=_mean_of_means,
        ),
        Misconception(
            name="the exponential comes too early",
            message="You take the exponential of each batch and average those. Average the losses first; the "
            "exponential comes last.",
            answer=_finished_first,
        ),
    ),
)
