"""How much of two submissions is the same once names, comments and layout are taken away: where to look, no verdict.

The pieces are shingles of the tree of each graded function (after the idea of winnowing, Schleimer, Wilkerson and Aiken
2003). What more than half of a class shares is what the task asks for, and is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

FEWEST = 12
"""Pieces of its own that a submission needs before it is compared; short functions are alike by nature."""
CROWD = 6
"""Submissions from which on common pieces are left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Submissions that are linked, one to the next, by sharing much."""

    students: tuple[str, ...]
    """Who, sorted."""
    least: float
    """Of the pairs that link them the smallest share: pieces in both, divided by pieces in either."""
    most: float
    """The largest."""

    def __str__(self) -> str:
        share = f"{self.most:.0%}" if self.least == self.most else f"{self.least:.0%} to {self.most:.0%}"
        return f"{', '.join(self.students)} ({share})"


def similar_groups(results: Mapping[str, Mapping[str, Any]], *, least: float = 0.7) -> list[Group]:
    """The groups of submissions that share at least so much with another of the group, the most alike first."""
    pieces = {
        student: {(name, number) for name, numbers in result["shingles"].items() for number in numbers}
        for student, result in results.items()
    }
    count = Counter(piece for own in pieces.values() for piece in own)
    common = {piece for piece, times in count.items() if len(pieces) >= CROWD and 2 * times > len(pieces)}
    rare = {student: own - common for student, own in pieces.items()}
    links = [
        (first, second, share)
        for (first, mine), (second, other) in combinations(sorted(rare.items()), 2)
        if min(len(mine), len(other)) >= FEWEST and (share := len(mine & other) / len(mine | other)) >= least
    ]
    return sorted(_linked(links), key=lambda group: (-group.most, -group.least, group.students))


def _linked(links: list[tuple[str, str, float]]) -> list[Group]:
    home: dict[str, set[str]] = {}
    for first, second, _ in links:
        joined = home.get(first, {first}) | home.get(second, {second})
        home |= dict.fromkeys(joined, joined)
    groups = []
    for members in {id(members): members for members in home.values()}.values():
        shares = [share for first, _, share in links if first in members]
        groups.append(Group(students=tuple(sorted(members)), least=min(shares), most=max(shares)))
    return groups
