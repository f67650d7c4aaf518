"""Read a printed results table from text: aligned columns, Markdown, CSV, TSV, or a few `name: number` lines."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from fractions import Fraction

from companion.errors import EvaluationError
from companion.evaluation.forensics.cells import Cell, printed_cell

COLUMNS = {
    "precision": ("precision", "prec", "prec.", "p", "精确率", "准确度", "查准率"),
    "recall": ("recall", "rec", "rec.", "r", "召回率", "查全率"),
    "f1": ("f1", "f1-score", "f1_score", "f1-measure", "f-score", "f-measure", "fscore", "fb1", "f", "f1值", "f1分数"),
    "support": ("support", "supp", "supp.", "count", "n", "#", "支持数", "样本数"),
    "accuracy": ("accuracy", "acc", "acc.", "准确率"),
}
AVERAGES = {
    "accuracy": ("accuracy", "acc", "准确率"),
    "micro avg": ("micro avg", "micro average", "micro-avg", "micro_avg", "micro", "微平均"),
    "macro avg": ("macro avg", "macro average", "macro-avg", "macro_avg", "macro", "宏平均"),
    "weighted avg": (
        "weighted avg", "weighted average", "weighted-avg", "weighted_avg", "weighted", "avg / total", "加权平均",
    ),
    "samples avg": ("samples avg", "samples average", "samples_avg"),
    "overall": ("overall", "total", "all rows"),
}  # fmt: skip
SCORES = ("precision", "recall", "f1")
NUMBER = re.compile(r"\d+(?:\.\d*)?|\.\d+")
MISSING = ("", "-", "–", "—", "nan", "n/a", "none")
RULE = re.compile(r"[\s|:+=\-─—_]*")
REMEDY = "give a header with precision, recall, f1 and support, then one row for each label"


@dataclass(frozen=True, kw_only=True, slots=True)
class TableRow:
    """One printed row, of a label or of an average.

    Taught in: book/walkthroughs/reading-a-results-table
    """

    name: str
    """The label, or the usual name of the average (`micro avg`, `accuracy`, …; `overall` for scores without a name)."""
    precision: Cell | None = None
    """Printed precision, if there is one."""
    recall: Cell | None = None
    """Printed recall, if there is one."""
    f1: Cell | None = None
    """Printed F1, if there is one."""
    accuracy: Cell | None = None
    """Printed accuracy, if there is one."""
    support: int | None = None
    """How many items truly carry the label, if it is printed."""
    line: int = 0
    """Line of the text, from 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultsTable:
    """A table as printed: each number with its digits.

    Taught in: book/walkthroughs/reading-a-results-table
    """

    rows: tuple[TableRow, ...]
    """The rows of labels."""
    averages: tuple[TableRow, ...]
    """Accuracy and averages."""
    percent: bool
    """Whether the scores are printed as percentages."""


