"""`companion corpora`: which corpora have a name, and what is in one."""

from __future__ import annotations

from dataclasses import asdict

from companion.cli.output import emit, table


def list_corpora(*, as_json: bool) -> None:
    """Print each named corpus with its licence and whether it is on this machine."""
    from companion.corpora.catalog import entries

    rows = [entry.summary() for entry in entries()]
    lines = [[row["name"], row["where"], row["licence"], row["what"]] for row in rows]
    emit(rows, table([["corpus", "where", "licence", "what"], *lines]), as_json=as_json)


def show_corpus(name: str, *, as_json: bool) -> None:
    """Print the counts, types, overlaps and repairs of one corpus.

    Raises:
        DataError: there is no such corpus, or its files are missing or altered.
    """
    from companion.corpora.catalog import load_corpus

    corpus = load_corpus(name)
    document = {
        "name": corpus.name,
        "licence": corpus.licence,
        "citation": corpus.citation,
        "types": list(corpus.types),
        "counts": {split: asdict(counts) for split, counts in corpus.report.counts.items()},
        "repairs": dict(corpus.report.repairs),
        "notes": list(corpus.report.notes),
    }
    emit(document, corpus.describe(), as_json=as_json)
