"""JSON lines: one sentence per line, as words and tags, or as text and character spans; or one list of such objects."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal, Unpack

from companion.corpora.exports import spans_key, spans_of, unfolded
from companion.corpora.labels import LabelledRow, TagRules, settle
from companion.corpora.options import TagOptions
from companion.corpora.records import Sentence
from companion.corpora.spans import read_spans
from companion.corpora.tally import Tally, unlabelled
from companion.corpora.text import path_of, read_text, split_lines
from companion.errors import ConfigError, DataError

COLUMNWISE = "; pandas writes them with frame.to_json(path, orient='records', lines=True)."
Keys = tuple[str | None, str | None, str | None, str | None]
NAMES = ("words", "tags", "text", "spans")
UNLABELLED = (
    "Label them, or take the lines out. A list of spans that is empty, [], says that there is none in the text, and "
    "tags of O alone that there is none in the sentence."
)
TEXT_WANTED = "Write non-empty text, and in the place of numbers the names of the tags that they stand for."


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
    facts of the sentence. `faults` is the rule for spans (`read_spans`); `options` are the fields of `TagRules`. What
    Prodigy, Doccano and Label Studio export is read as it is (`companion.corpora.exports`).

    Raises:
        DataError: with file and line, for bad JSON, a repeated key, NaN, a missing key, a value of the wrong type.

    Taught in: book/walkthroughs/train-a-tagger
    """
    tally, path = tally or Tally(), path_of(path)
    keys = (words, tags, text, spans)
    records = records_of(read_text(path, encoding=encoding), path, tally)
    return read_records(records, keys=keys, faults=faults, tally=tally, path=str(path), name=path.name, **options)


def read_records(
    records: Iterable[tuple[int, object]],
    *,
    keys: Keys = NAMES,
    faults: Literal["error", "repair"] = "error",
    tally: Tally,
    path: str,
    name: str,
    unit: str = ":",
    **options: Unpack[TagOptions],
) -> list[Sentence]:
    """The sentences of numbered records; `keys` names words, tags, text and spans as in `read_jsonl`.

    None, for words and tags or for text and spans, stands for a form that no record has.

    Raises:
        DataError: a record cannot be read; its number is the line.

    Taught in: book/walkthroughs/train-a-tagger
    """
    rules = TagRules(**options)
    if faults not in {"error", "repair"}:
        raise ConfigError(f"faults={faults!r}", remedy="Use 'error' or 'repair'.")
    from_words: list[LabelledRow] = []
    from_spans: list[LabelledRow] = []
    bare: list[int] = []
    first, what = None, ""
    for number, exported in records:
        record = None
        try:
            record = exported if keys[2] is None else unfolded(exported, tally, text=keys[2])
            if record is None:
                continue
            row, has_spans = _row(record, number, keys, faults, tally, f"{name}{unit}{number}")
        except DataError as error:
            fault = DataError(error.problem, remedy=error.remedy, file=path, line=number)
            if not _lacking(record, keys):
                raise fault from None
            first, what = first or fault, what or _lacking(record, keys)
            bare.append(number)
            continue
        (from_spans if has_spans else from_words).append(row)
    if first is not None:
        labelled = len(from_words) + len(from_spans)
        # One alone, and a key that no row has, are named as what they are.
        if len(bare) > 1 and labelled:
            raise unlabelled(bare, labelled + len(bare), what, file=path, remedy=UNLABELLED)
        raise first
    if not from_words and not from_spans:
        raise DataError("there is no sentence", file=path, remedy="Give one at least, with words and tags.")
    # Tags made from spans are IOB2 already; the scheme of the file is that of its written tags.
    settled = []
    for rows, row_rules in ((from_words, rules), (from_spans, replace(rules, scheme="IOB2"))):
        if rows:
            sentences = settle(rows, row_rules, tally, path=path, name=name, unit=unit)
            settled += zip((row.lines[0] for row in rows), sentences, strict=True)
    return [sentence for _, sentence in sorted(settled, key=itemgetter(0))]


