"""Splits by rule: every sentence's place follows from what it says, not from where it stands.

A hash of the content decides, so appending rows moves no other row, the same sentence always falls into the same
split, and nobody has to keep a list. Sentences that name their article or document go together with it, because
sentences of one article share their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from companion.corpora.records import SPLITS, Sentence
from companion.corpora.tally import Tally
from companion.errors import ConfigError, DataError
from companion.randomness import key

SHARES = (0.8, 0.1, 0.1)
GROUPS = ("article", "document")


def assign_splits(
    sentences: Sequence[Sentence], tally: Tally, *, shares: Sequence[float] = SHARES, seed: int = 0
) -> dict[str, list[int]]:
    """The positions that belong to train, dev and test; keeps no sentence while it reads.

    Raises:
        ConfigError: shares that are not three numbers with sum 1.
        DataError: train would be empty.

    Taught in: book/walkthroughs/train-a-tagger
    """
    units = map(split_unit, sentences)
    if _is_one_group(sentences):
        # A lone document mark at the top of a file divides nothing; as one unit, all of it would fall into one split.
        tally.note("all sentences name one document, so they are split one by one")
        units = (("sentence", "\x1f".join(sentence.words)) for sentence in sentences)
    positions, notes = positions_by_rule(units, shares=shares, seed=seed)
    for note in notes:
        tally.note(note)
    return positions


def positions_by_rule(
    rows: Iterable[tuple[str, str]], *, shares: Sequence[float] = SHARES, seed: int = 0
) -> tuple[dict[str, list[int]], tuple[str, ...]]:
    """The positions of rows in train, dev and test, and in words how they came there.

    Each row is what is kept together (`sentence`, `text`, …) and the identity whose hash decides.

    Raises:
        ConfigError: shares that are not three numbers with sum 1.
        DataError: train would be empty.

    Taught in: book/walkthroughs/train-a-tagger
    """
    if len(shares) != 3 or min(shares) < 0 or abs(sum(shares) - 1) > 1e-9:
        raise ConfigError(f"shares={tuple(shares)}", remedy="Give three shares with sum 1: train, dev, test.")
    positions: dict[str, list[int]] = {split: [] for split in SPLITS}
    units: set[str] = set()
    for position, (unit, identity) in enumerate(rows):
        units.add(unit)
        positions[place_of(identity, shares, seed=seed)].append(position)
    named, percent = " or ".join(sorted(units)), "/".join(f"{100 * share:.0f}" for share in shares)
    if not positions["train"]:
        raise DataError(
            f"the rule puts no {named or 'row'} into train: the corpus is too small to be split",
            remedy="Pass dev= and test=, or split=False to train on all of it.",
        )
    rule = f"split by rule: {percent} by a hash of each {named} (seed {seed}); rows that are added move no other row"
    empty = (
        f"split by rule: {name} is empty, because the corpus is small" for name in SPLITS[1:] if not positions[name]
    )
    return positions, (rule, *empty)


def _is_one_group(sentences: Sequence[Sentence]) -> bool:
    """Whether all sentences name the same article or document; looks no further than the first that does not."""
    groups = map(split_unit, sentences)
    first = next(iter(groups), None)
    return len(sentences) > 1 and first is not None and first[0] in GROUPS and all(group == first for group in groups)


def split_unit(sentence: Sentence) -> tuple[str, str]:
    """What is kept together (`article`, `document` or `sentence`) and the text whose hash decides.

    Taught in: book/walkthroughs/train-a-tagger
    """
    for group in GROUPS:
        if sentence.meta.get(group):
            return group, f"{group}\x1f{sentence.meta[group]}"
    return "sentence", "\x1f".join(sentence.words)


def place_of(identity: str, shares: Sequence[float] = SHARES, *, seed: int = 0) -> str:
    """The split in which something with this identity belongs.

    Taught in: book/walkthroughs/train-a-tagger
    """
    point = key(seed, "split", identity) / 2**63
    if point < shares[0]:
        return "train"
    return "dev" if point < shares[0] + shares[1] else "test"
