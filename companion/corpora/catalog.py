"""Named corpora."""

from __future__ import annotations

import os
from pathlib import Path

from companion.corpora.conll import read_conll
from companion.corpora.location import data_root
from companion.corpora.records import Corpus, ReadReport
from companion.corpora.tally import Tally, count
from companion.errors import DataError


def load_corpus(name: str) -> Corpus:
    """A corpus by name."""
    tally = Tally()
    if name == "newsroom":
        root = data_root() / "newsroom"
        splits = {split: tuple(read_conll(root / f"{split}.conll", tally=tally)) for split in ("train", "dev", "test")}
    elif name == "wnut17":
        root = Path(os.environ["COMPANION_DATA"]) / "wnut17"
        files = {"train": "wnut17train.conll", "dev": "emerging.dev.conll", "test": "emerging.test.annotated"}
        splits = {
            split: tuple(read_conll(root / file, tally=tally, first_label=True, scheme="IOB2"))
            for split, file in files.items()
        }
    else:
        raise DataError(f"no corpus {name!r}", remedy="choose newsroom or wnut17")
    kinds = {tag[2:] for rows in splits.values() for sentence in rows for tag in sentence.tags if tag != "O"}
    report: ReadReport = tally.report({split: count(rows) for split, rows in splits.items()})
    return Corpus(name=name, types=tuple(sorted(kinds)), report=report, **splits)
