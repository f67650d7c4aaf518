"""Precision, recall and F1 of entities, and what is averaged over."""

from __future__ import annotations

import random
from collections.abc import Callable

from companion.classroom.assignments.a5_entity_f1.found import KINDS
from companion.classroom.drawing import fixed_cases, telling_cases
from companion.classroom.tasks import Case, Group, Misconception, Prediction, Task, Variant

Scores = dict[str, float]
NAMES = ("precision", "recall", "f1")


def scores(right: int, predicted: int, gold: int) -> Scores:
    """From three counts; what would be divided by zero is 0.0."""
    precision, recall = right / predicted if predicted else 0.0, right / gold if gold else 0.0
    total = precision + recall
    return dict(zip(NAMES, (precision, recall, 2 * precision * recall / total if total else 0.0), strict=True))


def _all(sentences: list) -> set[tuple]:
    return {(number, *entity) for number, entities in enumerate(sentences) for entity in entities}


def _of_kind(found: set[tuple], kind: str) -> set[tuple]:
    return {one for one in found if one[1] == kind}


def _counts(gold: set, predicted: set) -> tuple[int, int, int]:
    return len(gold & predicted), len(predicted), len(gold)


def micro(gold: list, predicted: list) -> Scores:
    """All entities in one pot."""
    return scores(*_counts(_all(gold), _all(predicted)))


def _by_kind(gold: list, predicted: list) -> dict[str, tuple[int, int, int]]:
    g, p = _all(gold), _all(predicted)
    return {kind: _counts(_of_kind(g, kind), _of_kind(p, kind)) for kind in sorted({one[1] for one in g | p})}


def macro(gold: list, predicted: list) -> Scores:
    """Each kind by itself, then the plain mean."""
    kinds = [scores(*counts) for counts in _by_kind(gold, predicted).values()]
    return {name: sum(one[name] for one in kinds) / len(kinds) if kinds else 0.0 for name in NAMES}


def weighted(gold: list, predicted: list) -> Scores:
    """Each kind by itself, then a mean in which it weighs as much as it has gold entities."""
    kinds = [(scores(*counts), counts[2]) for counts in _by_kind(gold, predicted).values()]
    total = sum(weight for _, weight in kinds)
    return {name: sum(one[name] * w for one, w in kinds) / total if total else 0.0 for name in NAMES}


_FORMS: dict[str, Callable[[list, list], Scores]] = {"micro": micro, "macro": macro, "weighted": weighted}

_INTRODUCTION = """Write `score(gold, predicted)`. Both are lists with one entry for each sentence, and each entry is a
list of entities `[kind, start, end]`. A predicted entity is right if the same sentence has a gold one with the same
kind, start and end. Return `{"precision": …, "recall": …, "f1": …}`. Wherever you would divide by zero, the value is
`0.0`.
"""
_DEFINITIONS = """Precision (精确率) is the share of the predicted entities that are right, recall (召回率) the share
of the gold entities that were found, and F1 is 2 · precision · recall / (precision + recall)."""

VARIANTS = (
    Variant(
        name="micro",
        statement=f"""{_INTRODUCTION}
{_DEFINITIONS} Count **over all kinds together** (*micro*). This is the number that papers report.

`score([[["PER", 0, 1], ["LOC", 2, 3]]], [[["PER", 0, 1]]])` has precision 1.0, recall 0.5 and F1 0.6666….""",
        reference=micro,
        prediction=Prediction(
            question="One person, of which the model found only the first of two words. Compared with a model that had "
            "found nothing at all there, its F1 is …",
            options={"A": "higher", "B": "lower", "C": "the same", "D": "higher by a half"},
            answer="B",
            why="The miss is the same, and a wrong entity is added. Half right is wrong twice.",
        ),
    ),
    Variant(
        name="macro",
        statement=f"""{_INTRODUCTION}
{_DEFINITIONS} Take the three numbers **for each kind by itself**, and of each number **the plain mean over the kinds**
(*macro*). The kinds are those that occur in `gold` or in `predicted`. F1 is the mean of the F1s.

`score([[["PER", 0, 1], ["LOC", 2, 3]]], [[["PER", 0, 1]]])` is 0.5 in all three.""",
        reference=macro,
        prediction=Prediction(
            question="The model begins to predict a kind that the gold data do not have, once, and changes nothing "
            "else. The macro F1 over 4 kinds was 0.80. Now it is …",
            options={"A": "0.80", "B": "0.79", "C": "1.00", "D": "0.64"},
            answer="D",
            why="There are five kinds now, and the fifth has an F1 of 0: 4 × 0.80 / 5. One entity has cost 16 points.",
        ),
    ),
    Variant(
        name="weighted",
        statement=f"""{_INTRODUCTION}
{_DEFINITIONS} Take the three numbers **for each kind by itself**, and of each number the mean over the kinds,
**weighted by the number of gold entities of the kind**. F1 is the weighted mean of the F1s. Without any gold entity
all three are `0.0`.

`score([[["PER", 0, 1], ["LOC", 2, 3]]], [[["PER", 0, 1]]])` is 0.5 in all three.""",
        reference=weighted,
        prediction=Prediction(
            question="Which of the three weighted numbers is always the same as its micro counterpart?",
            options={"A": "recall", "B": "precision", "C": "F1", "D": "none"},
            answer="A",
            why="Gold counts as weights cancel the gold counts below the line: what is left is right over gold.",
        ),
    ),
)


