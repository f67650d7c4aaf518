"""Public text without labels, by name: what a masked language model reads before or beside a public labelled corpus.

Lines that say the same are kept once, so that nothing is learned more often because it was posted more often.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from companion.corpora.decontamination import bare_letters
from companion.corpora.fetch import find
from companion.corpora.location import public_root
from companion.corpora.public import PUBLIC_FILES
from companion.corpora.text import read_bytes, read_text, split_lines
from companion.errors import DataError

MINUTES = "fomc_minutes"
MINUTES_SOURCE = "gtfintechlab/fomc-hawkish-dovish, commit 98646987452b"
MINUTES_DIGEST = "fb0815f716fe0018c11a5f523b508830dc2fc66aab491e89d47cc4dd8fddc941"
"""sha256 over `name digest` of every document, a line each, by name."""
_END = re.compile(r"(?<=[.?!])\s+(?=[\"“(]?[A-Z])")
_NO_END = re.compile(r"(?:\b[A-Z]|\b(?:Mr|Mrs|Ms|Dr|Messrs|St|No|Jr|Inc|Co|Corp|vs))\.$")


@dataclass(frozen=True, kw_only=True, slots=True)
class PublicText:
    """Unlabelled lines with what is known about them."""

    name: str
    """The name for `load_public_text`."""
    lines: tuple[str, ...]
    """One sentence, post or comment each; none is empty, and no two have the same letters and digits."""
    notes: tuple[str, ...]
    """What was left out, in words and numbers."""
    licence: str
    """The licence of the text."""
    citation: str
    """Whom to cite."""


def load_public_text(name: str) -> PublicText:
    """Posts and comments as they stand ("wnut17-unlabelled"), or minutes of the Federal Reserve ("fomc-minutes").

    The files of WNUT-17 are looked for, downloaded and verified as those of `load_corpus`; the minutes are 230 files
    that have to lie in a folder `fomc_minutes` under `COMPANION_DATA`, and are verified together.

    Raises:
        DataError: there is no such text, or its files are missing or altered.
    """
    if name == "wnut17-unlabelled":
        lines = [line for file in PUBLIC_FILES[name].values() for line in split_lines(read_text(find(file)))]
        kept, notes = _once(lines)
        citation = "Derczynski, Nichols, van Erp and Limsopatham (2017), Results of the WNUT2017 Shared Task. W-NUT."
        return PublicText(name=name, lines=kept, notes=notes, licence="CC BY 4.0", citation=citation)
    if name != "fomc-minutes":
        raise DataError(f"no text is called {name!r}", remedy="use wnut17-unlabelled, fomc-minutes, or your own file")
    documents = _minutes()
    unlike = list(dict.fromkeys(documents))
    kept, notes = _once(line for document in unlike for line in split_sentences(document))
    return PublicText(
        name=name,
        lines=kept,
        notes=(f"{len(documents) - len(unlike)} of {len(documents)} documents are copies of another", *notes),
        licence="text of the US government; the compilation CC BY-NC 4.0",
        citation="Shah, Paturi and Chava (2023), Trillion Dollar Words: A New Financial Dataset, Task & Market "
        "Analysis. ACL.",
    )


def split_sentences(text: str) -> list[str]:
    """The sentences of running English prose, white space made single.

    One ends at a full stop, question or exclamation mark before white space and a capital letter; not after a single
    capital letter or a title ("J.", "Mr."). For unlabelled text a cut too many does no harm.
    """
    sentences: list[str] = []
    for part in _END.split(" ".join(text.split())):
        if sentences and _NO_END.search(sentences[-1]):
            sentences[-1] += f" {part}"
        elif part:
            sentences.append(part)
    return sentences


def _once(lines: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The lines with something to read, each once, in their order; and how many were not kept."""
    kept: dict[str, str] = {}
    read = empty = 0
    for line in lines:
        read += 1
        if letters := bare_letters(line):
            kept.setdefault(letters, line.strip())
        else:
            empty += 1
    again = read - empty - len(kept)
    return tuple(kept.values()), (f"{read:,} lines, {again:,} of them again, {empty:,} empty; {len(kept):,} kept",)


def _minutes() -> list[str]:
    root = public_root()
    folder = Path(MINUTES) if root is None else root / MINUTES
    paths = sorted(folder.glob("*.txt")) if root is not None else []
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.name} {hashlib.sha256(read_bytes(path)).hexdigest()}\n".encode())
    if not paths or digest.hexdigest() != MINUTES_DIGEST:
        raise DataError(
            f"the {len(paths)} documents are not the 230 that they should be" if paths else "the minutes are not here",
            file=folder,
            remedy=f"take the meeting minutes of {MINUTES_SOURCE}, and name the folder above with COMPANION_DATA",
        )
    return [read_text(path) for path in paths]
