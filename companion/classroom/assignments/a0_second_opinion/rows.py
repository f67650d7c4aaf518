"""What the rows of a printed table imply, whatever its last line says."""

from __future__ import annotations

import random
from collections.abc import Callable

from companion.classroom.drawing import fixed_cases, telling_cases
from companion.classroom.tasks import Case, Group, Misconception, Prediction, Task, Variant


def _used(rows: list, *, outside: bool) -> list:
    return [row for row in rows if row[4] > 0 and (outside or row[0] != "O")]


def accuracy(rows: list) -> float:
    """Recall weighted by support: what was right over all there is."""
    used = _used(rows, outside=True)
    total = sum(row[4] for row in used)
    return sum(row[2] * row[4] for row in used) / total if total else 0.0


def macro(rows: list) -> float:
    """The plain mean of F1 without O."""
    used = _used(rows, outside=False)
    return sum(row[3] for row in used) / len(used) if used else 0.0


def weighted(rows: list) -> float:
    """F1 weighted by support, without O."""
    used = _used(rows, outside=False)
    total = sum(row[4] for row in used)
    return sum(row[3] * row[4] for row in used) / total if total else 0.0


_FORMS: dict[str, Callable[[list], float]] = {"accuracy": accuracy, "macro": macro, "weighted": weighted}

_INTRODUCTION = """Write `implied(rows)`. Each row of a printed table is `[label, precision, recall, f1, support]`; the
support is the number of words that truly have the label. Rows with a support of 0 are left out. Without a row that
counts, return `0.0`.
"""
_EXAMPLE = (
    """For `implied([["O", 0.9, 1.0, 0.95, 80], ["B-PER", 0.8, 0.5, 0.6, 15], ["I-PER", 0.5, 0.4, 0.4, 5]])` it is """
)

VARIANTS = (
    Variant(
        name="accuracy",
        statement=f"""{_INTRODUCTION}
Return the **accuracy** that the rows imply: recall times support is how many words of a label are right; sum them, and
divide by all words.

{_EXAMPLE}0.895.""",
        reference=accuracy,
        prediction=Prediction(
            question="A table prints accuracy, micro precision, micro recall and micro F1 of single labels, all 0.973. "
            "This is …",
            options={
                "A": "a miracle",
                "B": "no coincidence: over single labels the four are one number",
                "C": "a sign of a balanced test set",
                "D": "impossible",
            },
            answer="B",
            why="Each word has one true and one predicted label, so every false positive is somebody's false negative.",
        ),
    ),
    Variant(
        name="macro",
        statement=f"""{_INTRODUCTION}
Return the **plain mean of F1 over the labels, without the row `"O"`**.

{_EXAMPLE}0.5.""",
        reference=macro,
        prediction=Prediction(
            question="The row of `O`, with an F1 of 0.99, is put in among eight others. The plain mean of F1 …",
            options={"A": "stays", "B": "falls", "C": "rises by up to a ninth of the gap", "D": "becomes 0.99"},
            answer="C",
            why="One of nine rows. Weighted by support it would have become nearly 0.99.",
        ),
    ),
    Variant(
        name="weighted",
        statement=f"""{_INTRODUCTION}
Return the **mean of F1 weighted by support, without the row `"O"`**.

{_EXAMPLE}0.55.""",
        reference=weighted,
        prediction=Prediction(
            question="A label that occurs twice in the test set has an F1 of 0. Its weight in this mean is …",
            options={"A": "that of any other label", "B": "0", "C": "negative", "D": "nearly nothing"},
            answer="D",
            why="Two words among thousands. A weighted mean can be fine while a label is never found.",
        ),
    ),
)


def _cases(variant: Variant, generator: random.Random) -> list[Case]:
    def row(g: random.Random, label: str, support: int) -> list:
        p, r = round(g.uniform(0.3, 0.95), 3), round(g.uniform(0.3, 0.95), 3)
        return [label, p, r, round(2 * p * r / (p + r), 3), support]

    def table(g: random.Random) -> tuple:
        labels = [f"{letter}-{kind}" for kind in ("PER", "LOC", "ORG") for letter in "BI"]
        rows = [row(g, label, g.randint(5, 300)) for label in labels]
        rows.insert(g.randint(0, 6), ["O", 0.99, round(g.uniform(0.97, 0.995), 3), 0.99, g.randint(2000, 9000)])
        return (rows,)

    def with_unused(g: random.Random) -> tuple:
        (rows,) = table(g)
        rows.insert(2, ["B-MISC", 0.0, 0.0, 0.0, 0])
        return (rows,)

    return [
        *telling_cases("table", 4, VARIANTS, table, generator),
        *telling_cases("unused", 3, VARIANTS, with_unused, generator),
        *fixed_cases("nothing", ([],), ([["B-PER", 0.0, 0.0, 0.0, 0]],)),
    ]


def _with_outside(variant: str, rows: list) -> float:
    if variant == "accuracy":
        raise ValueError("here O belongs to it")
    return _FORMS[variant]([["X", *row[1:]] for row in rows])


def _without_outside(variant: str, rows: list) -> float:
    if variant != "accuracy":
        raise ValueError("here O does not belong to it")
    return accuracy([row for row in rows if row[0] != "O"])


def _precision_instead(variant: str, rows: list) -> float:
    if variant != "accuracy":
        raise ValueError("a mistake of this variant alone")
    return accuracy([[row[0], row[2], row[1], *row[3:]] for row in rows])


def _plain_recall(variant: str, rows: list) -> float:
    if variant != "accuracy":
        raise ValueError("a mistake of this variant alone")
    return sum(row[2] for row in rows) / len(rows)


IMPLIED = Task(
    function="implied",
    title="What its rows say",
    groups=(
        Group(name="table", points=5, teaches="a table of seven labels implies this number"),
        Group(name="unused", points=2, teaches="a label that never occurs is left out"),
        Group(name="nothing", points=2, teaches="without a row that counts: 0.0"),
    ),
    variants=VARIANTS,
    cases=_cases,
    misconceptions=(
        Misconception(
            name="O is counted",
            message="The row of `O` is in your mean. It is the class that nobody looks for, and it is by far the "
            "largest.",
            answer=_with_outside,
        ),
        Misconception(
            name="O is left out",
            message="You leave `O` out. Accuracy counts every word, those outside too; which is what is wrong with it "
            "here.",
            answer=_without_outside,
        ),
        Misconception(
            name="precision for recall",
            message="You weight precision by support. Support times recall is a count of right words; support times "
            "precision is nothing.",
            answer=_precision_instead,
        ),
        Misconception(
            name="an unweighted mean",
            message="This is the plain mean of the recalls. The labels differ in size by a factor of a hundred.",
            answer=_plain_recall,
        ),
    ),
)
