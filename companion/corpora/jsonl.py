"""JSON lines: one sentence per line, as words and tags, or as text and character spans."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal, Unpack

from companion.corpora.labels import LabelledRow, TagRules, settle
from companion.corpora.options import TagOptions
from companion.corpora.records import Sentence
from companion.corpora.spans import Span, read_spans
from companion.corpora.tally import Tally
from companion.corpora.text import read_text, split_lines
from companion.errors import ConfigError, DataError

Keys = tuple[str | None, str | None, str, str]


def read_jsonl(
    path: str | Path,
    *,
    words: str = "words",
    tags: str = "tags",
    text: str = "text",
    spans: str = "spans",
    faults: Literal["error", "repair"] = "error",
    encoding: str = "utf-8",
    tally: Tally | None = None,
    **options: Unpack[TagOptions],
) -> list[Sentence]:
    """The sentences of a JSONL file, in IOB2.

    A line holds `{"words": [...], "tags": [...]}` or `{"text": ..., "spans": [{"start", "end", "label"}, ...]}` (a
    span may also be a list `[start, end, label]`); the four arguments rename the keys. Further keys with text become
    facts of the sentence. `faults` is the rule for spans (`read_spans`); `options` are the fields of `TagRules`.

    Raises:
        DataError: with file and line, for bad JSON, a repeated key, NaN, a missing key, a value of the wrong type.

    Taught in: book/walkthroughs/train-a-tagger
    """
    tally, path = tally or Tally(), Path(path)
    keys = (words, tags, text, spans)
    records = records_of(read_text(path, encoding=encoding), path, tally)
    return read_records(records, keys=keys, faults=faults, tally=tally, path=str(path), name=path.name, **options)


def read_records(
    records: Iterable[tuple[int, object]],
    *,
    keys: Keys = ("words", "tags", "text", "spans"),
    faults: Literal["error", "repair"] = "error",
    tally: Tally,
    path: str,
    name: str,
    unit: str = ":",
    **options: Unpack[TagOptions],
) -> list[Sentence]:
    """The sentences of numbered records; `keys` names words, tags, text and spans as in `read_jsonl`.

    Raises:
        DataError: a record cannot be read; its number is the line.

    Taught in: book/walkthroughs/train-a-tagger
    """
    rules = TagRules(**options)
    if faults not in {"error", "repair"}:
        raise ConfigError(f"faults={faults!r}", remedy="Use 'error' or 'repair'.")
    from_words: list[LabelledRow] = []
    from_spans: list[LabelledRow] = []
    for number, record in records:
        try:
            row, has_spans = _row(record, number, keys, faults, tally, f"{name}{unit}{number}")
        except DataError as error:
            raise DataError(error.problem, remedy=error.remedy, file=path, line=number) from None
        (from_spans if has_spans else from_words).append(row)
    if not from_words and not from_spans:
        raise DataError("there is no sentence", file=path, remedy="Each line is one JSON object with words and tags.")
    # Tags made from spans are IOB2 already; the scheme of the file is that of its written tags.
    settled = []
    for rows, row_rules in ((from_words, rules), (from_spans, replace(rules, scheme="IOB2"))):
        if rows:
            sentences = settle(rows, row_rules, tally, path=path, name=name, unit=unit)
            settled += zip((row.lines[0] for row in rows), sentences, strict=True)
    return [sentence for _, sentence in sorted(settled, key=itemgetter(0))]


def records_of(text: str, path: Path, tally: Tally) -> Iterator[tuple[int, object]]:
    """The JSON value of each line that holds one, with the number of the line.

    Raises:
        DataError: with file and line, for bad JSON, a repeated key or NaN.

    Taught in: book/walkthroughs/train-a-tagger
    """
    for number, line in enumerate(split_lines(text), start=1):
        if not line.strip():
            tally.skip("empty lines")
            continue
        try:
            record = json.loads(line, object_pairs_hook=_unique, parse_constant=_no_constant)
        except DataError as error:
            raise DataError(error.problem, remedy=error.remedy, file=path, line=number) from None
        except (ValueError, RecursionError) as error:
            what = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise DataError(
                f"not JSON: {what}", file=path, line=number, remedy="Write one complete JSON object per line."
            ) from None
        yield number, record


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise DataError(f"the key {repeated!r} stands twice in one object", remedy="Keep one of them.")
    return result


def _no_constant(name: str) -> None:
    raise DataError(f"{name} is not JSON", remedy="Write a number, or null.")


def _row(
    record: object,
    number: int,
    keys: Keys,
    faults: Literal["error", "repair"],
    tally: Tally,
    place: str,
) -> tuple[LabelledRow, bool]:
    words_key, tags_key, text_key, spans_key = keys
    wanted = f"{text_key!r} and {spans_key!r}"
    if words_key is not None:
        wanted = f"{words_key!r} and {tags_key!r}, or {wanted}"
    if not isinstance(record, Mapping):
        raise DataError(f"a {type(record).__name__} where an object is needed", remedy="Write {...} on every line.")
    has_spans = not (words_key in record and tags_key in record)
    if not has_spans:
        words = _texts(record[words_key], words_key)
        labels = _texts(record[tags_key], tags_key)
        if len(words) != len(labels):
            raise DataError(f"{len(words)} words but {len(labels)} tags", remedy="Give every word exactly one tag.")
        used = {words_key, tags_key}
    elif text_key in record and spans_key in record:
        reading = read_spans(
            _whole(record[text_key], text_key), map(_span, _list(record[spans_key], spans_key)), faults=faults
        )
        for kind in reading.repairs:
            tally.repair(kind, place)
        words, labels = reading.words, reading.tags
        used = {spans_key}
    else:
        raise DataError(
            f"the keys are {', '.join(map(repr, record)) or 'missing'}; needed are {wanted}",
            remedy="Rename the keys, or name them with words=, tags=, text= and spans=.",
        )
    if not words:
        raise DataError("the sentence has no words", remedy="Remove the line.")
    facts = {key: value for key, value in record.items() if key not in used}
    kept = {key: value for key, value in facts.items() if isinstance(value, str)}
    tally.skip("fields that are not text", len(facts) - len(kept))
    return LabelledRow(words=words, labels=labels, lines=(number,) * len(words), meta=kept), has_spans


def _list(value: object, key: str) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise DataError(f"{key!r} is a {type(value).__name__}, not a list")
    return value


def _whole(value: object, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise DataError(f"{what!r} holds {reprlib.repr(value)}, which is not text", remedy="Write non-empty text.")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise DataError(f"{what!r} holds half a character (a lone surrogate)", remedy="Write the whole character.")
    return value


def _texts(value: object, key: str) -> tuple[str, ...]:
    return tuple(_whole(item, key) for item in _list(value, key))


def _span(value: object) -> Span:
    if isinstance(value, Mapping) and {"start", "end", "label"} <= set(value):
        value = [value["start"], value["end"], value["label"]]
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise DataError(f"{reprlib.repr(value)} is not a span", remedy='Write {"start": 0, "end": 5, "label": "PER"}.')
    start, end, label = value
    if type(start) is not int or type(end) is not int:
        raise DataError(f"the offsets {reprlib.repr(start)} and {reprlib.repr(end)} are not both whole numbers")
    label = _whole(label, "label")
    return Span(start, end, label)
