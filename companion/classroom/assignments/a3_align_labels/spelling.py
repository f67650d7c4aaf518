"""One set of entities, several spellings: from IOB2 to the scheme that a tool asks for."""

from __future__ import annotations

import random

from companion.classroom.assignments.a3_align_labels.pieces import sentence
from companion.classroom.drawing import fixed_cases, telling_cases
from companion.classroom.tasks import Case, Group, Misconception, Prediction, Task, Variant
from companion.corpora.schemes import convert


def to_bioes(tags: list[str]) -> list[str]:
    """`E-` ends an entity, `S-` is one by itself."""
    return convert(tags, "IOB2", "BIOES")


def to_iob1(tags: list[str]) -> list[str]:
    """`B-` only where an entity follows another of its kind without a word between."""
    return convert(tags, "IOB2", "IOB1")


def to_io(tags: list[str]) -> list[str]:
    """No `B-` at all."""
    return [f"I-{tag[2:]}" if tag != "O" else tag for tag in tags]


_INTRODUCTION = """Write `respell(tags)`. `tags` are the tags of one sentence in IOB2, well-formed: `B-` begins an
entity,
`I-` continues it, `O` is outside. Return a list of the same length that spells the same entities in another scheme.
"""
_EXAMPLE = "`respell(['B-PER', 'I-PER', 'B-PER', 'O'])` is "

VARIANTS = (
    Variant(
        name="to-bioes",
        statement=f"""{_INTRODUCTION}
In **BIOES** an entity of one word is `S-`. A longer one begins with `B-`, ends with `E-`, and has `I-` in between.

{_EXAMPLE}`['B-PER', 'E-PER', 'S-PER', 'O']`.""",
        reference=to_bioes,
        prediction=Prediction(
            question="A corpus has 4 kinds of entities. With IOB2 a tagger has 9 labels. With BIOES it has …",
            options={"A": "17", "B": "13", "C": "9", "D": "20"},
            answer="A",
            why="Four prefixes for each of four kinds, and `O`.",
        ),
    ),
    Variant(
        name="to-iob1",
        statement=f"""{_INTRODUCTION}
In **IOB1**, the spelling of the original CoNLL-2003 files, an entity begins with `I-`, too. `B-` is kept only where it
is needed: at the beginning of an entity that stands **directly behind another one of the same kind**.

{_EXAMPLE}`['I-PER', 'I-PER', 'B-PER', 'O']`.""",
        reference=to_iob1,
        prediction=Prediction(
            question="A file in IOB1 is read as if it were IOB2, strictly. Of most entities, what is found?",
            options={"A": "all of them", "B": "the first word", "C": "nothing", "D": "the last word"},
            answer="C",
            why="Most of them begin with `I-`, and in IOB2 an `I-` without a beginning opens nothing.",
        ),
    ),
    Variant(
        name="to-io",
        statement=f"""{_INTRODUCTION}
In **IO** there is no beginning: every word of an entity is `I-`. (Entities of one kind that touch become one. That is
the price of the scheme, and you are to pay it.)

{_EXAMPLE}`['I-PER', 'I-PER', 'I-PER', 'O']`.""",
        reference=to_io,
        prediction=Prediction(
            question="A corpus is respelled from IOB2 to IO and back. What is lost?",
            options={
                "A": "nothing",
                "B": "the border between touching entities of one kind",
                "C": "entities of one word",
                "D": "the border between entities of different kinds",
            },
            answer="B",
            why="Where the kind changes, the border is still to be seen. Between two of one kind it is not.",
        ),
    ),
)


def _cases(variant: Variant, generator: random.Random) -> list[Case]:
    def apart(g: random.Random) -> tuple:
        tags: list[str] = []
        for _ in range(g.randint(2, 3)):
            kind = g.choice(["PER", "LOC", "ORG"])
            tags += [f"B-{kind}", *[f"I-{kind}"] * g.randint(0, 3), *["O"] * g.randint(1, 2)]
        return (tags,)

    def touching(g: random.Random) -> tuple:
        kind, other = g.sample(["PER", "LOC", "ORG"], 2)
        lengths = [g.randint(1, 3) for _ in range(3)]
        kinds = [kind, kind, other]
        return ([tag for k, n in zip(kinds, lengths, strict=True) for tag in (f"B-{k}", *[f"I-{k}"] * (n - 1))],)

    return [
        *fixed_cases("outside", (["O", "O", "O"],), ([],)),
        *telling_cases("apart", 4, VARIANTS[:2], apart, generator, _has_single),
        *telling_cases("touching", 4, VARIANTS, touching, generator, _has_single),
        *telling_cases("sentence", 4, VARIANTS, lambda g: (sentence(g, 12),), generator, _has_single),
    ]


def _has_single(tags: list[str]) -> bool:
    """Whether an entity of one word is among them."""
    return any(tag.startswith("S-") for tag in to_bioes(tags))


def _ends_only(variant: str, tags: list[str]) -> list[str]:
    if variant != "to-bioes":
        raise ValueError("a mistake of this variant alone")
    made = to_bioes(tags)
    return [f"B-{tag[2:]}" if tag.startswith("S-") else tag for tag in made]


def _border_forgotten(variant: str, tags: list[str]) -> list[str]:
    if variant == "to-iob1":
        return to_io(tags)
    if variant == "to-bioes":
        # An entity only ends where `O` or the end of the sentence follows.
        ends = [i + 1 == len(tags) or tags[i + 1] == "O" for i in range(len(tags))]
        pairs = zip(tags, ends, strict=True)
        return [tag if tag == "O" or not end else f"{'S' if tag[0] == 'B' else 'E'}-{tag[2:]}" for tag, end in pairs]
    raise ValueError("the mistake cannot be made here")


RESPELL = Task(
    function="respell",
    title="Another spelling",
    groups=(
        Group(name="outside", points=1, teaches="a sentence without entities stays as it is"),
        Group(name="apart", points=3, teaches="entities with words between them are respelled"),
        Group(name="touching", points=3, teaches="entities that touch: the border is spelled as the scheme asks"),
        Group(name="sentence", points=2, teaches="whole sentences with all of it"),
    ),
    variants=VARIANTS,
    cases=_cases,
    misconceptions=(
        Misconception(
            name="one word is no S",
            message="Entities of one word begin with `B-` in your answer. In BIOES they are `S-`, a beginning and an "
            "end at once.",
            answer=_ends_only,
        ),
        Misconception(
            name="only O ends an entity",
            message="You look for the border of an entity only where `O` follows. A `B-` ends the entity before it, "
            "too.",
            answer=_border_forgotten,
        ),
    ),
)
