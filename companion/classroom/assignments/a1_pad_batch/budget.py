"""Which rows share a batch, when memory is a budget of pieces."""

from __future__ import annotations

import random

from companion.classroom.drawing import fixed_cases, telling_cases
from companion.classroom.tasks import Case, Group, Misconception, Prediction, Task, Variant


def fill(lengths: list[int], budget: int, *, padded: bool = True, longest_first: bool = False) -> list[list[int]]:
    """Positions of rows, batch by batch: a row joins the open batch if the budget allows, else it opens the next."""
    order = list(range(len(lengths)))
    if longest_first:
        order.sort(key=lambda position: -lengths[position])
    batches: list[list[int]] = []
    for position in order:
        if batches:
            joined = [lengths[one] for one in (*batches[-1], position)]
            if (len(joined) * max(joined) if padded else sum(joined)) <= budget:
                batches[-1].append(position)
                continue
        batches.append([position])
    return batches


_FORMS = {"padded": {}, "real": {"padded": False}, "longest-first": {"longest_first": True}}

_INTRODUCTION = """Write `batches(lengths, budget)`. `lengths[i]` is the number of pieces of row `i`. Return a list of
batches, each a list of row numbers. Fill greedily: take the rows one after the other; a row joins the batch that is
open if the batch with it keeps the budget, otherwise it opens the next one. A row that is too long by itself still
gets a batch of its own: no row is lost.
"""

VARIANTS = (
    Variant(
        name="padded",
        statement=f"""{_INTRODUCTION}
* Take the rows **in the given order**.
* A batch costs what the rectangle holds: **its number of rows times its longest row**, padding included.

`batches([2, 5, 3, 1], 10)` is `[[0, 1], [2, 3]]`: with row 2, the first batch would cost 3 × 5 = 15.""",
        reference=lambda lengths, budget: fill(lengths, budget),
        prediction=Prediction(
            question="Lengths 1, 1, 1, 9 and a budget of 12. How many batches?",
            options={"A": "1", "B": "2", "C": "3", "D": "4"},
            answer="B",
            why="All four pieces sum to 12, but as a rectangle they would be 4 × 9 = 36. One long row makes all its "
            "neighbours long.",
        ),
    ),
    Variant(
        name="real",
        statement=f"""{_INTRODUCTION}
* Take the rows **in the given order**.
* A batch costs **the sum of its lengths**: these rows are *packed* one behind the other, without padding.

`batches([2, 5, 3, 1], 10)` is `[[0, 1, 2], [3]]`: 2 + 5 + 3 is exactly 10.""",
        reference=lambda lengths, budget: fill(lengths, budget, padded=False),
        prediction=Prediction(
            question="Lengths 1, 1, 1, 9 and a budget of 12. How many batches?",
            options={"A": "1", "B": "2", "C": "3", "D": "4"},
            answer="A",
            why="Packed, the four rows cost 12 pieces, which the budget just allows. A rectangle would cost 36.",
        ),
    ),
    Variant(
        name="longest-first",
        statement=f"""{_INTRODUCTION}
* Take the rows **from the longest to the shortest**; among rows of one length, the one that comes first in the list
  goes first.
* A batch costs what the rectangle holds: **its number of rows times its longest row**, padding included.

`batches([2, 5, 3, 1], 10)` is `[[1, 2], [0, 3]]`.""",
        reference=lambda lengths, budget: fill(lengths, budget, longest_first=True),
        prediction=Prediction(
            question="Lengths 1, 9, 1, 9, 1, 9, 1, 9 and a budget of 18. In the given order it takes four batches. And "
            "from the longest to the shortest?",
            options={"A": "2", "B": "4 again", "C": "3", "D": "8"},
            answer="C",
            why="Two batches of two long rows are full, and the four short ones share the third, without any padding.",
        ),
    ),
)


def _cases(variant: Variant, generator: random.Random) -> list[Case]:
    def mixed(g: random.Random) -> tuple:
        return [g.randint(1, 9) for _ in range(g.randint(6, 10))], g.randint(12, 20)

    def with_giants(g: random.Random) -> tuple:
        lengths, budget = mixed(g)
        for giant in (budget + g.randint(1, 9), budget + g.randint(1, 9)):
            lengths.insert(g.randint(0, len(lengths)), giant)
        return lengths, budget

    def never_full(lengths: list[int], budget: int) -> bool:
        return _recount(variant.name, lengths, budget, "strict") == variant.reference(lengths, budget)

    even = ([3] * generator.randint(5, 9), 9)
    return [
        *telling_cases("mixed", 5, VARIANTS, mixed, generator, lambda *case: not never_full(*case)),
        *telling_cases("giants", 4, VARIANTS, with_giants, generator, never_full),
        *fixed_cases("even", even, ([4, 4], 8), ([], 10), ([5], 5)),
    ]


def _recount(variant: str, lengths: list[int], budget: int, cost: str) -> list[list[int]]:
    """The same greedy walk with another idea of what a batch costs."""
    form = _FORMS[variant]
    order = list(range(len(lengths)))
    if form.get("longest_first"):
        order.sort(key=lambda position: -lengths[position])
    made: list[list[int]] = []
    for position in order:
        joined = [lengths[one] for one in (*(made[-1] if made else []), position)]
        full = len(joined) * max(joined) if form.get("padded", True) else sum(joined)
        before = len(joined) * max(joined[:-1], default=0)
        allowed = {"strict": full < budget, "before": before <= budget, "lost": full <= budget}[cost]
        if cost == "lost" and lengths[position] > budget:
            continue
        if made and allowed:
            made[-1].append(position)
        else:
            made.append([position])
    return made


def _own_width(variant: str, lengths: list[int], budget: int) -> list[list[int]]:
    if variant == "real":
        raise ValueError("a mistake about padding")
    return _recount(variant, lengths, budget, "before")


BATCHES = Task(
    function="batches",
    title="A budget of pieces",
    groups=(
        Group(name="mixed", points=4, teaches="rows of mixed lengths are cut into batches as the budget asks"),
        Group(
            name="giants", points=3, teaches="a row longer than the budget gets a batch of its own, and none is lost"
        ),
        Group(name="even", points=2, teaches="rows of one length fill the budget to the last piece; no row, no batch"),
    ),
    variants=VARIANTS,
    cases=_cases,
    misconceptions=(
        Misconception(
            name="the budget is never reached",
            message="Your batch closes when its cost equals the budget. A budget may be spent to the last piece: `<=`.",
            answer=lambda variant, lengths, budget: _recount(variant, lengths, budget, "strict"),
        ),
        Misconception(
            name="a long row is dropped",
            message="Rows longer than the budget have disappeared. Every row must stand in exactly one batch.",
            answer=lambda variant, lengths, budget: _recount(variant, lengths, budget, "lost"),
        ),
        Misconception(
            name="the width before the row came",
            message="You reckon with the longest row before the new one joins. If the new row is the longest, all "
            "the others grow to its length.",
            answer=_own_width,
        ),
    ),
)
