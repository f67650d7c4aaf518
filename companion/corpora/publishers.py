"""Text corpora in the form their publishers chose: other separators, other files, no split, or a split without dev."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from companion.corpora.records import SPLITS
from companion.corpora.stratified import identity, stratified_parts
from companion.corpora.text import read_text, split_lines
from companion.corpora.texts import Text, TextCorpus
from companion.errors import DataError

OUT_OF_SCOPE = "out_of_scope"
"""The label of a text that none of the intents fits, as in Helpdesk."""
PHRASEBANK_SHARES = {"train": 0.7, "dev": 0.1, "test": 0.2}
BANKING_SHARES = {"train": 0.9, "dev": 0.1}
CLINC_PARTS = {"train": ("train", "oos_train"), "dev": ("val", "oos_val"), "test": ("test", "oos_test")}


def read_phrasebank(whole: Path, **about: str) -> TextCorpus:
    """Financial PhraseBank: `sentence@label` per line, cut at the last `@`; the split is this catalog's own.

    The publisher gives no split. This one is 70/10/20 within each label, by a hash of each sentence.

    Raises:
        DataError: with file and line, for a line without `@`, an empty sentence or label.

    Taught in: book/walkthroughs/sentiment
    """
    rows = []
    for number, line in enumerate(split_lines(read_text(whole)), start=1):
        text, mark, label = line.rpartition("@")
        if not mark or not text.strip() or not label.strip():
            raise DataError(
                f"no sentence@label: {line[:40]!r}", file=whole, line=number, remedy="Take the original file."
            )
        rows.append(Text(text=text.strip(), label=label.strip(), source=f"{whole.name}:{number}"))
    parts = stratified_parts(rows, PHRASEBANK_SHARES)
    notes = (
        "split by rule: 70/10/20 of each label by a hash of each text (seed 0); the publisher gives none",
        _repeats("the file", rows),
    )
    return TextCorpus(**about, **_tuples(parts), notes=notes)


def read_clinc(whole: Path, **about: str) -> TextCorpus:
    """CLINC150, the full set, with the publisher's split; its `oos` is `out_of_scope` here, as in Helpdesk.

    Each split holds its share of texts out of scope: `oos_train` in train, `oos_val` in dev, `oos_test` in test.

    Raises:
        DataError: the file is no JSON object with these six lists of text and label.

    Taught in: book/walkthroughs/sentiment
    """
    try:
        document: dict[str, Any] = json.loads(read_text(whole))
        parts = {
            split: [
                Text(
                    text=text,
                    label=OUT_OF_SCOPE if label == "oos" else label,
                    source=f"{whole.name}:{name}[{number}]",
                )
                for name in names
                for number, (text, label) in enumerate(document[name])
            ]
            for split, names in CLINC_PARTS.items()
        }
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"not the lists of CLINC150: {error}", file=whole, remedy="Take data_full.json.") from error
    outside = {split: sum(text.label == OUT_OF_SCOPE for text in rows) for split, rows in parts.items()}
    note = "out of scope: " + ", ".join(f"{number:,} in {split}" for split, number in outside.items())
    return TextCorpus(**about, **_tuples(parts), notes=(f"split as published; {note}", *_shared(parts)))


def read_banking(train: Path, test: Path, **about: str) -> TextCorpus:
    """BANKING77 with the published test split; dev is a tenth of each label of the train file, by a hash of each text.

    Raises:
        DataError: as `TextCorpus.from_csv`.

    Taught in: book/walkthroughs/sentiment
    """
    read = TextCorpus.from_csv(train, test=test, label="category", **about)
    parts = {**stratified_parts(read.train, BANKING_SHARES), "test": list(read.test)}
    notes = (
        "dev by rule: 10 % of each label of the published train by a hash of each text (seed 0); "
        "test as published, which has no dev",
        _repeats("train", read.train),
        *_shared(parts),
    )
    return TextCorpus(**about, **_tuples(parts), notes=notes)


def _tuples(parts: dict[str, list[Text]]) -> dict[str, tuple[Text, ...]]:
    return {split: tuple(parts[split]) for split in SPLITS}


def _repeats(where: str, texts: Any) -> str:
    """How many texts stand in a file more than once, and how many of those have two labels."""
    times = Counter(map(identity, texts))
    labels = Counter(unit for unit, _ in {(identity(text), text.label) for text in texts})
    repeated = [unit for unit, number in times.items() if number > 1]
    unsure = sum(labels[unit] > 1 for unit in repeated)
    return f"{len(repeated)} texts stand in {where} more than once, {unsure} of them with two labels; kept in one split"


def _shared(parts: dict[str, list[Text]]) -> tuple[str, ...]:
    """How many texts of dev and of test also stand in train, where the publisher's split has such."""
    known = set(map(identity, parts["train"]))
    found = {split: sum(identity(text) in known for text in parts[split]) for split in SPLITS[1:]}
    return tuple(f"{number} texts of {split} also stand in train" for split, number in found.items() if number)
