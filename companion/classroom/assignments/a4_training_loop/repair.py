"""A training loop that runs, learns, and is wrong in every paragraph."""

from __future__ import annotations

import random
from collections.abc import Callable

from companion.classroom.assignments.a4_training_loop.engine import run
from companion.classroom.drawing import numbers, telling_cases
from companion.classroom.tasks import Case, Group, Misconception, Prediction, Task, Value, Variant

_LISTING = """
```python
def train(start, batches, dev, settings):
    weights = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    size = settings["accumulate"]
    updates = len(batches) // size
    best, best_loss, losses = weights, float("inf"), []
{before}    for number, batch in enumerate(batches):
        rows = torch.tensor(batch, dtype=torch.float64)
        loss = ((rows[:, :-1] @ weights - rows[:, -1]) ** 2).mean()
        (loss / size).backward()
        torch.nn.utils.clip_grad_norm_([weights], settings["clip"])
        if (number + 1) % size == 0:
            {rate}
            with torch.no_grad():
{step}
            losses.append(loss.item())
            if dev:
                given = torch.tensor(dev, dtype=torch.float64)
                errors = given[:, :-1] @ weights - given[:, -1]
                dev_loss = (errors**2).mean().item()
                if dev_loss < best_loss:
                    best, best_loss = weights, dev_loss
    return {{"weights": best.tolist(), "losses": losses}}
```
"""

_INTRODUCTION = """Repair `train(start, batches, dev, settings)`. It fits a linear model: each row of a batch holds
some numbers x and, last, a y; the loss of a row is (w · x − y)². `start` are the first weights. Copy the listing below
into the cell, and make it do what this page says:

1. `settings["accumulate"]` batches make one *window*, and each window one update. What is left at the end is a window,
too.
2. The loss of a window is the **mean over all its rows**; batches may differ in size. `"losses"` holds it for each
update, taken before the step.
3. The gradient of the window is clipped **once**, when it is complete: if its length is above `settings["clip"]`, it
is scaled down to that.
4. {rule}
5. `"weights"` are those that had the lowest mean loss on the rows of `dev` after an update; of equal ones, the first.
If `dev` is empty, they are the last ones.

Return `{{"weights": [...], "losses": [...]}}`.
"""


def _statement(rule: str, before: str, rate: str, step: str) -> str:
    return _INTRODUCTION.format(rule=rule) + _LISTING.format(before=before, rate=rate, step=step)


def _reference(name: str) -> Callable[..., Value]:
    return lambda start, batches, dev, settings: run(name, start, batches, dev, settings)


VARIANTS = (
    Variant(
        name="falling-rate",
        statement=_statement(
            rule="The step is plain gradient descent, w ← w − rate · g. **The rate falls linearly**: of U updates, "
            "number u "
            '(from 0) has `settings["rate"]` · (1 − u / U).',
            before="",
            rate='rate = settings["rate"] * (1 - number / len(batches))',
            step="                weights -= rate * weights.grad",
        ),
        reference=_reference("falling-rate"),
        prediction=Prediction(
            question="Gradients are never set to zero, and the rate is small. At first, training looks …",
            options={
                "A": "broken: the loss is nan",
                "B": "as if it stood still",
                "C": "faster than the right one",
                "D": "exactly like the right one",
            },
            answer="C",
            why="Old gradients point the same way as new ones in the beginning, so they add up to longer steps. It "
            "looks like progress, and turns into swinging.",
            points=3,
        ),
    ),
    Variant(
        name="momentum",
        statement=_statement(
            rule="The step has **momentum**: v ← 0.9 · v + g, from v = 0, and w ← w − rate · v. **The rate warms up**: "
            "update u "
            '(from 0) has `settings["rate"]` · min(1, (u + 1) / `settings["warmup"]`).',
            before="",
            rate='rate = settings["rate"] * min(1.0, (number + 1) / settings["warmup"])',
            step="                velocity = torch.zeros_like(weights)\n"
            "                velocity = 0.9 * velocity + weights.grad\n"
            "                weights -= rate * velocity",
        ),
        reference=_reference("momentum"),
        prediction=Prediction(
            question="The gradient is the same at every update. After many, a step with momentum 0.9 is how many times "
            "as long as one without?",
            options={"A": "0.9 times", "B": "1.9 times", "C": "9 times", "D": "10 times"},
            answer="D",
            why="1 + 0.9 + 0.81 + … is 10. Whoever switches momentum on and keeps the rate has changed the rate.",
            points=3,
        ),
    ),
    Variant(
        name="decay",
        statement=_statement(
            rule="The step has **decoupled weight decay**: w ← w − rate · g − rate · 0.1 · w, with the w before the "
            "step on the "
            'right. The rate is `settings["rate"]` throughout. The decay is no part of the gradient, and is not '
            "clipped.",
            before="",
            rate='rate = settings["rate"]',
            step="                weights.grad += 0.1 * weights\n"
            '                torch.nn.utils.clip_grad_norm_([weights], settings["clip"])\n'
            "                weights -= rate * weights.grad",
        ),
        reference=_reference("decay"),
        prediction=Prediction(
            question="For plain gradient descent without clipping, decay in the gradient and decay in the step …",
            options={
                "A": "are always different",
                "B": "are the same",
                "C": "differ by a factor of 2",
                "D": "differ only for large weights",
            },
            answer="B",
            why="rate · (g + 0.1 w) is rate · g + rate · 0.1 w. With clipping, momentum or Adam between the two, they "
            "part.",
            points=3,
        ),
    ),
)

FAR = 1e9


