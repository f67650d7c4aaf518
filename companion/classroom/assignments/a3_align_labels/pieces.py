"""Labels belong to words, a model reads pieces: which piece carries what."""

from __future__ import annotations

import random

from companion.classroom.drawing import fixed_cases, telling_cases
from companion.classroom.tasks import Case, Group, Misconception, Prediction, Task, Variant

IGNORED = -100
KINDS = ("PER", "LOC", "ORG")
TAGS = ("O", *(f"{prefix}-{kind}" for kind in KINDS for prefix in "BI"))
TAG_IDS = {tag: position for position, tag in enumerate(TAGS)}


def continued(tag: str) -> str:
    """The tag of a piece that is not the first of its word."""
    return f"I-{tag[2:]}" if tag.startswith("B-") else tag


def first_piece(tags: list, word_ids: list, tag_ids: dict) -> list[int]:
    """The first piece of a word carries its label, all others are ignored."""
    before = [None, *word_ids][: len(word_ids)]
    return [
        IGNORED if word is None or word == previous else tag_ids[tags[word]]
        for previous, word in zip(before, word_ids, strict=True)
    ]


def all_pieces(tags: list, word_ids: list, tag_ids: dict) -> list[int]:
    """Every piece carries a label; after the first, `B-` goes on as `I-`."""
    before = [None, *word_ids][: len(word_ids)]
    return [
        IGNORED if word is None else tag_ids[continued(tags[word]) if word == previous else tags[word]]
        for previous, word in zip(before, word_ids, strict=True)
    ]


def last_piece(tags: list, word_ids: list, tag_ids: dict) -> list[int]:
    """The last piece of a word carries its label, all others are ignored."""
    return first_piece(tags, word_ids[::-1], tag_ids)[::-1]


_FORMS = {"first": first_piece, "all": all_pieces, "last": last_piece}

_INTRODUCTION = """Write `align_labels(tags, word_ids, tag_ids)`. `tags` holds one tag for each word of a sentence.
`word_ids` holds one entry for each piece: the number of its word, or `None` for a special piece. `tag_ids` maps a tag
to its number. Return one whole number for each piece. A special piece gets -100.

Word numbers rise, but they need not begin at 0, be without gaps, or reach the last word: a window cut from a long
sentence begins in the middle, some words have no piece at all, and the end may be cut off.
"""
_EXAMPLE = (
    "With `tags = ['B-PER', 'O']`, `word_ids = [None, 0, 0, 1, None]` and "
    "`tag_ids = {'O': 0, 'B-PER': 1, 'I-PER': 2}`, `align_labels(tags, word_ids, tag_ids)` is "
)

VARIANTS = (
    Variant(
        name="first",
        statement=f"""{_INTRODUCTION}
The **first piece** of a word carries its label. Its other pieces get -100.

{_EXAMPLE}`[-100, 1, -100, 0, -100]`.""",
        reference=first_piece,
        prediction=Prediction(
            question="A sentence of 9 words becomes 14 pieces and two special ones. How many positions count in the "
            "loss?",
            options={"A": "16", "B": "9", "C": "14", "D": "that depends on the names in it"},
            answer="B",
            why="One for each word, whatever it was cut into. Long words have no more say than short ones.",
        ),
    ),
    Variant(
        name="all",
        statement=f"""{_INTRODUCTION}
**Every piece** of a word carries a label. The first one gets the word's tag. The others *continue* it: `B-PER` goes on
as
`I-PER`; `I-PER` and `O` go on as themselves. Whatever is needed is in `tag_ids`.

{_EXAMPLE}`[-100, 1, 2, 0, -100]`.""",
        reference=all_pieces,
        prediction=Prediction(
            question="One word, a name of five pieces tagged `B-LOC`. How many pieces of it carry the number of "
            "`B-LOC`?",
            options={"A": "1", "B": "5", "C": "0", "D": "4"},
            answer="A",
            why="A `B-` begins an entity. Five of them would be five places.",
        ),
    ),
    Variant(
        name="last",
        statement=f"""{_INTRODUCTION}
The **last piece** of a word carries its label: a model that reads from left to right has seen the whole word only
there. Its other pieces get -100.

{_EXAMPLE}`[-100, -100, 1, 0, -100]`.""",
        reference=last_piece,
        prediction=Prediction(
            question="The input is cut off in the middle of a word: its last two pieces are gone. Where does the label "
            "stand?",
            options={
                "A": "nowhere, the word was not finished",
                "B": "on the special piece behind it",
                "C": "on the last piece that is left",
                "D": "on its first piece",
            },
            answer="C",
            why="`word_ids` is all you have, and it knows nothing of what was cut. Whether the label should count is a "
            "question for whoever cut the text.",
        ),
    ),
)


def sentence(generator: random.Random, words: int) -> list[str]:
    """Well-formed tags for some words, with at least one entity."""
    tags: list[str] = []
    while len(tags) < words:
        if generator.random() < 0.5 or not tags:
            kind = generator.choice(KINDS)
            tags += [f"B-{kind}", *[f"I-{kind}"] * generator.randint(0, 2)]
        else:
            tags.append("O")
    return tags[:words]


