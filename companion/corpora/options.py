"""The keyword arguments of the readers, by name and type, for the reader of a signature and for the type checker."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, TypeVar, cast

from companion.errors import ConfigError

Reader = TypeVar("Reader", bound=Callable[..., Any])


class About(TypedDict, total=False):
    """What a corpus is called, and what its owner asks for."""

    name: str
    licence: str
    citation: str


class TagOptions(TypedDict, total=False):
    """The keyword arguments that every reader of tags takes; they become `TagRules`."""

    scheme: str | None
    invalid: Literal["error", "repair"]
    label_map: Mapping[str, str]
    first_label: bool
    types: Sequence[str] | None
    unknown: Literal["error", "O"]


class SplitOptions(About, TagOptions, total=False):
    """Those of a corpus whose lone split may be divided by rule."""

    split: bool
    shares: Sequence[float]


class FileOptions(SplitOptions, total=False):
    """Those of files."""

    dev: str | Path | None
    test: str | Path | None
    max_overlap: float | None
    encoding: str


class ColumnOptions(FileOptions, total=False):
    """Those of `Corpus.from_conll`."""

    word_column: int | None
    tag_column: int
    columns: int | Sequence[int] | None
    delimiter: str | None


class TableOptions(FileOptions, total=False):
    """Those of `Corpus.from_csv`."""

    sentence: str
    word: str
    tag: str
    delimiter: str | None
    quoted: bool


class LineOptions(FileOptions, total=False):
    """Those of `Corpus.from_jsonl`."""

    words: str
    tags: str
    text: str
    spans: str
    faults: Literal["error", "repair"]


class RowOptions(SplitOptions, total=False):
    """Those of `Corpus.from_rows`."""

    dev: Iterable[Any] | None
    test: Iterable[Any] | None
    max_overlap: float | None
    words: str
    tags: str


class SpanOptions(SplitOptions, total=False):
    """Those of `Corpus.from_spans`."""

    dev: Sequence[Mapping[str, Any]] | None
    test: Sequence[Mapping[str, Any]] | None
    max_overlap: float | None
    text: str
    spans: str
    faults: Literal["error", "repair"]


class DatasetOptions(SplitOptions, total=False):
    """Those of `Corpus.from_datasets`."""

    words: str
    tags: str
    names: Sequence[str] | None
    train: str
    dev: str
    test: str


class _Usual:
    """Stands in a signature for a default that the reader itself states."""

    def __repr__(self) -> str:
        return "…"


def takes(options: type) -> Callable[[Reader], Reader]:
    """Let `**options` of a reader show by name in its signature, and refuse a name that is not among them.

    Raises:
        ConfigError: when the reader is called with another name.
    """
    parameter = inspect.Parameter

    def spell(reader: Reader) -> Reader:
        signature = inspect.signature(reader)
        *own, _ = signature.parameters.values()
        known = {name: str(getattr(kind, "__forward_arg__", kind)) for name, kind in options.__annotations__.items()}
        named = [
            parameter(name, parameter.KEYWORD_ONLY, default=_Usual(), annotation=kind) for name, kind in known.items()
        ]
        allowed = [*(one.name for one in own[1:]), *known]

        @functools.wraps(reader)
        def read(*arguments: Any, **given: Any) -> Any:
            if strange := [name for name in given if name not in allowed]:
                from difflib import get_close_matches

                near = get_close_matches(strange[0], allowed, n=1)
                remedy = f"Did you mean {near[0]}?" if near else f"There are {', '.join(sorted(allowed))}."
                raise ConfigError(f"{reader.__name__}: unknown option {strange[0]!r}", remedy=remedy)
            return reader(*arguments, **given)

        read.__signature__ = signature.replace(parameters=[*own, *named])  # type: ignore[attr-defined]
        return cast(Reader, read)

    return spell
