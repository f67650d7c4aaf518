"""The way back: one tag a word, from what the model said about pieces."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

from companion.classroom.assignments.a3_align_labels.pieces import TAGS, cut
from companion.classroom.drawing import fixed_cases, telling_cases
from companion.classroom.tasks import Case, Group, Misconception, Prediction, Task, Variant


def _said(piece_tags: list, word_ids: list) -> dict[int, list[str]]:
    said: dict[int, list[str]] = {}
    for tag, word in zip(piece_tags, word_ids, strict=True):
        if word is not None:
            said.setdefault(word, []).append(tag)
    return said


def _majority(tags: list[str]) -> str:
    counts = Counter(tags)
    return max(counts, key=lambda tag: counts[tag])  # of equally frequent ones, the one that was said first


_CHOICE = {"first": lambda tags: tags[0], "majority": _majority, "last": lambda tags: tags[-1]}


def _read(name: str, piece_tags: list, word_ids: list, count: int) -> list[str]:
    said = _said(piece_tags, word_ids)
    return [_CHOICE[name](said[word]) if word in said else "O" for word in range(count)]


def _reference(name: str) -> Callable[..., list[str]]:
    return lambda piece_tags, word_ids, count: _read(name, piece_tags, word_ids, count)


_INTRODUCTION = """Write `to_words(piece_tags, word_ids, count)`. `piece_tags` holds what the model said about each
piece, special ones included; `word_ids` is as before; `count` is the number of words. Return a list of `count` tags,
one for each word. A word without any piece gets `"O"`.
"""
_EXAMPLE = "`to_words(['O', 'B-PER', 'O', 'O', 'O'], [None, 0, 0, 0, None], 2)` is "

VARIANTS = (
    Variant(
        name="first",
        statement=f"{_INTRODUCTION}\nThe **first piece** of a word speaks for it. {_EXAMPLE}`['B-PER', 'O']`.",
        reference=_reference("first"),
        prediction=Prediction(
            question="The model was trained with labels on the first piece of a word alone. What does it say about the "
            "others?",
            options={
                "A": "always `O`",
                "B": "the continuing tag",
                "C": "whatever: it was never told",
                "D": "nothing, there is no output",
            },
            answer="C",
            why="There is an output at every position. At those it was never corrected, so nothing about it is "
            "promised.",
        ),
    ),
    Variant(
        name="majority",
        statement=f"""{_INTRODUCTION}
The **most frequent** tag among the pieces of a word speaks for it; of equally frequent ones, the one that comes first.
{_EXAMPLE}`['O', 'O']`.""",
        reference=_reference("majority"),
        prediction=Prediction(
            question="A name of five pieces is read as `B-LOC I-LOC I-LOC I-LOC I-LOC`, each piece right. By majority, "
            "its word gets …",
            options={"A": "`I-LOC`", "B": "`B-LOC`", "C": "`O`", "D": "both"},
            answer="A",
            why="Four against one. A vote over tags forgets that they spell something together; now the place has no "
            "beginning.",
        ),
    ),
    Variant(
        name="last",
        statement=f"{_INTRODUCTION}\nThe **last piece** of a word speaks for it. {_EXAMPLE}`['O', 'O']`.",
        reference=_reference("last"),
        prediction=Prediction(
            question="The model was trained with labels on the *first* piece of each word, and is read at the last "
            "one. Which words are read as they were trained?",
            options={"A": "all", "B": "those of one piece", "C": "none", "D": "those outside of names"},
            answer="B",
            why="Where first and last are the same piece. Both ends of the pipeline must agree on who speaks.",
        ),
    ),
)


def _cases(variant: Variant, generator: random.Random) -> list[Case]:
    def speak(g: random.Random, word_ids: list) -> list[str]:
        return [g.choice(TAGS[:5]) for _ in word_ids]

    def whole(g: random.Random) -> tuple:
        count = g.randint(3, 5)
        word_ids = cut(g, list(range(count)), longest=5)
        return speak(g, word_ids), word_ids, count

    def gaps(g: random.Random) -> tuple:
        count = g.randint(5, 7)
        missing = {g.randrange(count - 1), count - 1}
        word_ids = cut(g, [word for word in range(count) if word not in missing], longest=5)
        return speak(g, word_ids), word_ids, count

    uncut = [(speak(generator, [None, *range(n), None]), [None, *range(n), None], n) for n in (2, 4)]
    return [
        *fixed_cases("uncut", *uncut),
        *telling_cases("whole", 5, VARIANTS, whole, generator),
        *telling_cases("gaps", 5, VARIANTS, gaps, generator, _gap_shows),
        *fixed_cases("nothing", (["O", "B-PER"], [None, None], 3), ([], [], 0)),
    ]


def _closed_up(variant: str, piece_tags: list, word_ids: list, count: int) -> list[str]:
    return [_CHOICE[variant](tags) for tags in _said(piece_tags, word_ids).values()]


def _gap_shows(piece_tags: list, word_ids: list, count: int) -> bool:
    """Whether the words behind the gap carry another tag than those that would move up."""
    closed = _closed_up("first", piece_tags, word_ids, count)
    return closed + ["O"] * (count - len(closed)) != _read("first", piece_tags, word_ids, count)


def _moved_up(variant: str, piece_tags: list, word_ids: list, count: int) -> list[str]:
    closed = _closed_up(variant, piece_tags, word_ids, count)
    return closed + ["O"] * (count - len(closed))


def _one_a_piece(variant: str, piece_tags: list, word_ids: list, count: int) -> list[str]:
    return [tag for tag, word in zip(piece_tags, word_ids, strict=True) if word is not None]


TO_WORDS = Task(
    function="to_words",
    title="And back to words",
    groups=(
        Group(name="uncut", points=1, teaches="words of one piece keep what was said about it"),
        Group(name="whole", points=4, teaches="where pieces disagree, the one that the statement names decides"),
        Group(name="gaps", points=3, teaches="a word without pieces is `O`, and the words behind it do not move up"),
        Group(name="nothing", points=1, teaches="a sentence of special pieces alone has only words outside"),
    ),
    variants=VARIANTS,
    cases=_cases,
    misconceptions=(
        Misconception(
            name="a tag for each piece",
            message="You give one tag for each piece. The caller asked about words, and will pair them up with words.",
            answer=_one_a_piece,
        ),
        Misconception(
            name="words without pieces vanish",
            message="Words without pieces are missing from your list, so all words behind them get their neighbour's "
            "tag.",
            answer=_closed_up,
        ),
        Misconception(
            name="words move up",
            message="Your list has the right length, but the words behind a gap have moved up, and `O` stands at the "
            "end. Ask for each word from 0 to `count - 1` what was said about it.",
            answer=_moved_up,
        ),
    ),
)