def cut(generator: random.Random, words: list[int], *, longest: int = 4) -> list[int | None]:
    """Pieces for these words, between two special ones."""
    return [None, *(word for word in words for _ in range(generator.randint(1, longest))), None]


def _cases(variant: Variant, generator: random.Random) -> list[Case]:
    def whole(g: random.Random) -> tuple:
        tags = sentence(g, g.randint(3, 6))
        return tags, cut(g, list(range(len(tags)))), TAG_IDS

    def gaps(g: random.Random) -> tuple:
        tags = sentence(g, g.randint(5, 8))
        missing = set(g.sample(range(len(tags)), 2))
        return tags, cut(g, [word for word in range(len(tags)) if word not in missing]), TAG_IDS

    def window(g: random.Random) -> tuple:
        tags = sentence(g, g.randint(7, 9))
        start = g.randint(1, 3)
        return tags, cut(g, list(range(start, g.randint(start + 2, len(tags) - 1)))), TAG_IDS

    def other_numbers(g: random.Random) -> tuple:
        tags, word_ids, _ = whole(g)
        order = list(TAGS)
        g.shuffle(order)
        return tags, word_ids, {tag: position + 3 for position, tag in enumerate(order)}

    uncut = [(tags := sentence(generator, words), [None, *range(len(tags)), None], TAG_IDS) for words in (2, 5)]
    return [
        *fixed_cases("uncut", *uncut, (["O"], [None, None], TAG_IDS), ([], [], TAG_IDS)),
        *telling_cases("whole", 4, VARIANTS, whole, generator),
        *telling_cases("gaps", 4, VARIANTS, gaps, generator, _shift_shows),
        *telling_cases("window", 4, VARIANTS, window, generator, _shift_shows),
        *telling_cases("numbers", 2, VARIANTS, other_numbers, generator),
    ]


def _in_order(tags: list, word_ids: list) -> dict:
    """The mistake: the n-th word that has pieces takes the n-th tag."""
    present = list(dict.fromkeys(word for word in word_ids if word is not None))
    return dict(zip(present, tags, strict=False))


def _renumbered(variant: str, tags: list, word_ids: list, tag_ids: dict) -> list[int]:
    taken = _in_order(tags, word_ids)
    return _FORMS[variant]([taken.get(word, "O") for word in range(len(tags))], word_ids, tag_ids)


def _shift_shows(tags: list, word_ids: list, tag_ids: dict) -> bool:
    """Whether taking tags in order, not by number, gives another answer in every form."""
    return all(
        _renumbered(name, tags, word_ids, tag_ids) != form(tags, word_ids, tag_ids) for name, form in _FORMS.items()
    )


def _by_position(variant: str, tags: list, word_ids: list, tag_ids: dict) -> list[int]:
    padded = [*tags, *["O"] * len(word_ids)]
    return [IGNORED if word is None else tag_ids[padded[place - 1]] for place, word in enumerate(word_ids)]


def _outside_for_ignored(variant: str, tags: list, word_ids: list, tag_ids: dict) -> list[int]:
    made = _FORMS[variant](tags, word_ids, tag_ids)
    return [tag_ids["O"] if number == IGNORED else number for number in made]


def _repeated(variant: str, tags: list, word_ids: list, tag_ids: dict) -> list[int]:
    return [IGNORED if word is None else tag_ids[tags[word]] for word in word_ids]


def _special_outside(variant: str, tags: list, word_ids: list, tag_ids: dict) -> list[int]:
    made = _FORMS[variant](tags, word_ids, tag_ids)
    return [tag_ids["O"] if word is None else n for n, word in zip(made, word_ids, strict=True)]


ALIGN_LABELS = Task(
    function="align_labels",
    title="From words to pieces",
    groups=(
        Group(name="uncut", points=1, teaches="words of one piece keep their labels, special pieces get -100"),
        Group(name="whole", points=3, teaches="cut words are labelled as the statement asks"),
        Group(name="gaps", points=2, teaches="a word without any piece does not shift the labels of the others"),
        Group(
            name="window", points=2, teaches="a window may begin in the middle of a sentence, and end before its end"
        ),
        Group(name="numbers", points=1, teaches="numbers come from `tag_ids`, whatever they are"),
    ),
    variants=VARIANTS,
    cases=_cases,
    misconceptions=(
        Misconception(
            name="paired by position",
            message="You pair pieces and tags by position. From the first cut word on, every label belongs to another "
            "word.",
            answer=_by_position,
        ),
        Misconception(
            name="tags taken in order",
            message="You take the next tag whenever a new word begins. The number in `word_ids` says which word it "
            "is: some have no piece, and a window begins in the middle.",
            answer=_renumbered,
        ),
        Misconception(
            name="O where nothing should count",
            message="You write `O` where the statement asks for -100. `O` is a claim about a word, and the model will "
            "learn it; -100 says nothing.",
            answer=_outside_for_ignored,
        ),
        Misconception(
            name="special pieces are outside",
            message="Special pieces have `O` in your answer. Nobody has labelled them: -100.",
            answer=_special_outside,
        ),
        Misconception(
            name="every piece repeats the tag",
            message="Every piece repeats the tag of its word. A `B-` begins an entity each time it is read.",
            answer=_repeated,
        ),
    ),
)