def _cases(variant: Variant, generator: random.Random) -> list[Case]:
    def corpus(g: random.Random, sentences: int = 4) -> tuple:
        gold, predicted = [], []
        for _ in range(sentences):
            true = [[g.choice(KINDS[: g.randint(1, 3)]), start, start + g.randint(1, 2)] for start in (0, 3, 6)]
            said = [[*one] for one in true if g.random() < 0.75]
            if g.random() < 0.5:
                said.append([g.choice(KINDS), 9, 10])
            gold.append(true)
            predicted.append(said)
        return gold, predicted

    def wrong_kinds(g: random.Random) -> tuple:
        gold, predicted = corpus(g)
        for entities in predicted:
            if entities:
                one = g.choice(entities)
                one[0] = g.choice([kind for kind in KINDS if kind != one[0]])
        return gold, predicted

    def neighbours(g: random.Random) -> tuple:
        gold, predicted = corpus(g, 5)
        moved = predicted[1:] + predicted[:1]
        return gold, [a if g.random() < 0.5 else b for a, b in zip(predicted, moved, strict=True)]

    def pot_shows(gold: list, predicted: list) -> bool:
        return _one_pot(variant.name, gold, predicted) != variant.reference(gold, predicted)

    def kind_shows(gold: list, predicted: list) -> bool:
        return pot_shows(gold, predicted) and micro(gold, predicted) != _without_kinds("", gold, predicted)

    def only_pot_shows(gold: list, predicted: list) -> bool:
        return pot_shows(gold, predicted) and micro(gold, predicted) == _without_kinds("", gold, predicted)

    some = [[["PER", 0, 1]], []]
    return [
        *telling_cases("plain", 4, VARIANTS, corpus, generator, only_pot_shows),
        *telling_cases("kinds", 4, VARIANTS, wrong_kinds, generator, kind_shows),
        *telling_cases("places", 4, VARIANTS, neighbours, generator, only_pot_shows),
        *fixed_cases("nothing", (some, [[], []]), ([[], []], some), ([[]], [[]]), ([], [])),
    ]


def _one_pot(variant: str, gold: list, predicted: list) -> Scores:
    """The mistake: sentences are poured together, and the same place in two sentences is one."""
    pour = [
        [list(one) for one in {tuple(entity) for entities in part for entity in entities}] for part in (gold, predicted)
    ]
    return _FORMS[variant]([pour[0]], [pour[1]])


def _without_kinds(variant: str, gold: list, predicted: list) -> Scores:
    bare = [[[["X", *entity[1:]] for entity in entities] for entities in part] for part in (gold, predicted)]
    return micro(*bare)


def _turned(variant: str, gold: list, predicted: list) -> Scores:
    return _FORMS[variant](predicted, gold)


def _f1_of_means(variant: str, gold: list, predicted: list) -> Scores:
    if variant == "micro":
        raise ValueError("a mistake of the averaged forms")
    made = _FORMS[variant](gold, predicted)
    p, r = made["precision"], made["recall"]
    return made | {"f1": 2 * p * r / (p + r) if p + r else 0.0}


SCORE = Task(
    function="score",
    title="What it is worth",
    groups=(
        Group(name="plain", points=3, teaches="precision, recall and F1 over several sentences"),
        Group(name="kinds", points=2, teaches="the right place with the wrong kind is wrong, and counts against both"),
        Group(name="places", points=2, teaches="the same place in another sentence is another place"),
        Group(
            name="nothing", points=2, teaches="nothing predicted, nothing to find, or nothing at all: 0.0, and no error"
        ),
    ),
    variants=VARIANTS,
    cases=_cases,
    misconceptions=(
        Misconception(
            name="all sentences are one",
            message="You pour the sentences together. `['PER', 0, 1]` in two sentences is then one entity, and may be "
            "found in the wrong one. Keep the number of the sentence with each entity.",
            answer=_one_pot,
        ),
        Misconception(
            name="precision and recall are exchanged",
            message="Precision and recall have changed places. Precision divides by what was predicted, recall by what "
            "there is to find.",
            answer=_turned,
        ),
        Misconception(
            name="the F1 of the means",
            message="Your F1 is made from the averaged precision and recall. The statement asks for the average of the "
            "F1s; the two differ, and tools disagree about it.",
            answer=_f1_of_means,
        ),
        Misconception(
            name="the kind is not looked at",
            message="You compare places only. A town that was called a person is not right.",
            answer=_without_kinds,
        ),
    ),
)
