"""From a row of tags to entities, well-formed or not."""

from __future__ import annotations

import random
from collections.abc import Callable

from companion.classroom.drawing import fixed_cases, telling_cases
from companion.classroom.tasks import Case, Group, Misconception, Prediction, Task, Variant
from companion.corpora.schemes import entities

KINDS = ("PER", "LOC", "ORG")


def _spans(tags: list[str], scheme: str, *, strict: bool) -> list[list]:
    return [[one.type, one.start, one.end] for one in entities(tags, scheme=scheme, strict=strict)]


def _iob(tags: list[str], *, strict: bool) -> list[list]:
    # A tag that the scheme does not know opens nothing and ends what is open, like `O`.
    return _spans([tag if tag[0] in "BIO" else "O" for tag in tags], "IOB2", strict=strict)


def strict_iob2(tags: list[str]) -> list[list]:
    """Only `B-` opens."""
    return _iob(tags, strict=True)


def lenient_iob2(tags: list[str]) -> list[list]:
    """An `I-` that continues nothing opens an entity."""
    return _iob(tags, strict=False)


def strict_bioes(tags: list[str]) -> list[list]:
    """Only what is complete counts: `S-`, or `B-` to `E-` of one kind without a break."""
    return _spans(tags, "BIOES", strict=True)


_INTRODUCTION = """Write `entities(tags)`. `tags` are the tags of one sentence, **as a model gives them, so they need
not be well-formed**. Return the list of its entities from left to right, each as `[kind, start, end]`: `start` is the
position of the first word, `end` the position **behind** the last one.
"""

VARIANTS = (
    Variant(
        name="iob2-strict",
        statement=f"""{_INTRODUCTION}
The scheme is **IOB2, read strictly**. `B-X` opens an entity of kind X. `I-X` continues it if the word before belongs
to an entity of kind X. Any other `I-` belongs to nothing: it opens no entity, and ends the one before it.

`entities(['B-PER', 'I-PER', 'I-LOC', 'O', 'B-LOC'])` is `[['PER', 0, 2], ['LOC', 4, 5]]`.""",
        reference=strict_iob2,
        prediction=Prediction(
            question="`['O', 'I-LOC', 'I-LOC', 'B-LOC', 'I-LOC', 'I-PER']` holds how many entities?",
            options={"A": "0", "B": "1", "C": "2", "D": "3"},
            answer="B",
            why="Only what begins with `B-`, which ends before `I-PER`. The two words at the front have no beginning.",
        ),
    ),
    Variant(
        name="iob2-lenient",
        statement=f"""{_INTRODUCTION}
The scheme is **IOB2, read leniently**, as the `conlleval` script of the CoNLL shared tasks does. `B-X` opens an entity
of kind X. `I-X` continues it if the word before belongs to an entity of kind X; otherwise it **opens one itself**.

`entities(['B-PER', 'I-PER', 'I-LOC', 'O', 'B-LOC'])` is `[['PER', 0, 2], ['LOC', 2, 3], ['LOC', 4, 5]]`.""",
        reference=lenient_iob2,
        prediction=Prediction(
            question="`['O', 'I-LOC', 'I-LOC', 'B-LOC', 'I-LOC', 'I-PER']` holds how many entities?",
            options={"A": "1", "B": "2", "C": "3", "D": "4"},
            answer="C",
            why="The two words at the front are one, `B-LOC` with its continuation the second, and `I-PER` opens the "
            "third.",
        ),
    ),
    Variant(
        name="bioes-strict",
        statement=f"""{_INTRODUCTION}
The scheme is **BIOES, read strictly**. `S-X` is an entity of one word. A longer one is `B-X`, any number of `I-X`, and
`E-X`, all of one kind and without a break. Whatever is not complete is no entity.

`entities(['B-PER', 'E-PER', 'S-LOC', 'B-ORG', 'I-ORG', 'O', 'E-ORG'])` is `[['PER', 0, 2], ['LOC', 2, 3]]`.""",
        reference=strict_bioes,
        prediction=Prediction(
            question="`['B-LOC', 'I-LOC', 'S-PER', 'E-LOC', 'B-ORG', 'E-ORG', 'B-ORG']` holds how many entities?",
            options={"A": "2", "B": "3", "C": "1", "D": "4"},
            answer="A",
            why="`S-PER`, and the ORG in the middle. The place is broken by the person, and the last ORG never ends.",
        ),
    ),
)


