"""How many numbers are trained."""

from __future__ import annotations

import random
from collections.abc import Callable

from companion.classroom.drawing import fixed_cases, telling_cases
from companion.classroom.tasks import Case, Group, Misconception, Prediction, Task, Variant

NAMES = ("query", "key", "value", "output.dense", "intermediate.dense", "query_norm")


def _targeted(layers: list, targets: list) -> list[dict]:
    return [layer for layer in layers if any(layer["name"].split(".")[-1] == target for target in targets)]


def both(layers: list, rank: int, targets: list) -> int:
    """A and B of every layer that is named."""
    return sum(rank * (layer["in"] + layer["out"]) for layer in _targeted(layers, targets))


def with_biases(layers: list, rank: int, targets: list) -> int:
    """A and B, and every bias of the model."""
    return both(layers, rank, targets) + sum(layer["out"] for layer in layers if layer["bias"])


def only_b(layers: list, rank: int, targets: list) -> int:
    """B alone; A stays as it was drawn."""
    return sum(rank * layer["out"] for layer in _targeted(layers, targets))


_FORMS: dict[str, Callable[[list, int, list], int]] = {
    "a-and-b": both,
    "a-and-b-and-biases": with_biases,
    "only-b": only_b,
}

_INTRODUCTION = """Write `count_trainable(layers, rank, targets)`. Each layer is a dictionary with `"name"` (such as
`"layer.3.attention.query"`), `"in"` and `"out"` (the sizes of its weight) and `"bias"` (`True` if it has one). A layer
gets an adapter if the **last part** of its name, behind the last point, is one of `targets`. An adapter of rank r has
a matrix A with r × in numbers and a matrix B with out × r. Return a whole number: how many numbers are trained.
"""
_EXAMPLE = """With `layers = [{"name": "0.query", "in": 4, "out": 6, "bias": True}]`,
`count_trainable(layers, 2, ["query"])` is
"""

VARIANTS = (
    Variant(
        name="a-and-b",
        statement=f"{_INTRODUCTION}\nTrained are **A and B of every adapter**, and nothing else.\n\n{_EXAMPLE}20.",
        reference=both,
        prediction=Prediction(
            question="A weight of 768 × 768 gets an adapter of rank 8. Its trained share is about …",
            options={"A": "0.1 %", "B": "1 %", "C": "2 %", "D": "8 %"},
            answer="C",
            why="8 · (768 + 768) over 768 · 768 is 2 · 8 / 768. Of the whole model it is less, for most layers get "
            "none.",
        ),
    ),
    Variant(
        name="a-and-b-and-biases",
        statement=f"""{_INTRODUCTION}
Trained are **A and B of every adapter, and the biases of all layers that have one**, with an adapter or without. A
bias has as many numbers as the layer's `"out"`.

{_EXAMPLE}26.""",
        reference=with_biases,
        prediction=Prediction(
            question="`targets` is empty. What is trained?",
            options={"A": "nothing", "B": "everything", "C": "the head", "D": "the biases"},
            answer="D",
            why="No adapter, all biases. That is a method of its own, BitFit.",
        ),
    ),
    Variant(
        name="only-b",
        statement=f"""{_INTRODUCTION}
Trained is **B alone**. A is drawn once and stays as it is (*LoRA-FA*).

{_EXAMPLE}12.""",
        reference=only_b,
        prediction=Prediction(
            question="For square weights, freezing A leaves … of the trained numbers",
            options={"A": "half", "B": "a quarter", "C": "nearly all", "D": "1 / r"},
            answer="A",
            why="A and B are of one size there. Where a layer widens, B is the larger one.",
        ),
    ),
)


def _cases(variant: Variant, generator: random.Random) -> list[Case]:
    def model(g: random.Random) -> tuple:
        layers = [
            {"name": f"layer.{n}.{name}", "in": g.randint(3, 40), "out": g.randint(3, 40), "bias": g.random() < 0.6}
            for n in range(2)
            for name in NAMES
        ]
        layers[0]["bias"] = True
        return layers, g.randint(2, 9), g.choice([["key", "value"], ["dense"], ["key", "dense"]])

    def one(g: random.Random) -> tuple:
        layer = {"name": "classifier.query", "in": g.randint(3, 40), "out": g.randint(3, 40), "bias": True}
        return [layer], g.randint(2, 9), ["query"]

    def look_alikes(g: random.Random) -> tuple:
        layers, rank, _ = model(g)
        return layers, rank, ["query"]

    def none(g: random.Random) -> tuple:
        return model(g)[0], 4, []

    return [
        *telling_cases("one", 3, VARIANTS, one, generator),
        *telling_cases("model", 4, VARIANTS, model, generator),
        *telling_cases("names", 3, VARIANTS, look_alikes, generator),
        *fixed_cases("none", none(generator), ([], 4, ["query"])),
    ]


def _found_anywhere(variant: str, layers: list, rank: int, targets: list) -> int:
    renamed = [
        layer | {"name": next((target for target in targets if target in layer["name"]), "none")} for layer in layers
    ]
    return _FORMS[variant](renamed, rank, targets)


def _rank_times_weight(variant: str, layers: list, rank: int, targets: list) -> int:
    extra = with_biases(layers, rank, []) if variant == "a-and-b-and-biases" else 0
    return extra + sum(rank * layer["in"] * layer["out"] for layer in _targeted(layers, targets))


def _biases_of_targets(variant: str, layers: list, rank: int, targets: list) -> int:
    if variant != "a-and-b-and-biases":
        raise ValueError("a mistake of this variant alone")
    return with_biases(_targeted(layers, targets), rank, targets)


COUNT_TRAINABLE = Task(
    function="count_trainable",
    title="What is trained",
    groups=(
        Group(name="one", points=3, teaches="one layer with an adapter"),
        Group(name="model", points=3, teaches="a model in which some layers have an adapter, and some have a bias"),
        Group(name="names", points=2, teaches="`query` is not `query_norm`: the last part of the name decides"),
        Group(name="none", points=1, teaches="no target, or no layer"),
    ),
    variants=VARIANTS,
    cases=_cases,
    misconceptions=(
        Misconception(
            name="a name that contains the target",
            message="You take every layer whose name contains the target. `query_norm` contains `query`, and is no "
            "target.",
            answer=_found_anywhere,
        ),
        Misconception(
            name="rank times weight",
            message="You multiply the rank by the size of the whole weight. An adapter is two thin matrices: their "
            "sizes add.",
            answer=_rank_times_weight,
        ),
        Misconception(
            name="only the biases of targets",
            message="You count the biases of layers with an adapter. The statement asks for those of all layers.",
            answer=_biases_of_targets,
        ),
    ),
)
