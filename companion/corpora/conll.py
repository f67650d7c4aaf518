"""Column files: one word per line, its label in another column, a blank line between sentences.

The format is that of the CoNLL shared tasks (Sang and De Meulder, 2003), with the comment lines of CoNLL-U. The rules
are few and written down, because each of them is somewhere read wrong without an error:

* the delimiter is a tab or spaces, found once per file or declared;
* a line that holds only spaces and tabs separates sentences, as an empty line does;
* every row has the same number of columns, unless `columns` allows several;
* `# key = value` is a comment about its sentence; `#` followed by the other columns is a word;
* a `-DOCSTART-` row begins a document and is no sentence.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Unpack

from companion.corpora.labels import LabelledRow, TagRules, settle
from companion.corpora.options import TagOptions
from companion.corpora.records import Sentence
from companion.corpora.schemes import convert, scheme_name
from companion.corpora.tally import Tally
from companion.corpora.text import path_of, read_text, split_lines
from companion.errors import ConfigError, DataError

DOCUMENT_MARK = "-DOCSTART-"
_COMMENT = re.compile(r"# *([^\W\d][\w.\- ]*?) += *(.*?)[ \t]*")
_DOCUMENT_ROW = re.compile(r"-DOCSTART-(?:[ \t]+(?:-DOCSTART-|[-XO_]+))*[ \t]*")
_LABEL = re.compile(r"[Oo]|[A-Za-z][-_].*")
_NO_WORD = re.compile(r"[\t\r\n]")


def read_conll(
    path: str | Path,
    *,
    word_column: int | None = None,
    tag_column: int = -1,
    columns: int | Sequence[int] | None = None,
    delimiter: str | None = None,
    encoding: str = "utf-8",
    tally: Tally | None = None,
    **options: Unpack[TagOptions],
) -> list[Sentence]:
    """The sentences of a column file, in IOB2.

    `word_column` and `tag_column` count from 0 (-1 is the last); the first and the last column by default. `columns`
    is the number of columns a row may have, or several numbers; the first row decides when it is None. `delimiter` is
    a tab, a space, or None to look. `options` are the fields of `TagRules`.

    Raises:
        DataError: with file and line, for anything that cannot be read as asked.
        ConfigError: impossible options.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    rules, tally, path = TagRules(**options), tally or Tally(), path_of(path)
    lines = split_lines(read_text(path, encoding=encoding))
    layout = _Layout(path, lines, word_column, tag_column, columns, delimiter, rules.label_map)
    rows = list(_rows(lines, layout, tally))
    if not rows:
        raise DataError(
            "the file holds no sentence",
            file=path,
            remedy="It needs at least one row with a word and a label; blank lines, comments and "
            f"{DOCUMENT_MARK} rows are not sentences.",
        )
    layout.refuse_numbered_words(rows)
    return list(settle(rows, rules, tally, path=str(path), name=path.name))


def write_conll(path: str | Path, sentences: Iterable[Sentence], *, scheme: str = "IOB2") -> None:
    """Write two tab-separated columns, with the facts of a sentence as comment lines before it.

    `read_conll(path)` gives back the same words, tags and facts; words that contain a space need its `delimiter="\\t"`.

    Raises:
        DataError: a word, tag or fact that the format cannot hold (a tab, a line end, half a character).

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    Path(path).write_bytes(format_conll(sentences, scheme=scheme))


def format_conll(sentences: Iterable[Sentence], *, scheme: str = "IOB2") -> bytes:
    """The bytes of the file that `write_conll` writes.

    Raises:
        DataError: as `write_conll` does.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    name = scheme_name(scheme)
    blocks = []
    for sentence in sentences:
        comments = [_comment(key, value, sentence) for key, value in sentence.meta.items()]
        tags = convert(sentence.tags, "IOB2", name)
        rows = [_row(word, tag, sentence) for word, tag in zip(sentence.words, tags, strict=True)]
        blocks.append("\n".join([*comments, *rows]) + "\n")
    text = "\n".join(blocks)
    # A reader takes the first U+FEFF for a byte order mark; a word that begins with one needs a second.
    text = f"\ufeff{text}" if text.startswith("\ufeff") else text
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{text[error.start]!r} is half a character and cannot be written as UTF-8") from error