def _well_formed(generator: random.Random, *, bioes: bool) -> tuple:
    tags: list[str] = []
    for _ in range(generator.randint(2, 4)):
        kind, length = generator.choice(KINDS), generator.randint(1, 3)
        if bioes:
            middle = [f"I-{kind}"] * (length - 2)
            tags += [f"S-{kind}"] if length == 1 else [f"B-{kind}", *middle, f"E-{kind}"]
        else:
            tags += [f"B-{kind}", *[f"I-{kind}"] * (length - 1)]
        tags += ["O"] * generator.randint(0, 2)
    return ([*tags, f"{'S' if bioes else 'B'}-PER"],)


def _cases(variant: Variant, generator: random.Random) -> list[Case]:
    bioes = variant.name == "bioes-strict"
    letters = "BIES" if bioes else "BI"

    def noise(g: random.Random, kinds: tuple[str, ...]) -> list[str]:
        return [g.choice(["O", *(f"{g.choice(letters)}-{g.choice(kinds)}" for _ in range(3))]) for _ in range(9)]

    def one_kind(g: random.Random) -> tuple:
        return (noise(g, KINDS[:1]),)

    def several_kinds(g: random.Random) -> tuple:
        return (noise(g, KINDS),)

    def ends_inside(tags: list[str]) -> bool:
        found = variant.reference(tags)
        return bool(found) and found[-1][2] == len(tags)

    def mixing_shows(tags: list[str]) -> bool:
        return ends_inside(tags) and _kind_ignored(variant.name, tags) != variant.reference(tags)

    formed = [_well_formed(generator, bioes=bioes) for _ in range(4)]
    return [
        *fixed_cases("formed", *formed, ([],), (["O", "O"],)),
        *telling_cases("stray", 5, VARIANTS, one_kind, generator, ends_inside),
        *telling_cases("kinds", 5, VARIANTS, several_kinds, generator, mixing_shows),
    ]


def _kind_ignored(variant: str, tags: list[str]) -> list[list]:
    """The mistake: a continuation is taken for one whatever its kind."""
    found: list[list] = []
    open_ = False
    for position, tag in enumerate(tags):
        if tag[0] in "BS" or (tag[0] == "I" and not open_ and variant == "iob2-lenient"):
            found.append([tag[2:], position, position + 1])
            open_ = tag[0] != "S"
        elif tag[0] in "IE" and open_:
            found[-1][2] = position + 1
            open_ = tag[0] != "E"
        else:
            open_ = False
    return found


def _end_lost(variant: str, tags: list[str]) -> list[list]:
    return [one for one in _REFERENCES[variant](tags) if one[2] < len(tags)]


def _end_inside(variant: str, tags: list[str]) -> list[list]:
    return [[kind, start, end - 1] for kind, start, end in _REFERENCES[variant](tags)]


_REFERENCES: dict[str, Callable[[list[str]], list[list]]] = {one.name: one.reference for one in VARIANTS}

ENTITIES = Task(
    function="entities",
    title="What is found",
    groups=(
        Group(
            name="formed",
            points=2,
            teaches="well-formed sentences: all entities, to the last word, and touching ones apart",
        ),
        Group(name="stray", points=4, teaches="tags without their partner are read as the statement says"),
        Group(name="kinds", points=3, teaches="a continuation of another kind continues nothing"),
    ),
    variants=VARIANTS,
    cases=_cases,
    misconceptions=(
        Misconception(
            name="the last entity is lost",
            message="An entity that reaches the end of the sentence is missing. You close entities when something else "
            "begins, and behind the last word nothing does.",
            answer=_end_lost,
        ),
        Misconception(
            name="the end is inside",
            message="Your ends are the positions of the last words. The statement asks for the position behind it, "
            "so that `tags[start:end]` is the entity.",
            answer=_end_inside,
        ),
        Misconception(
            name="the kind is not looked at",
            message="You let any continuation continue. `I-LOC` behind a person is no part of that person.",
            answer=_kind_ignored,
        ),
    ),
)
