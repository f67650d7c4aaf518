"""What a score gives away for nothing."""

from __future__ import annotations

import random
from collections.abc import Callable

from companion.classroom.drawing import fixed_cases, telling_cases
from companion.classroom.tasks import Case, Group, Misconception, Prediction, Task, Variant


def padded(sentences: list, width: int) -> float:
    """Over all positions of rows of this width: what is too long is cut, what is too short is `O`."""
    rows = [(tags + ["O"] * width)[:width] for tags in sentences]
    return words(rows, width)


def words(sentences: list, width: int) -> float:
    """Over all words."""
    tags = [tag for sentence in sentences for tag in sentence]
    return tags.count("O") / len(tags) if tags else 0.0


def by_sentence(sentences: list, width: int) -> float:
    """The share of each sentence that has words, averaged."""
    shares = [tags.count("O") / len(tags) for tags in sentences if tags]
    return sum(shares) / len(shares) if shares else 0.0


_FORMS: dict[str, Callable[[list, int], float]] = {"padded": padded, "words": words, "by-sentence": by_sentence}

_INTRODUCTION = """Write `always_outside(sentences, width)`: the accuracy of a tagger that says `O`, whatever it reads.
`sentences` are the true tags, a list for each sentence. Where there is nothing to count, return `0.0`.
"""
_EXAMPLE = '`always_outside([["O", "B-PER"], ["O"]], 4)` is '

VARIANTS = (
    Variant(
        name="padded",
        statement=f"""{_INTRODUCTION}
Count as the script with the padded labels does: every sentence is a row of **`width` positions**. What is longer is
cut off, what is shorter is **filled up with `O`**, and every position counts.

{_EXAMPLE}0.875: seven of eight.""",
        reference=padded,
        prediction=Prediction(
            question="The rows are made twice as wide, and no sentence is that long. This accuracy …",
            options={"A": "rises", "B": "falls", "C": "stays", "D": "doubles"},
            answer="A",
            why="Every new position is one more free success. Its error is halved.",
        ),
    ),
    Variant(
        name="words",
        statement=f"""{_INTRODUCTION}
Count **words**: every word of every sentence once, however long the sentence. `width` is not used here.

{_EXAMPLE}0.6666…""",
        reference=words,
        prediction=Prediction(
            question="In usual news text, about how many words does this tagger get right?",
            options={"A": "one in ten", "B": "half", "C": "four in five", "D": "all"},
            answer="C",
            why="Most words are in no name. In CoNLL-2003's test part it is 82.5 %.",
        ),
    ),
    Variant(
        name="by-sentence",
        statement=f"""{_INTRODUCTION}
Take the share of right words **for each sentence**, and the **mean of these shares**. A sentence without words is left
out.
`width` is not used here.

{_EXAMPLE}0.75.""",
        reference=by_sentence,
        prediction=Prediction(
            question="Short sentences are often headlines, full of names. Compared with counting words, the mean over "
            "sentences …",
            options={"A": "is the same", "B": "is lower", "C": "is higher", "D": "is above 1"},
            answer="B",
            why="A headline of five words has as much say as a sentence of forty, and more names in it.",
        ),
    ),
)


def _cases(variant: Variant, generator: random.Random) -> list[Case]:
    def corpus(g: random.Random, longest: int) -> list:
        return [[g.choice(["O", "O", "O", "B-PER"]) for _ in range(g.randint(2, longest))] for _ in range(4)]

    def short(g: random.Random) -> tuple:
        return corpus(g, 7), 8

    def cut(g: random.Random) -> tuple:
        return [*corpus(g, 6), ["B-PER"] * 4 + ["O"] * 4], 4

    return [
        *telling_cases("short", 4, VARIANTS, short, generator),
        *telling_cases("long", 4, VARIANTS, cut, generator),
        *fixed_cases("nothing", ([], 4)),
    ]


def _filled_not_cut(variant: str, sentences: list, width: int) -> float:
    if variant != "padded":
        raise ValueError("a mistake of this variant alone")
    return words([tags + ["O"] * (width - len(tags)) for tags in sentences], width)


ALWAYS_OUTSIDE = Task(
    function="always_outside",
    title="What it gives away",
    groups=(
        Group(name="short", points=4, teaches="sentences that fit"),
        Group(name="long", points=4, teaches="sentences of which some are longer than `width`"),
        Group(name="nothing", points=1, teaches="no sentence, nothing to count"),
    ),
    variants=VARIANTS,
    cases=_cases,
    misconceptions=(
        Misconception(
            name="filled up, not cut",
            message="You fill short sentences up and leave long ones as they are. A row has `width` positions, no "
            "more.",
            answer=_filled_not_cut,
        ),
        Misconception(
            name="an error rate",
            message="This is the share of words that it gets wrong.",
            answer=lambda variant, sentences, width: 1 - _FORMS[variant](sentences, width),
        ),
    ),
)