class _Layout:
    """The delimiter and columns of one file, settled once from all its lines."""

    def __init__(
        self,
        path: Path,
        lines: Sequence[str],
        word_column: int | None,
        tag_column: int,
        columns: int | Sequence[int] | None,
        delimiter: str | None,
        labels: Container[str],
    ) -> None:
        if delimiter not in {None, "\t", " "}:
            raise ConfigError(f"delimiter={delimiter!r}", remedy="Use '\\t', ' ' or None; for commas read a CSV file.")
        self.path, self.declared, self.labels = path, delimiter, labels
        data = [line for line in lines if line.strip(" \t") and not _COMMENT.fullmatch(line)]
        plain = next((line for line in data if not line.startswith(("#", DOCUMENT_MARK))), "")
        plain = plain or next((line for line in data if line.startswith("#") and "\t" in line), "".join(data[:1]))
        self.delimiter = delimiter or ("\t" if "\t" in plain else " ")
        width = len(self.cells(plain))
        self.columns = (width,) if columns is None else (columns,) if isinstance(columns, int) else tuple(columns)
        if len(self.columns) > 1 and min(word_column or 0, tag_column) < 0:
            raise ConfigError(
                "several numbers of columns need word_column and tag_column counted from the left",
                remedy="Declare tag_column=, from 0.",
            )
        self.word_column = word_column
        self.word, self.tag = word_column or 0, tag_column

    def cells(self, line: str) -> list[str]:
        if self.delimiter == "\t":
            return [cell.strip(" ") if position else cell for position, cell in enumerate(line.split("\t"))]
        return [cell for cell in line.split(" ") if cell]

    def is_comment(self, line: str) -> bool:
        """Whether a line that begins with `#` carries no word (it may: hashtags and numbers do)."""
        if _COMMENT.fullmatch(line):
            return True
        if self.delimiter == "\t":
            return "\t" not in line
        cells = self.cells(line)
        remark = cells[0] == "#" and cells[-1] not in self.labels and not _LABEL.fullmatch(cells[-1])
        return remark or len(cells) not in self.columns

    def word_and_label(self, line: str, number: int) -> tuple[str, str]:
        if self.delimiter == " " and "\t" in line:
            raise DataError(
                "a tab in a file whose columns are separated by spaces",
                file=self.path,
                line=number,
                remedy="Use one delimiter in the whole file, or declare it with delimiter=.",
            )
        cells = self.cells(line)
        if len(cells) not in self.columns:
            raise DataError(
                f"{len(cells)} column{'s' * (len(cells) != 1)} instead of {' or '.join(map(str, self.columns))}"
                f" (separated by {'tabs' if self.delimiter == chr(9) else 'spaces'})",
                file=self.path,
                line=number,
                remedy="Give every row the same columns, declare columns=(3, 5) if several numbers are meant, or "
                "declare delimiter= if the columns were cut in the wrong place.",
            )
        try:
            word, label = cells[self.word], cells[self.tag]
        except IndexError:
            raise DataError(
                f"no column {max(self.word, self.tag)}: the row has {len(cells)} columns, counted from 0",
                file=self.path,
                line=number,
                remedy="Correct word_column= or tag_column=.",
            ) from None
        if len(cells) < 2 or not word or not label:
            what = "a label" if word else "a word"
            raise DataError(f"the row lacks {what}", file=self.path, line=number, remedy="Complete or remove the row.")
        if self.declared is None and (" " in word or " " in label):
            raise DataError(
                f"a space inside {word!r} {label!r} in a file whose columns are separated by tabs",
                file=self.path,
                line=number,
                remedy="Use one delimiter in the whole file; if the space belongs to the word, pass delimiter='\\t'.",
            )
        return word, label

    def refuse_numbered_words(self, rows: Sequence[LabelledRow]) -> None:
        """A first column that counts 1, 2, 3 in every sentence is an index, not a word."""
        if self.word_column is not None or max(self.columns) < 3:
            return
        numbered = (row.words == tuple(str(number + 1) for number in range(len(row.words))) for row in rows)
        if max(len(row.words) for row in rows) > 1 and all(numbered):
            raise DataError(
                "the first column only numbers the words of each sentence",
                file=self.path,
                line=rows[0].lines[0],
                remedy="Name the columns, for example word_column=1, tag_column=2; pass word_column=0 if it is meant.",
            )


def _rows(lines: Sequence[str], layout: _Layout, tally: Tally) -> Iterator[LabelledRow]:
    words: list[str] = []
    labels: list[str] = []
    numbers: list[int] = []
    facts: dict[str, str] = {}
    documents = 0
    document = "0" if any(_DOCUMENT_ROW.fullmatch(line) for line in lines) else None
    for number, line in enumerate([*lines, ""], start=1):
        starts_document = _DOCUMENT_ROW.fullmatch(line) is not None
        if starts_document or not line.strip(" \t"):
            if words:
                facts = facts if document is None else {"document": document} | facts
                yield LabelledRow(words=tuple(words), labels=tuple(labels), lines=tuple(numbers), meta=facts)
                words, labels, numbers, facts = [], [], [], {}
            if starts_document:
                documents += 1
                document = str(documents)
                tally.skip(f"{DOCUMENT_MARK} rows")
        elif line.startswith("#") and layout.is_comment(line):
            match = _COMMENT.fullmatch(line)
            if match is None:
                tally.skip("comment lines without a key")
                continue
            fact, value = match[1], match[2]
            if fact in facts:
                tally.skip("comment lines replaced by a later one")
            facts[fact] = value
            if fact in {"newdoc id", "newdoc_id"}:
                document = value
        else:
            word, label = layout.word_and_label(line, number)
            words.append(word)
            labels.append(label)
            numbers.append(number)
    if facts:
        tally.skip("comment lines after the last sentence", len(facts))


def _row(word: str, tag: str, sentence: Sentence) -> str:
    row = f"{word}\t{tag}"
    misread = _COMMENT.fullmatch(row) or _DOCUMENT_ROW.fullmatch(row)
    if misread or _NO_WORD.search(word) or _NO_WORD.search(tag) or tag != tag.strip(" "):
        raise DataError(
            f"{sentence.source}: the row {row!r} cannot stand in a column file",
            remedy="Words and types must not hold tabs or line ends, nor look like a comment or a document mark.",
        )
    return row


def _comment(key: str, value: str, sentence: Sentence) -> str:
    line = f"# {key} = {value}"
    match = _COMMENT.fullmatch(line)
    if match is None or (match[1], match[2]) != (key, value) or re.search(r"[\r\n]", line):
        raise DataError(
            f"{sentence.source}: the fact {key!r}: {value!r} cannot stand in a comment line",
            remedy="Keys are words; values are one line without spaces at their ends.",
        )
    return line