def read_table(text: str) -> ResultsTable:
    """Read a table of precision, recall, F1 and support.

    Understood are aligned text (the reports of scikit-learn and seqeval among it), Markdown, CSV and TSV, each with or
    without a header, and lines such as `Accuracy: 0.940`. Without a header the numbers of a row are precision, recall,
    F1 and support. Scores count as percentages where a percent sign stands, or where most of them exceed 1.

    Raises: EvaluationError that names the line of a number that cannot be read, a label that comes twice, or no row.
    Taught in: book/walkthroughs/reading-a-results-table
    """
    split = _splitter(text)
    header: list[str] | None = None
    found: list[tuple[int, str, dict[str, str]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if RULE.fullmatch(line):
            continue
        fields = split(line)
        columns = _header(fields)
        if columns is not None:
            header = columns
            continue
        row = _fields(fields, header, number)
        if row is not None:
            found.append((number, *row))
    return _table(found)


def _splitter(text: str):
    lines = text.splitlines()
    if sum(line.count("|") >= 2 for line in lines) >= 2:
        return lambda line: [field.strip(" *`") for field in line.strip().strip("|").split("|")]
    for mark in ("\t", ";", ","):
        if sum(mark in re.sub(r"\d,\d{3}(?!\d)", "", line) for line in lines) >= 2:
            return lambda line: [field.strip() for field in next(csv.reader([line], delimiter=mark))]
    return _aligned


def _aligned(line: str) -> list[str]:
    fields = re.sub(r"(?i)\bf1[ ](score|measure)", r"f1-\1", line).replace(" %", "%").split()
    if all(_column(field) for field in fields):
        return ["", *fields]
    start = len(fields)
    while start > 0 and (_numeric(fields[start - 1]) or fields[start - 1].lower() in MISSING):
        start -= 1
    # A label may itself be a number (`0`, `1`): the first field is always the name.
    start = max(start, 1)
    return [" ".join(fields[:start]).rstrip(":="), *fields[start:]]


def _numeric(field: str) -> bool:
    return NUMBER.fullmatch(field.rstrip("%").replace(",", "")) is not None


def _column(field: str) -> str | None:
    name = re.sub(r"\s+", "-", field.strip().lower()).rstrip(":").removesuffix("(%)").rstrip("-")
    return next((column for column, names in COLUMNS.items() if name in names), None)


def _header(fields: list[str]) -> list[str] | None:
    columns = [_column(field) or "" for field in fields]
    return columns if sum(column in SCORES for column in columns) >= 2 and not any(map(_numeric, fields)) else None


def _fields(fields: list[str], header: list[str] | None, line: int) -> tuple[str, dict[str, str]] | None:
    name, values = fields[0].strip(), fields[1:]
    numbers = [value for value in values if value.lower() not in MISSING]
    if not numbers:
        return None
    single = _column(name)
    if len(numbers) == 1 and single is not None and header is None:
        return "", {single: numbers[0]}
    if _average(name) == "accuracy":
        return "accuracy", {"accuracy": numbers[0], **({"support": numbers[-1]} if len(numbers) > 1 else {})}
    names = header[1:] if header else ["precision", "recall", "f1", "support"]
    if len(values) > len(names) or (not header and len(values) < 3):
        raise EvaluationError(
            f"{len(values)} numbers after {name!r} do not fit the columns {', '.join(filter(None, names))}",
            remedy=REMEDY,
            line=line,
            file="table",
        )
    return name, {column: value for column, value in zip(names, values, strict=False) if column}


def _average(name: str) -> str | None:
    return next((average for average, names in AVERAGES.items() if name.strip().lower() in names), None)


def _table(found: list[tuple[int, str, dict[str, str]]]) -> ResultsTable:
    scores = [value for _, _, row in found for column, value in row.items() if column != "support"]
    readable = [float(value.rstrip("% ")) for value in scores if NUMBER.fullmatch(value.rstrip("% "))]
    percent = any("%" in value for value in scores) or 2 * sum(value > 1 for value in readable) > len(readable)
    rows: list[TableRow] = []
    averages: list[TableRow] = []
    single: dict[str, tuple[int, str]] = {}
    for line, name, values in found:
        if not name:
            single.update({column: (line, value) for column, value in values.items()})
            continue
        target, name = (averages, _average(name)) if _average(name) else (rows, name)
        if any(row.name == name for row in target):
            raise EvaluationError(
                f"the row {name!r} comes twice", remedy="keep one row for each label", line=line, file="table"
            )
        cells = {column: _cell(value, line, percent) for column, value in values.items() if column != "support"}
        support = _support(values.get("support", ""), line, averaged=target is averages)
        target.append(TableRow(name=name, support=support, line=line, **cells))
    if single:
        cells = {column: _cell(value, line, percent) for column, (line, value) in single.items() if column != "support"}
        averages.append(TableRow(name="overall", line=min(line for line, _ in single.values()), **cells))
    if not rows and not averages:
        raise EvaluationError("there is no row with numbers in this table", remedy=REMEDY)
    return ResultsTable(rows=tuple(rows), averages=tuple(averages), percent=percent)


def _cell(text: str, line: int, percent: bool) -> Cell | None:
    if text.lower() in MISSING:
        return None
    if not NUMBER.fullmatch(text.rstrip("% ")):
        raise EvaluationError(
            f"{text!r} is not a score", remedy="write scores as 0.894, 89.4 or 89.4%", line=line, file="table"
        )
    return printed_cell(text, percent=percent)


def _support(text: str, line: int, *, averaged: bool) -> int | None:
    if text.lower() in MISSING:
        return None
    number = text.replace(",", "")
    if NUMBER.fullmatch(number) and Fraction(number).denominator == 1:
        return int(Fraction(number))
    if averaged:  # pandas repeats the accuracy in all columns of scikit-learn's report
        return None
    raise EvaluationError(
        f"the support {text!r} is not a whole number", remedy="write the count of true items", line=line, file="table"
    )
