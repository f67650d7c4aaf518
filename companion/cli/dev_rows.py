"""Whether dev has rows enough to choose by: few of them choose by luck, and nobody sees it in the score."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

from companion.cli.output import say
from companion.errors import ConfigError

if TYPE_CHECKING:
    from companion.cli.source import Source
    from companion.corpora.records import Corpus
    from companion.corpora.texts import TextCorpus

FEW, LEAST = 100, 10
"""Rows below which a choice is warned of, and below which a search does not choose by what was split off by rule."""
SHARE = 0.8
"""The score at which the luck of the rows is told."""


def describe_dev(corpus: Corpus | TextCorpus, source: Source, *, chooses: str, least: int = 0) -> None:
    """Say where dev comes from where no file was named, and warn where it is small.

    `chooses` says what it decides. Fewer than `least` rows that nobody chose to be dev are refused.

    Raises:
        ConfigError: there are fewer.
    """
    rows = len(corpus.dev)
    by_rule = source.train is not None and source.dev is None and rows > 0
    unit = f"row{'s' * (rows != 1)}"
    if by_rule:
        say(f"dev, which chooses {chooses}: {rows:,} {unit}, a tenth of {source.train} by rule (--dev names a file)")
    if not 0 < rows < FEW:
        return
    luck = NormalDist().inv_cdf(0.975) * sqrt(SHARE * (1 - SHARE) / rows)
    why = f"a score of {SHARE} on {rows} {unit} is known to ± {luck:.2f} only (95 %), so luck chooses {chooses}"
    if by_rule and rows < least:
        raise ConfigError(why, remedy=f"name a file with --dev: {least} rows or more, better {FEW} and more")
    say(f"warning: {why}; {FEW} rows and more would choose better")
