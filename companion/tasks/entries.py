"""What a task is handed at its entries: an encoder, rows, a model; the wrong thing is named there, with a remedy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from companion.corpora.texts import Text
from companion.errors import ConfigError, DataError

Given = Text | str | tuple[str, str]
"""What a text task reads: a text or a string, or two in a tuple."""
ROWS = {
    ("words", "tags"): "Give sentences, such as corpus.train of a Corpus.",
    ("words",): "Give sentences, such as corpus.test of a Corpus.",
    ("text", "label"): "Give companion.Text rows, such as corpus.train; TextCorpus.from_rows makes them of pairs.",
}
"""What the rows of an entry have, and where such rows come from."""


def check_encoder(encoder: Any, loaded_by: str = "load_encoder") -> None:
    """Refuse what is not loaded yet, or no encoder.

    Raises:
        ConfigError: it has no tokenizer or no length.
    """
    if not (hasattr(encoder, "tokenizer") and hasattr(encoder, "max_length")):
        what = repr(encoder) if isinstance(encoder, str) else f"a {type(encoder).__name__}"
        named = what if isinstance(encoder, str) else "…"
        raise ConfigError(f"the encoder is {what}", remedy=f"give companion.{loaded_by}({named})")


def check_rows(rows: Any, wanted: tuple[str, ...]) -> None:
    """Refuse rows that lack what is wanted of them; of a view of a data set, the first speaks for all.

    Raises:
        DataError: there is no list, or a row is of another kind; it is named by its number, from 1.
    """
    if not isinstance(rows, Sequence) or isinstance(rows, str | bytes):
        raise DataError(f"a {type(rows).__name__} is no list of rows", remedy=ROWS[wanted])
    for number, row in enumerate(rows if isinstance(rows, list | tuple) else rows[:1], start=1):
        if not all(hasattr(row, name) for name in wanted):
            raise DataError(f"row {number} is a {type(row).__name__}", remedy=ROWS[wanted])


def text_parts(texts: Sequence[Given], pairs: bool | None) -> list[tuple[str, ...]]:
    """The one text of every item, or the two of every pair, as `pairs` asks for; with None, as the first item has it.

    Raises:
        DataError: an item is neither, or the other of the two.
    """
    parts: list[tuple[str, ...]] = []
    for number, item in enumerate(texts):
        if isinstance(item, str):
            own: tuple[Any, ...] = (item,)
        elif isinstance(item, tuple):
            own = item if len(item) == 2 else ()
        else:
            both = (getattr(item, "text", None), getattr(item, "text_pair", None))
            own = tuple(part for part in both if part is not None)
        if len(own) not in {1, 2} or not all(isinstance(part, str) for part in own):
            remedy = "give strings" if pairs is False else "give a tuple of two strings for each"
            raise DataError(f"text {number + 1} is a {type(item).__name__}", remedy=remedy)
        pairs = len(own) == 2 if pairs is None else pairs
        if len(own) == 2 and not pairs:
            raise DataError(
                f"{place_of(item, number)} is a pair of texts, and the model reads one",
                remedy="train one on pairs: fine_tune does where the corpus holds pairs, TextTask with pairs=True",
            )
        if len(own) == 1 and pairs:
            raise DataError(
                f"{place_of(item, number)} is one text, and the model reads pairs",
                remedy='give both: a tuple ("…", "…"), or a companion.Text with a text_pair; of a file name both: '
                "--columns text=…,text_pair=…",
            )
        parts.append(own)
    return parts


def place_of(text: Any, number: int) -> str:
    """Where a text stands: its source, or its place in the list."""
    return getattr(text, "source", "") or f"text {number + 1}"


def check_roles(model: Any, task: Any) -> None:
    """Refuse arguments of `evaluate` that are missing or swapped.

    Raises:
        ConfigError: the model is no model, or the task no task.
    """
    if not isinstance(model, nn.Module) or not hasattr(task, "evaluator"):
        raise ConfigError(
            f"the model is a {type(model).__name__}, the task a {type(task).__name__}",
            remedy="write companion.evaluate(model, task, rows), for example with run.model and corpus.test",
        )
