"""Two texts under one label: premise and hypothesis, question and answer, two wordings that may say the same.

A corpus holds pairs in all rows or in none. What reads one text alone refuses a pair, so that no second text is lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from companion.errors import DataError

if TYPE_CHECKING:
    from companion.corpora.texts import Text

PAIR_COLUMN = "text_pair"
"""Where a second text stands if no column is named, as in transformers."""


def check_pairs(rows: Iterable[Text]) -> None:
    """Refuse rows of which some are pairs and some are not.

    Raises:
        DataError: naming the first row that differs from the rows before it.

    Taught in: book/reference/helpdesk
    """
    first = None
    for number, row in enumerate(rows, start=1):
        first = first or row
        if (row.text_pair is None) != (first.text_pair is None):
            here, before = ("one text", "pairs") if row.text_pair is None else ("a pair of texts", "one text each")
            raise DataError(
                f"{row.source or f'text {number}'}: the row holds {here}, and those before it hold {before}",
                remedy="Give every row a second text, or none of them.",
            )


def lone_text(row: Text, reader: str) -> str:
    """The text of a row for something that reads one; `reader` names it in the error.

    Raises:
        DataError: the row is a pair of texts, of which the second would be lost.

    Taught in: book/reference/helpdesk
    """
    if row.text_pair is not None:
        raise DataError(
            f"{row.source or 'a row'}: the row is a pair of texts, and {reader} reads one",
            remedy="Give rows of one text; both in one are f'{row.text} {row.text_pair}'.",
        )
    return row.text
