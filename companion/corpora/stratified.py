"""Splits of labelled texts in which every label keeps its share, fixed by a hash of each text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from companion.errors import ConfigError
from companion.randomness import key

if TYPE_CHECKING:
    from companion.corpora.texts import Text


def stratified_parts(texts: Sequence[Text], shares: Mapping[str, float], *, seed: int = 0) -> dict[str, list[Text]]:
    """The texts dealt into named parts, each label by its shares, in the order in which they stand in the file.

    Within a label the keyed hash of each text decides. Texts that are equal but for letter case and white space are
    one unit, placed by the label of the first of them, so that none can be learned in one part and asked in another.
    Pairs that share their first text are one unit as well, as in a split by rule.

    Raises:
        ConfigError: the shares are not positive numbers with sum 1.

    Taught in: book/walkthroughs/sentiment
    """
    if not shares or min(shares.values()) <= 0 or abs(sum(shares.values()) - 1) > 1e-9:
        raise ConfigError(f"shares={dict(shares)}", remedy="Give each part a positive share; their sum is 1.")
    labels: dict[str, str] = {}
    for text in texts:
        labels.setdefault(identity(text), text.label)
    units: dict[str, list[str]] = defaultdict(list)
    for unit, label in labels.items():
        units[label].append(unit)
    places: dict[str, str] = {}
    for members in units.values():
        members.sort(key=lambda unit: key(seed, "stratified split", unit))
        done, total = 0, 0.0
        for part, share in shares.items():
            total += share
            end = round(total * len(members))
            places |= dict.fromkeys(members[done:end], part)
            done = end
    parts: dict[str, list[Text]] = {part: [] for part in shares}
    for text in texts:
        parts[places[identity(text)]].append(text)
    return parts


def identity(text: Text) -> str:
    """What makes two texts the same: their words (of a pair the first text's), whatever letter case and white space.

    Taught in: book/walkthroughs/sentiment
    """
    return " ".join(text.text.casefold().split())
