"""Reads a results table from text: aligned columns, Markdown, CSV or TSV, reports of scikit-learn and seqeval."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from companion.errors import EvaluationError
from companion.evaluation.forensics.table import COLUMNS, Cell, ResultsTable, TableRow

ALIASES = {
    "precision": ("precision", "prec", "prec.", "p"),
    "recall": ("recall", "rec", "rec.", "r", "sensitivity"),
    "f1": ("f1", "f1score", "f", "fscore", "fmeasure", "fb1"),
    "support": ("support", "gold", "n", "count", "#"),
}
AVERAGE_NAMES = {
    "accuracy": "accuracy",
    "acc": "accuracy",
    "micro": "micro",
    "micro avg": "micro",
    "macro": "macro",
    "macro avg": "macro",
    "weighted": "weighted",
    "weighted avg": "weighted",
    "avg / total": "weighted",
    "samples avg": "samples",
    "overall": "overall",
    "total": "total",
    "all": "all",
}
MISSING = ("", "-", "–", "—", "nan", "n/a", "na", "undefined", "none", "null")
NUMBER = re.compile(r"^([+-]?)(\d*)(?:[.,](\d*))?(?:[eE]([+-]?\d{1,3}))?%?$")
WHOLE = re.compile(r"^(\d{1,3}(?:,\d{3})+|\d+)(?:\.0*)?$")
RULE = re.compile(r"^[\s|:+=─━┼-]*$")
DEFAULT_ORDER = ("precision", "recall", "f1", "support")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    """One line of the text, cut into cells."""

    number: int
    """Counted from 1."""
    name: str
    """What stands before the numbers."""
    cells: dict[str, str]
    """Text by column."""


def read_table(text: str, *, file: str | Path | None = None) -> ResultsTable:
    """The table of precision, recall, F1 and support that a text holds.

    Aligned columns, Markdown, CSV (comma or semicolon) and TSV are told apart by themselves; so are shares and
    percent. Without a header the columns are taken in scikit-learn's order. Lines before the header are skipped, as are
    rules and blank lines; "accuracy", "micro avg", "macro avg", "weighted avg" and "samples avg" are averages, every
    other line is a class. `file` is named in errors.

    Raises: EvaluationError for a text without a table, a line that does not fit the header, or a cell that is no
    number; it names the line.
    Follows: the text of sklearn.metrics.classification_report and seqeval.metrics.classification_report.
    Taught in: book/walkthroughs/reading-a-results-table
    """
    lines = [line.replace("`", "").replace("**", "") for line in text.splitlines()]
    header = next((number for number, line in enumerate(lines) if _is_header(line)), None)
    first = next((number for number, line in enumerate(lines) if not RULE.match(line)), 0)
    start = first if header is None else header
    if not any(not RULE.match(line) for line in lines):
        raise EvaluationError("there is no table in this text", remedy=_REMEDY, file=file)
    split = _splitter(lines[start])
    columns = [*DEFAULT_ORDER] if header is None else _columns(split, lines[start])
    found: list[_Line] = []
    for number in range(start if header is None else start + 1, len(lines)):
        if not RULE.match(lines[number]):
            found.append(_cut(lines[number], number + 1, columns, split, file))
    if not found:
        raise EvaluationError("the table has a header and no rows", remedy=_REMEDY, file=file, line=start + 1)
    marked = header is not None and "%" in lines[header]
    return _assemble(found, marked, file)


_REMEDY = "paste lines such as `B-LOC 0.926 0.906 0.916 1668` under a header `precision recall f1-score support`"


def _is_header(line: str) -> bool:
    words = [_column(word) for word in re.split(r"[\s|,;\t]+", _joined(line))]
    return len({word for word in words if word in COLUMNS}) >= 2


def _joined(line: str) -> str:
    """Titles of two words as one, so that white space can part them."""
    return re.sub(r"(?i)\bf[ -]?(1)?[ -]?(score|measure)\b", "f1", line).replace("(%)", "%").replace(" %", "%")


def _column(word: str) -> str:
    """The column that a title names, or the title."""
    plain = re.sub(r"[%_()\-\"' ]", "", word.lower())
    return next((name for name, aliases in ALIASES.items() if plain in aliases), plain)


def _splitter(line: str) -> Callable[[str], list[str]] | None:
    """How a line is cut into cells; None for columns that white space parts."""
    if line.count("|") >= 2:
        return lambda text: [cell.strip() for cell in text.strip().strip("|").split("|")]
    delimiter = next((mark for mark in "\t;," if line.count(mark) >= 2), None)
    return None if delimiter is None else lambda text: _split_quoted(text, delimiter)


def _split_quoted(line: str, delimiter: str) -> list[str]:
    cells, cell, quoted = [], "", False
    for character in line:
        if character == '"':
            quoted = not quoted
        elif character == delimiter and not quoted:
            cells.append(cell.strip())
            cell = ""
        else:
            cell += character
    return [*cells, cell.strip()]


def _columns(split: Callable[[str], list[str]] | None, line: str) -> list[str]:
    if split is not None:
        return [_column(cell) for cell in split(_joined(line))]
    titles = [_column(word) for word in _joined(line).split()]
    # A title over the names ("class precision recall ...") is no column of numbers.
    return titles[next(n for n, title in enumerate(titles) if title in DEFAULT_ORDER) :]


def _cut(
    line: str, number: int, columns: list[str], split: Callable[[str], list[str]] | None, file: str | Path | None
) -> _Line:
    if split is not None:
        cells = split(line)
        if "precision" in columns and columns[0] in DEFAULT_ORDER and len(cells) == len(columns) + 1:
            columns = ["", *columns]
        if len(cells) != len(columns):
            raise _error(number, f"{len(cells)} cells under {len(columns)} titles", file)
        place = next((n for n, title in enumerate(columns) if title not in DEFAULT_ORDER), None)
        named = {title: cell for title, cell in zip(columns, cells, strict=True) if title in DEFAULT_ORDER}
        return _Line(number=number, name="" if place is None else cells[place], cells=named)
    words = re.sub(r"(\d)\s+%", r"\1%", line).split()
    count = 0
    while count < min(len(columns), len(words)) and _is_value(words[-1 - count]):
        count += 1
    name, values = " ".join(words[: len(words) - count]), words[len(words) - count :]
    if _average(name) == "accuracy" and count in (1, 2):
        return _Line(number=number, name=name, cells=dict(zip(("f1", "support"), values, strict=False)))
    if count != len(columns) and not (columns == [*DEFAULT_ORDER] and count == 3):
        raise _error(number, f"{name!r} has {count} numbers under {len(columns)} titles", file)
    pairs = zip(columns, values, strict=False)
    return _Line(number=number, name=name, cells={title: cell for title, cell in pairs if title in DEFAULT_ORDER})


def _is_value(word: str) -> bool:
    return word.lower() in MISSING or bool(WHOLE.match(word)) or _parts(word) is not None


def _parts(word: str) -> tuple[int, int] | None:
    """A number as (units, digits): "0.894" is (894, 3)."""
    found = NUMBER.match(word)
    if not found or not (found[2] or found[3]):
        return None
    units = int(found[2] + (found[3] or "") or "0")
    digits = len(found[3] or "") - int(found[4] or 0)
    if digits < 0:
        units, digits = units * 10**-digits, 0
    return (-units if found[1] == "-" else units), digits


def _average(name: str) -> str | None:
    return AVERAGE_NAMES.get(re.sub(r"[-_ ]+", " ", name.lower().replace("average", "avg")).strip())


def _assemble(lines: list[_Line], marked: bool, file: str | Path | None) -> ResultsTable:
    shares = [line.cells[column] for line in lines for column in COLUMNS if column in line.cells]
    numbers = [parts for parts in map(_parts, shares) if parts is not None]
    above = sum(units > 10**digits for units, digits in numbers)
    percent = marked or any("%" in text for text in shares) or 2 * above > len(numbers)
    rows: list[TableRow] = []
    averages: dict[str, TableRow] = {}
    for line in lines:
        kind = _average(line.name)
        row = _row(line, kind, percent, file)
        if kind is None:
            rows.append(row)
        elif kind in averages:
            raise _error(line.number, f"a second line {line.name!r}", file)
        else:
            averages[kind] = row
    if not rows:
        raise EvaluationError("the table has averages and no classes", remedy=_REMEDY, file=file, line=lines[0].number)
    return ResultsTable(rows=tuple(rows), averages=averages, percent=percent)


def _row(line: _Line, kind: str | None, percent: bool, file: str | Path | None) -> TableRow:
    cells: dict[str, Cell | None] = {}
    for column in COLUMNS:
        text = line.cells.get(column, "")
        parts = _parts(text)
        if parts is None and text.lower() not in MISSING:
            raise _error(line.number, f"{line.name!r}, {column}: {text!r} is no number", file)
        if parts is not None:
            cells[column] = Cell(text=text, units=parts[0], digits=parts[1] + 2 * percent)
    support = line.cells.get("support", "")
    whole = WHOLE.match(support)
    repeated = False
    if kind == "accuracy":
        # A data frame repeats the accuracy in every column, the support included.
        value = next((cells[column] for column in reversed(COLUMNS) if cells.get(column)), None)
        cells = {"f1": value}
        repeated = value is not None and _parts(support) == _parts(value.text)
        whole = None if repeated else whole
    elif whole is None and support.lower() not in MISSING:
        raise _error(line.number, f"{line.name!r}, support: {support!r} is no whole number", file)
    return TableRow(
        name=line.name,
        precision=cells.get("precision"),
        recall=cells.get("recall"),
        f1=cells.get("f1"),
        support=int(whole[1].replace(",", "")) if whole else None,
        line=line.number,
        repeated=repeated,
    )


def _error(number: int, problem: str, file: str | Path | None) -> EvaluationError:
    place = "" if file is not None else f"line {number}: "
    remedy = "correct the line, or leave it out if it is no part of the table"
    return EvaluationError(place + problem, remedy=remedy, file=file, line=number)