def _cases(variant: Variant, generator: random.Random) -> list[Case]:
    def data(g: random.Random, sizes: list[int]) -> list:
        return [[[*numbers(g, 2, -1, 1), round(g.uniform(-2, 2), 2)] for _ in range(size)] for size in sizes]

    def given(g: random.Random, sizes: list[int], *, accumulate: int = 1, clip: float = FAR, dev: int = 0) -> tuple:
        settings = {"rate": 0.1, "accumulate": accumulate, "clip": clip, "warmup": 3}
        return numbers(g, 2, 0.5, 1.5), data(g, sizes), [*data(g, [dev])[0]] if dev else [], settings

    def one(g: random.Random) -> tuple:
        return given(g, [4])

    def several(g: random.Random) -> tuple:
        return given(g, [3] * 6)

    def uneven(g: random.Random) -> tuple:
        return given(g, [1, 5, 2, 4], accumulate=2)

    def leftover(g: random.Random) -> tuple:
        return given(g, [2] * 5, accumulate=2)

    def clipped(g: random.Random) -> tuple:
        return given(g, [2] * 4, accumulate=2, clip=round(g.uniform(0.2, 0.4), 2))

    def overfitted(g: random.Random) -> tuple:
        return given(g, [2] * 6, dev=3)

    def shows(*bugs: str) -> Callable[..., bool]:
        def accept(*arguments: Value) -> bool:
            right = variant.reference(*arguments)
            return all(_far(right, run(variant.name, *arguments, bugs=frozenset([bug]))) for bug in bugs)

        return accept

    decay = ("coupled",) if variant.name == "decay" else ()
    return [
        *telling_cases("one", 2, VARIANTS, one, generator),
        *telling_cases("several", 3, VARIANTS, several, generator, shows("kept")),
        *telling_cases("uneven", 3, VARIANTS, uneven, generator, shows("means", "last loss")),
        *telling_cases("leftover", 2, VARIANTS, leftover, generator, shows("leftover")),
        *telling_cases("clipped", 3, VARIANTS, clipped, generator, shows("early clip", *decay)),
        *telling_cases("best", 3, VARIANTS, overfitted, generator, shows("same object")),
    ]


def _far(left: dict, right: dict) -> bool:
    if len(left["losses"]) != len(right["losses"]):
        return True
    pairs = zip([*left["weights"], *left["losses"]], [*right["weights"], *right["losses"]], strict=True)
    return any(abs(a - b) > 1e-4 for a, b in pairs)


def _with(*bugs: str) -> Callable[..., Value]:
    return lambda variant, *arguments: run(variant, *arguments, bugs=frozenset(bugs))


def _unrepaired(variant: str, *arguments: Value) -> Value:
    own = {"momentum": {"new buffer", "by batch"}, "decay": {"coupled"}, "falling-rate": {"by batch"}}[variant]
    return run(
        variant, *arguments, bugs=frozenset({"kept", "early clip", "leftover", "same object", "last loss", *own})
    )


TRAIN = Task(
    function="train",
    title="A loop with something wrong in every paragraph",
    groups=(
        Group(
            name="one",
            points=3,
            teaches="a single update of one batch: the step is the one of the statement",
        ),
        Group(name="several", points=6, teaches="an update knows nothing of the gradients before it"),
        Group(
            name="uneven", points=6, teaches="in a window of uneven batches every row counts once, in loss and gradient"
        ),
        Group(name="leftover", points=3, teaches="the batches that are left at the end make an update, too"),
        Group(name="clipped", points=3, teaches="a window's gradient is clipped once, when it is complete"),
        Group(name="best", points=6, teaches="the best weights are those of their moment, not of the end"),
    ),
    variants=VARIANTS,
    cases=_cases,
    misconceptions=(
        Misconception(
            name="gradients are kept",
            message="Each update still holds the gradients of all updates before it. `backward()` adds; somebody must "
            "set them to zero, once for each window.",
            answer=_with("kept"),
        ),
        Misconception(
            name="a mean of means",
            message="You take the mean of each batch, and then the mean of those. A row in a small batch counts for "
            "more. Divide the sum over the window by the rows of the window.",
            answer=_with("means"),
        ),
        Misconception(
            name="the loss of the last batch",
            message="The weights may be right; the loss that you report is that of the last batch of the window alone.",
            answer=_with("last loss"),
        ),
        Misconception(
            name="the end is dropped",
            message="The batches that do not fill a window are lost. With 1,000 batches and windows of 64, those are "
            "40.",
            answer=_with("leftover"),
        ),
        Misconception(
            name="clipped too early",
            message="You clip while the window is still being gathered. Early batches are cut, late ones are not, and "
            "the result depends on their order.",
            answer=_with("early clip"),
        ),
        Misconception(
            name="best is a name for last",
            message="`best = weights` makes no copy. Both names mean one tensor, which goes on being trained, so your "
            "best weights are always the last.",
            answer=_with("same object"),
        ),
        Misconception(
            name="decay in the gradient",
            message="Your decay is added to the gradient, and clipped with it. The statement asks for it in the step.",
            answer=_with("coupled"),
        ),
        Misconception(
            name="momentum without memory",
            message="Your velocity is made anew at each update. Then momentum does nothing.",
            answer=_with("new buffer"),
        ),
        Misconception(
            name="the rate counts batches",
            message="Your rate is reckoned from the number of batches. It changes with updates.",
            answer=_with("by batch"),
        ),
        Misconception(
            name="nothing is repaired",
            message="This is the listing as it was. Read it beside the five points of the statement.",
            answer=_unrepaired,
        ),
    ),
    stepwise=True,
)
