"""Are there words of which the tokenizer makes nothing?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.doctor.findings import NOTE, WARNING
from companion.doctor.probe import CannotCheck, Outcome, Probe, need, plural
from companion.doctor.sentences import MOST_ROWS, pieces_of

if TYPE_CHECKING:
    from companion.doctor.patient import Patient

SHOWN = 4


def examine(patient: Patient) -> Outcome:
    """Tokenise every word of every split alone, and count those without a single piece.

    Raises:
        CannotCheck: tokenizer or rows are missing, or the rows are whole texts.
    """
    need(patient.tokenizer, "no tokenizer was given")
    patient.first_split("train", "dev", "test")
    rows = [row for split in patient.rows.values() for row in split if row.tags][:MOST_ROWS]
    if not rows:
        raise CannotCheck("the rows are texts and not words")
    empty = [
        (word, tag)
        for row, pieces in zip(rows, pieces_of(rows, patient.tokenizer), strict=True)
        for word, tag, its in zip(row.words, row.tags, pieces, strict=True)
        if not its
    ]
    words = sum(len(row.words) for row in rows)
    if not empty:
        return f"of each of {words:,} words the tokenizer makes a word piece or more"
    named = [tag for _, tag in empty if tag != "O"]
    kinds = list(dict.fromkeys(word.encode("unicode_escape").decode() or "the empty text" for word, _ in empty))
    shown = ", ".join(kinds[:SHOWN]) + (" …" if len(kinds) > SHOWN else "")
    return [
        PROBE.finding(
            WARNING if named else NOTE,
            f"Of {plural(len(empty), 'word')} among {words:,} the tokenizer makes nothing ({shown}); {len(named)} of "
            "them carry a tag other than O, which the model can neither learn nor find.",
            "Remove or replace such words before tags are laid on pieces, and check that as many labels come out as "
            "went in.",
            empty=len(empty),
            words=words,
            tagged=len(named),
        )
    ]


PROBE = Probe(
    name="words without pieces",
    question="Are there words of which the tokenizer makes nothing?",
    needs="tokenizer, and rows of words with tags",
    costs="tokenises the words once",
    proves="which words no piece, and so no label, stands for",
    page="book/walkthroughs/labels-meet-word-pieces#ledger-read",
    examine=examine,
)
