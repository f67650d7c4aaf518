"""`companion corpora`: which corpora have a name, and what is in one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from companion.cli.output import emit, table
from companion.errors import ConfigError


def list_corpora(*, as_json: bool) -> None:
    """Print each named corpus with its licence and whether it is on this machine."""
    from companion.corpora.catalog import entries

    rows = [entry.summary() for entry in entries()]
    columns = ("name", "rows", "size", "where", "licence", "what")
    lines = [[row[column] for column in columns] for row in rows]
    emit(rows, table([["corpus", *columns[1:]], *lines], explained=True), as_json=as_json)


def refuse_names(names: list[str]) -> None:
    """Refuse names beside `--report`, which is about all of the book's corpora.

    Raises:
        ConfigError: one is given.
    """
    if names:
        raise ConfigError(
            f"--report is about the book's own corpora, all of them, and {names[0]} is named as well",
            remedy=f"leave {names[0]} out, or describe it without --report",
        )


def show_corpus(names: list[str], *, as_json: bool) -> None:
    """Print the counts, types, overlaps and repairs of one corpus.

    Raises:
        ConfigError: several are named.
        DataError: there is no such corpus, or its files are missing or altered.
    """
    from companion.corpora.catalog import load_corpus
    from companion.corpora.records import Corpus

    name, *others = names
    if others:
        raise ConfigError(f"{len(names)} corpora are named", remedy="describe one at a time")
    corpus = load_corpus(name)
    document: dict[str, Any] = {
        "name": corpus.name,
        "licence": corpus.licence,
        "citation": corpus.citation,
    }
    if isinstance(corpus, Corpus):
        document |= {
            "types": list(corpus.types),
            "counts": {split: asdict(counts) for split, counts in corpus.report.counts.items()},
            "repairs": dict(corpus.report.repairs),
            "notes": list(corpus.report.notes),
        }
    else:
        document |= {
            "labels": list(corpus.labels),
            "counts": {split: {"texts": len(part)} for split, part in corpus.splits.items()},
            "notes": list(corpus.notes),
        }
    emit(document, corpus.describe(), as_json=as_json)
