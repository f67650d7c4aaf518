"""CSV files with one word per row and named columns for sentence, word and tag."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Unpack

from companion.corpora.labels import LabelledRow, TagRules, settle
from companion.corpora.options import TagOptions
from companion.corpora.records import Sentence
from companion.corpora.tally import Tally
from companion.corpora.text import path_of, read_text
from companion.errors import ConfigError, DataError

DELIMITERS = (",", ";", "\t", "|")
SEPARATOR_LINES = ("sep=", *(f"sep={delimiter}" for delimiter in DELIMITERS))
"""What may stand above the header for Excel alone; read with its own delimiter, the line has a second, empty cell."""
UNQUOTED = ", or pass quoted=False when quotation marks are words"


def read_csv(
    path: str | Path,
    *,
    sentence: str = "sentence",
    word: str = "word",
    tag: str = "tag",
    delimiter: str | None = None,
    quoted: bool = True,
    encoding: str = "utf-8",
    tally: Tally | None = None,
    **options: Unpack[TagOptions],
) -> list[Sentence]:
    """The sentences of a CSV file, in IOB2: consecutive rows with the same sentence id form one sentence.

    `sentence`, `word` and `tag` name columns of the header; an empty sentence id continues the sentence above.
    `delimiter` None takes the one of `, ; tab |` that makes the header hold these names. `quoted=False` reads a
    quotation mark as an ordinary character. `options` are the fields of `TagRules`.

    Raises:
        DataError: with file and line, for a missing column, a ragged row, an empty word, an id that comes back.

    Taught in: book/walkthroughs/train-a-tagger
    """
    rules, tally, path = TagRules(**options), tally or Tally(), path_of(path)
    text = read_text(path, encoding=encoding)
    wanted = (sentence, word, tag)
    header, delimiter = _header(text, wanted, delimiter, quoted, path)
    columns = [header.index(name) for name in wanted]
    rows = list(_sentences(_records(text, delimiter, quoted, path, tally), len(header), columns, path))
    if not rows:
        raise DataError("the file holds a header but no rows", file=path, remedy="Add one row per word.")
    return list(settle(rows, rules, tally, path=str(path), name=path.name))


def named_rows(
    text: str, wanted: Sequence[str], *, delimiter: str | None = None, quoted: bool = True, path: Path
) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row of a CSV text as `{column: cell}` with its line; the columns in `wanted` are there.

    Raises:
        DataError: with file and line, for a missing column or a ragged row.

    Taught in: book/reference/helpdesk
    """
    header, delimiter = _header(text, wanted, delimiter, quoted, path, "text= and label=", "")
    records = _records(text, delimiter, quoted, path, otherwise="")
    next(records)
    for line, row in records:
        _check_width(row, len(header), path, line)
        yield line, dict(zip(header, row, strict=True))


def _records(
    text: str, delimiter: str, quoted: bool, path: Path, tally: Tally | None = None, otherwise: str = UNQUOTED
) -> Iterator[tuple[int, list[str]]]:
    """The rows that hold anything, with the line on which each begins."""
    quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"not a CSV row: {error}",
                file=path,
                line=line,
                remedy=f"Close the quotation mark{otherwise}.",
            ) from None
        if line == 1 and row and len(row) <= 2 and row[0].lower() in SEPARATOR_LINES and not any(row[1:]):
            continue
        if any(row):
            yield line, row
        elif tally is not None:
            tally.skip("empty rows")


def _header(
    text: str,
    wanted: Sequence[str],
    delimiter: str | None,
    quoted: bool,
    path: Path,
    options: str = "sentence=, word= and tag=",
    otherwise: str = UNQUOTED,
) -> tuple[list[str], str]:
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise ConfigError(f"delimiter={delimiter!r}", remedy="Use one character, for example ';' or '\\t'.")
    best: tuple[list[str], str] = ([], delimiter or ",")
    for candidate in DELIMITERS if delimiter is None else (delimiter,):
        _, header = next(_records(text, candidate, quoted, path, otherwise=otherwise), (0, []))
        header = [name.strip() for name in header]
        if set(wanted) <= set(header):
            for name in wanted:
                if header.count(name) > 1:
                    raise DataError(f"the header names {name!r} twice", file=path, line=1, remedy="Rename one of them.")
            return header, candidate
        best = max(best, (header, candidate), key=lambda pair: len(pair[0]))
    if not best[0]:
        raise DataError("the file is empty", file=path, remedy="It needs a header row, and rows below it.")
    missing = [name for name in wanted if name not in best[0]]
    raise DataError(
        f"no column {', '.join(map(repr, missing))}; the header has {', '.join(map(repr, best[0]))}",
        file=path,
        line=1,
        remedy=f"Name the columns with {options}, and the delimiter with delimiter= if it is unusual.",
    )


def _sentences(
    records: Iterator[tuple[int, list[str]]], width: int, columns: Sequence[int], path: Path
) -> Iterator[LabelledRow]:
    next(records)
    seen: dict[str, int] = {}
    current: str | None = None
    words: list[str] = []
    labels: list[str] = []
    lines: list[int] = []
    for line, row in records:
        _check_width(row, width, path, line)
        name, word, label = (row[column] for column in columns)
        name, label = name.strip(), label.strip()
        _check_cells(word, label, path, line)
        if not name and current is None:
            raise DataError("the first row names no sentence", file=path, line=line, remedy="Fill its sentence id.")
        if name and name != current:
            if words:
                yield LabelledRow(words=tuple(words), labels=tuple(labels), lines=tuple(lines))
                words, labels, lines = [], [], []
            if name in seen:
                raise DataError(
                    f"sentence id {name!r} comes back; it was used on line {seen[name]}",
                    file=path,
                    line=line,
                    remedy="Keep the rows of a sentence together, and give every sentence its own id.",
                )
            seen[name], current = line, name
        words.append(word)
        labels.append(label)
        lines.append(line)
    if words:
        yield LabelledRow(words=tuple(words), labels=tuple(labels), lines=tuple(lines))


def _check_width(row: Sequence[str], width: int, path: Path, line: int) -> None:
    if len(row) != width:
        raise DataError(
            f"{len(row)} cells instead of {width}",
            file=path,
            line=line,
            remedy="Give every row all columns of the header; quote cells that hold the delimiter.",
        )


def _check_cells(word: str, label: str, path: Path, line: int) -> None:
    if not word or not label:
        what = "word" if not word else "tag"
        raise DataError(f"the {what} is empty", file=path, line=line, remedy="Fill the cell or remove the row.")
    if "\n" in word or "\r" in word:
        raise DataError(
            f"a word with a line end: {word[:40]!r}",
            file=path,
            line=line,
            remedy="A quotation mark was probably left open; pass quoted=False when quotation marks are words.",
        )
