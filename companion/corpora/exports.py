"""What annotation tools export, as the records that the readers of JSON know.

* **Prodigy**: `text` with `spans`, with a `label`, or with the options under `accept`; `answer` says accept, reject or
  ignore, and only what was accepted is read.
* **Doccano**: `text` (or `data`) with `label`, `labels` or `entities`: `[0, 5, "PER"]`, or an object with
  `start_offset` and `end_offset`.
* **Label Studio**: `data` with `annotations`; or its small form, with one field for each question of the page.

Tools that run in a browser count characters above U+FFFF (most emoji) twice; where a span repeats its text, as in
Label Studio, that text tells which of the two countings it is.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from companion.corpora.spans import Span
from companion.corpora.tally import Tally
from companion.errors import DataError

SPAN_KEYS = ("spans", "entities", "label", "labels", "annotations")
"""Where the tools keep spans, where the reader is not told."""
REFUSED = ("reject", "ignore")
SAID_BY = {"choices": "choices", "rating": "rating"}
"""The answers of Label Studio that label a text, and where they stand."""


def unfolded(record: object, tally: Tally, *, text: str = "text") -> object | None:
    """An export's record with its text under `text` and labels under `spans` or `label`; None where nobody gave any.

    Every other record comes back as it is. What is left out is counted.

    Raises:
        DataError: a task of Label Studio has several annotations, or regions that are no spans of its text.

    Taught in: book/reference/api/data
    """
    if not isinstance(record, Mapping):
        return record
    if "answer" in record and "_task_hash" in record:
        if record["answer"] in REFUSED:
            tally.skip("rows that were rejected or ignored in Prodigy")
            return None
        if str(record.get("_view_id")).endswith("_manual"):
            return {"spans": [], **record}  # nothing was marked
        return {**record, "label": record["accept"]} if "accept" in record and "label" not in record else record
    done = record.get("annotations", record.get("completions"))
    if isinstance(record.get("data"), Mapping) and isinstance(done, list):
        return _task(record["data"], done, tally, text)
    if text not in record and isinstance(record.get("data"), str):
        return {**record, text: record["data"]}
    return record


def spans_key(record: Mapping[str, Any], wanted: str = "spans", *, empty: bool = True) -> str | None:
    """Where a record keeps its spans: `wanted`, or else the first of `SPAN_KEYS` that holds a list of nothing else.

    `empty` says whether an empty list counts as one of spans.

    Taught in: book/reference/api/data
    """
    if wanted in record:
        return wanted
    for key in SPAN_KEYS if wanted == "spans" else ():
        value = record.get(key)
        if isinstance(value, list) and (value or empty) and all(map(_is_span, value)):
            return key
    return None


def spans_of(
    values: Sequence[object], text: str, *, faults: Literal["error", "repair"] = "error"
) -> tuple[list[Span], list[str]]:
    """The spans of a text from a list of them in any of the forms above, and the kinds of repair that were needed.

    Raises:
        DataError: something is no span, or a span repeats another text than it encloses and `faults` is "error".

    Taught in: book/reference/api/data
    """
    read = [(span, said) for value in values for span, said in _read_span(value)]
    told = [(span, said) for span, said in read if said is not None]
    spans = [span for span, _ in read]
    wrong = [pair for pair in told if not _encloses(text, *pair)]
    if not wrong:
        return spans, []
    moved = [_from_utf16(span, text) for span in spans]
    if all(_encloses(text, _from_utf16(span, text), said) for span, said in told):
        return moved, ["offsets in UTF-16 units"] * len(moved)
    if faults == "repair":
        return spans, ["span whose own text is another"] * len(wrong)
    span, said = wrong[0]
    raise DataError(
        f"[{span.start}, {span.end}) {span.label} says {said!r}, and there the text has "
        f"{reprlib.repr(text[max(span.start, 0) : max(span.end, 0)])}",
        remedy="Correct the offsets, or the text if it was changed afterwards; faults='repair' (--repair) takes the "
        "offsets as they are, and counts them.",
    )


def _task(data: Mapping[str, Any], done: list[Any], tally: Tally, text: str) -> dict[str, Any] | None:
    """A task of Label Studio, with its one annotation."""
    done = [one for one in done if isinstance(one, Mapping) and not one.get("was_cancelled")]
    if not done:
        tally.skip("tasks of Label Studio without an annotation")
        return None
    chosen = done if len(done) == 1 else [one for one in done if one.get("ground_truth")]
    if len(chosen) != 1:
        raise DataError(
            f"the task has {len(done)} annotations",
            remedy="Export one, or mark one as ground truth in Label Studio: which is right, only you can say.",
        )
    return {**data, text: _text_of(data, text), **_answers(chosen[0].get("result") or [])}


def _text_of(data: Mapping[str, Any], text: str) -> Any:
    if text in data:
        return data[text]
    texts = [value for value in data.values() if isinstance(value, str)]
    if len(texts) == 1:
        return texts[0]
    raise DataError(
        f"no {text!r} in the task's data; there is {', '.join(map(repr, data)) or 'nothing'}",
        remedy="Name the field with text= (--columns text=…).",
    )


def _answers(result: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What was said about a text: its spans and its label, each where there is one; no answer at all is no span."""
    spans: list[Any] = []
    said: dict[str, Any] = {}
    for one in result:
        kind, value = one.get("type"), one.get("value") or {}
        if kind == "labels":
            spans.append(value)
        elif kind in SAID_BY:
            said["label"] = value.get(SAID_BY[kind])
        elif str(kind).endswith("labels"):
            raise DataError(
                f"{kind} mark no plain text", remedy="Export from a page whose question is <Labels> over <Text>."
            )
    return {"spans": spans, **said} if spans or not said else said


def _is_span(value: object) -> bool:
    try:
        return bool(_read_span(value))
    except DataError:
        return False


def _read_span(value: object) -> list[tuple[Span, str | None]]:
    """A span, one for each of its labels, with the text that it repeats."""
    given, said = value, None
    if isinstance(value, Mapping):
        labels = value.get("labels", [value.get("label")])
        ends = [value.get("start", value.get("start_offset")), value.get("end", value.get("end_offset"))]
        said = value.get("text")
    elif isinstance(value, list | tuple) and len(value) == 3:
        *ends, label = value
        labels = [label]
    else:
        ends, labels = [None, None], []
    if not isinstance(labels, list) or not labels or None in ends or None in labels:
        raise DataError(f"{reprlib.repr(given)} is not a span", remedy='Write {"start": 0, "end": 5, "label": "PER"}.')
    start, end = ends
    if type(start) is not int or type(end) is not int:
        raise DataError(f"the offsets {reprlib.repr(start)} and {reprlib.repr(end)} are not both whole numbers")
    return [(Span(start, end, label), said if isinstance(said, str) else None) for label in labels]


def _encloses(text: str, span: Span, said: str | None) -> bool:
    """Whether this is the text that the span repeats; white space may differ."""
    return said is not None and text[max(span.start, 0) : max(span.end, 0)].split() == said.split()


def _from_utf16(span: Span, text: str) -> Span:
    units = text.encode("utf-16-le", "surrogatepass")

    def counted(end: int) -> int:
        return len(units[: 2 * max(end, 0)].decode("utf-16-le", "replace"))

    return span._replace(start=counted(span.start), end=counted(span.end))