def records_of(text: str, path: Path, tally: Tally) -> Iterator[tuple[int, object]]:
    """The JSON value of each line that holds one, with the number of the line; of a file that is one list, its entries.

    Raises:
        DataError: with file and line, for bad JSON, a repeated key or NaN.

    Taught in: book/walkthroughs/train-a-tagger
    """
    if text.lstrip().startswith("["):
        yield from enumerate(_value_of(text, path, None, "Write one list of objects, or one object per line."), start=1)
        return
    for number, line in enumerate(split_lines(text), start=1):
        if not line.strip():
            tally.skip("empty lines")
            continue
        try:
            value = _value_of(line, path, number, "Write one complete JSON object per line.")
        except DataError:
            _refuse_one_object(text, path)
            raise
        yield number, value


def _refuse_one_object(text: str, path: Path) -> None:
    """Where a file is one JSON object on several lines, say so, instead of what is wrong with its first line."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        return
    raise DataError(
        f"the file is one JSON object with the keys {reprlib.repr(list(whole))[1:-1]}",
        file=path,
        remedy=f"Write one list of objects, [{{…}}, {{…}}], or one object per line{COLUMNWISE}",
    )


def _value_of(text: str, path: Path, line: int | None, remedy: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except DataError as error:
        raise DataError(error.problem, remedy=error.remedy, file=path, line=line) from None
    except json.JSONDecodeError as error:
        raise DataError(f"not JSON: {error}", file=path, line=line or error.lineno, remedy=remedy) from None
    except (ValueError, RecursionError) as error:
        what = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise DataError(f"not JSON: {what}", file=path, line=line, remedy=remedy) from None


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
    words_key, tags_key, text_key, named_spans = keys
    if not isinstance(record, Mapping):
        raise DataError(f"a {type(record).__name__} where an object is needed", remedy="Write {...} on every line.")
    has_spans = not (words_key in record and tags_key in record)
    kept_spans = None if named_spans is None else spans_key(record, named_spans)
    if not has_spans:
        words = _texts(record[words_key], words_key)
        labels = _texts(record[tags_key], tags_key)
        if len(words) != len(labels):
            raise DataError(f"{len(words)} words but {len(labels)} tags", remedy="Give every word exactly one tag.")
        used = {words_key, tags_key}
    elif text_key in record and kept_spans is not None:
        text = _whole(record[text_key], text_key)
        spans, repairs = spans_of(_list(record[kept_spans], kept_spans), text, faults=faults)
        for span in spans:
            _whole(span.label, "label")
        reading = read_spans(text, spans, faults=faults)
        for kind in (*repairs, *reading.repairs):
            tally.repair(kind, place)
        words, labels = reading.words, reading.tags
        used = {kept_spans}
    else:
        forms = [f"{key!r} and {other!r}" for key, other in (keys[:2], keys[2:]) if key is not None]
        options = [f"{name}=" for name, key in zip(NAMES, keys, strict=True) if key is not None]
        raise DataError(
            f"the keys are {', '.join(map(repr, record)) or 'missing'}; needed are {', or '.join(forms)}",
            remedy=f"Rename the keys, or name them with {', '.join(options[:-1])} and {options[-1]}.",
        )
    if not words:
        raise DataError("the sentence has no words", remedy="Remove the line.")
    facts = {key: value for key, value in record.items() if key not in used}
    kept = {key: value for key, value in facts.items() if isinstance(value, str)}
    tally.skip("fields that are not text", len(facts) - len(kept))
    return LabelledRow(words=words, labels=labels, lines=(number,) * len(words), meta=kept), has_spans


def _lacking(record: object, keys: Keys) -> str:
    """What nobody has given a record: the tags of its words, or the spans of its text; "" if that is not the fault."""
    words, tags, text, spans = keys
    if isinstance(record, Mapping) and words in record:
        return "tags" if record.get(tags) is None else ""
    if isinstance(record, Mapping) and text in record and spans is not None:
        key = spans_key(record, spans)
        return "spans" if key is None or record[key] is None else ""
    return ""


def _list(value: object, key: str) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise DataError(
            f"{key!r} is a {type(value).__name__}, not a list", remedy="Write a list: one entry for each word, or span."
        )
    return value


def _whole(value: object, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise DataError(f"{what!r} holds {reprlib.repr(value)}, which is not text", remedy=TEXT_WANTED)
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise DataError(f"{what!r} holds half a character (a lone surrogate)", remedy="Write the whole character.")
    return value


def _texts(value: object, key: str) -> tuple[str, ...]:
    return tuple(_whole(item, key) for item in _list(value, key))
