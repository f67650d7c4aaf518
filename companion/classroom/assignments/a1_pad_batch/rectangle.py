"""Sentences of different lengths, one rectangle, and the mask that says what is real."""

from __future__ import annotations

import random
from collections.abc import Callable

from companion.classroom.drawing import fixed_cases, telling_cases
from companion.classroom.tasks import Case, Group, Misconception, Prediction, Task, Variant

Ids = list[list[int]]


def pad(
    rows: Ids, pad_id: int, *, left: bool = False, multiple: int = 1, real: int | bool = 1, padding: int | bool = 0
) -> dict:
    """The rectangle and its mask; `real` and `padding` are what the mask says."""
    width = -(-max((len(row) for row in rows), default=0) // multiple) * multiple
    ids, mask = [], []
    for row in rows:
        missing = width - len(row)
        fill, marks = [pad_id] * missing, [padding] * missing
        ids.append(fill + row if left else row + fill)
        mask.append(marks + [real] * len(row) if left else [real] * len(row) + marks)
    return {"input_ids": ids, "attention_mask": mask}


_FORMS = {
    "right-longest": {},
    "left-longest": {"left": True},
    "right-multiple-of-eight": {"multiple": 8, "real": False, "padding": True},
}


def _pad_as(name: str) -> Callable[[Ids, int], dict]:
    return lambda rows, pad_id: pad(rows, pad_id, **_FORMS[name])


_PAD_INTRODUCTION = """Write `pad_batch(rows, pad_id)`. `rows` is a list of lists of piece ids, one list a sentence.
Return a dictionary with two entries, both lists of lists with one row a sentence: `"input_ids"` and `"attention_mask"`.
"""

PAD_VARIANTS = (
    Variant(
        name="right-longest",
        statement=_PAD_INTRODUCTION
        + """
* Fill on the **right** with `pad_id`, up to the length of the **longest row**, and no further.
* The mask holds **1 for a real piece and 0 for padding**, as BERT models expect it.

`pad_batch([[5, 6, 7], [8]], 0)` is
`{"input_ids": [[5, 6, 7], [8, 0, 0]], "attention_mask": [[1, 1, 1], [1, 0, 0]]}`.""",
        reference=_pad_as("right-longest"),
        prediction=Prediction(
            question="Rows of 3, 7 and 5 pieces are padded as asked. How many zeros does the mask hold?",
            options={"A": "4", "B": "6", "C": "9", "D": "that depends on how many pieces have the id `pad_id`"},
            answer="B",
            why="7 − 3 and 7 − 5 make 6. What the ids are does not matter: the mask is about positions.",
        ),
    ),
    Variant(
        name="left-longest",
        statement=_PAD_INTRODUCTION
        + """
* Fill on the **left** with `pad_id`, up to the length of the **longest row**, and no further. Models that continue a
  text need it so: what they append must follow the last real piece.
* The mask holds **1 for a real piece and 0 for padding**.

`pad_batch([[5, 6, 7], [8]], 0)` is
`{"input_ids": [[5, 6, 7], [0, 0, 8]], "attention_mask": [[1, 1, 1], [0, 0, 1]]}`.""",
        reference=_pad_as("left-longest"),
        prediction=Prediction(
            question="Rows of 3, 7 and 5 pieces are padded as asked. What is the sum of the last column of the mask?",
            options={"A": "1", "B": "2", "C": "3", "D": "that depends on the ids"},
            answer="C",
            why="Padded on the left, every row that is not empty ends with a real piece.",
        ),
    ),
    Variant(
        name="right-multiple-of-eight",
        statement=_PAD_INTRODUCTION
        + """
* Fill on the **right** with `pad_id`, up to the **next multiple of 8** that holds the longest row (8 stays 8, 9
  becomes 16, and no piece at all stays 0). Matrix units like such shapes.
* The mask says what to **ignore**, as `key_padding_mask` in `torch.nn.MultiheadAttention` does: **`True` for padding,
  `False` for a real piece**. Python's two truth values, not 1 and 0.

`pad_batch([[5, 6], [8]], 0)["input_ids"]` is `[[5, 6, 0, 0, 0, 0, 0, 0], [8, 0, 0, 0, 0, 0, 0, 0]]`, and the second
row of its mask is `[False, True, True, True, True, True, True, True]`.""",
        reference=_pad_as("right-multiple-of-eight"),
        prediction=Prediction(
            question="Rows of 3, 9 and 5 pieces are padded as asked. How many `True` does the mask hold?",
            options={"A": "31", "B": "17", "C": "10", "D": "7"},
            answer="A",
            why="Three rows of 16 are 48 positions, and 17 of them are real.",
        ),
    ),
)


def _rows(generator: random.Random, lengths: list[int], *, with_pad: int | None = None) -> Ids:
    rows = [[generator.randint(3, 99) for _ in range(length)] for length in lengths]
    if with_pad is not None:
        for row in rows:
            row[generator.randrange(len(row))] = with_pad
    return rows


def _uneven(generator: random.Random) -> list[int]:
    return [generator.randint(1, 11) for _ in range(generator.randint(2, 4))]


def _pad_cases(variant: Variant, generator: random.Random) -> list[Case]:
    def plain(g: random.Random) -> tuple:
        return _rows(g, _uneven(g)), 0

    def confusing(g: random.Random) -> tuple:
        pad_id = g.choice([1, 2, 7])
        return _rows(g, _uneven(g), with_pad=pad_id), pad_id

    def with_empty(g: random.Random) -> tuple:
        lengths = [*_uneven(g), 0]
        g.shuffle(lengths)
        return _rows(g, lengths), 0

    even = [_rows(generator, [length] * rows) for length, rows in ((generator.randint(2, 7), 1), (8, 2), (5, 3))]
    return [
        *telling_cases("rectangle", 4, PAD_VARIANTS, plain, generator),
        *fixed_cases("even", *((rows, 0) for rows in even)),
        *telling_cases("confusing", 4, PAD_VARIANTS, confusing, generator),
        *telling_cases("empty", 2, PAD_VARIANTS, with_empty, generator),
        *fixed_cases("empty", ([], 0), ([[]], 0)),
    ]


def _mask_from_ids(variant: str, rows: Ids, pad_id: int) -> dict:
    made = pad(rows, pad_id, **_FORMS[variant])
    real, padding = _FORMS[variant].get("real", 1), _FORMS[variant].get("padding", 0)
    mask = [[padding if piece == pad_id else real for piece in row] for row in made["input_ids"]]
    return made | {"attention_mask": mask}


def _mask_padded_with_id(variant: str, rows: Ids, pad_id: int) -> dict:
    if pad_id == _FORMS[variant].get("padding", 0):
        raise ValueError("with this pad_id the mistake does not show")
    return pad(rows, pad_id, **{**_FORMS[variant], "padding": pad_id})


def _mask_turned(variant: str, rows: Ids, pad_id: int) -> dict:
    form = _FORMS[variant]
    return pad(rows, pad_id, **{**form, "real": form.get("padding", 0), "padding": form.get("real", 1)})


def _mask_as_numbers(variant: str, rows: Ids, pad_id: int) -> dict:
    made = pad(rows, pad_id, **_FORMS[variant])
    return made | {"attention_mask": [[int(mark) for mark in row] for row in made["attention_mask"]]}


def _no_mask(variant: str, rows: Ids, pad_id: int) -> dict:
    made = pad(rows, pad_id, **_FORMS[variant])
    real = _FORMS[variant].get("real", 1)
    return made | {"attention_mask": [[real] * len(row) for row in made["input_ids"]]}


PAD_BATCH = Task(
    function="pad_batch",
    title="One rectangle",
    groups=(
        Group(
            name="rectangle", points=3, teaches="rows of different lengths become a rectangle, as the statement asks"
        ),
        Group(name="even", points=1, teaches="rows of one length get no more than the statement asks"),
        Group(
            name="confusing", points=3, teaches="the mask comes from the lengths: a real piece may have the id `pad_id`"
        ),
        Group(name="empty", points=2, teaches="an empty row is all padding, and an empty batch stays empty"),
    ),
    variants=PAD_VARIANTS,
    cases=_pad_cases,
    misconceptions=(
        Misconception(
            name="the mask is read off the ids",
            message="Your mask asks whether an id equals `pad_id`. A real piece may have that id. Build the mask from "
            "the length of each row, before you pad.",
            answer=_mask_from_ids,
        ),
        Misconception(
            name="the mask says the opposite",
            message="Your mask is the right one turned round: real positions carry the mark for padding. The model "
            "would look at nothing but padding, and not complain.",
            answer=_mask_turned,
        ),
        Misconception(
            name="the mask is padded with pad_id",
            message="You pad ids and mask alike, with `pad_id`. It only looks right while `pad_id` is also the mask's "
            "mark for padding; with another tokenizer, padding is attended to.",
            answer=_mask_padded_with_id,
        ),
        Misconception(
            name="numbers for truth values",
            message="Your mask holds 1 and 0. This statement asks for `True` and `False`: PyTorch adds a mask of "
            "numbers to the scores, and takes a mask of truth values as what to leave out.",
            answer=_mask_as_numbers,
        ),
        Misconception(
            name="padding is not masked",
            message="Your mask calls every position real, padding too. Nothing fails, and every sentence changes with "
            "the company it keeps in its batch.",
            answer=_no_mask,
        ),
    ),
)
