"""From the articles of the Newsroom source to its three splits, and what an editor should look at again.

Articles stay whole, every topic stands in every split, and the split is the first of a keyed series in which at least
half of the names of test are new: a tagger is to be measured on names that it has not seen.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from companion.corpora.annotated import Article
from companion.corpora.conll import format_conll
from companion.corpora.records import SPLITS, Sentence
from companion.corpora.report import SplitSummary, summarise, unseen_share
from companion.errors import DataError
from companion.randomness import key

SHARES = {"test": 0.18, "dev": 0.12}
UNSEEN_AT_LEAST = 0.5
TRIES = 1000


class ChosenSplit(NamedTuple):
    """A split of articles that meets the conditions."""

    number: int
    """Its number in the keyed series."""
    parts: Mapping[str, tuple[Sentence, ...]]
    """The sentences of train, dev and test, article by article in the order of the source."""
    unseen: float
    """The share of test's distinct surface forms that train does not have, ignoring case."""


def choose_split(articles: Sequence[Article]) -> ChosenSplit:
    """The first split of the keyed series that puts every topic into every part and keeps half of test's names new.

    Within each topic, articles in keyed order fill test to about 18 % of its sentences, then dev to about 12 %.

    Raises:
        DataError: no split of the series meets the conditions.

    Taught in: book/walkthroughs/train-a-tagger
    """
    for number in range(TRIES):
        place = _places(articles, number)
        parts = {
            split: tuple(
                sentence for article in articles if place[article.name] == split for sentence in article.sentences
            )
            for split in SPLITS
        }
        topics = {split: {sentence.meta["topic"] for sentence in part} for split, part in parts.items()}
        unseen = unseen_share(summarise(parts["train"]), summarise(parts["test"]))
        if unseen is not None and unseen >= UNSEEN_AT_LEAST and topics["train"] == topics["dev"] == topics["test"]:
            return ChosenSplit(number, parts, unseen)
    raise DataError(
        f"none of {TRIES} splits has every topic in every part and {UNSEEN_AT_LEAST:.0%} new names in test",
        remedy="Give every topic at least three articles, and let articles share fewer names.",
    )


def convert_source(articles: Sequence[Article], chosen: ChosenSplit, folder: Path, *, write: bool) -> list[str]:
    """Write the three column files, or only compare; the names of the files that were not up to date.

    Taught in: book/walkthroughs/train-a-tagger
    """
    stale = []
    for split, sentences in chosen.parts.items():
        path, data = folder / f"{split}.conll", format_conll(sentences)
        if not path.is_file() or path.read_bytes() != data:
            stale.append(path.name)
            if write:
                path.write_bytes(data)
    return stale


def describe_split(articles: Sequence[Article], chosen: ChosenSplit) -> str:
    """Counts and shares of a split as text.

    Taught in: book/walkthroughs/train-a-tagger
    """
    out = io.StringIO()
    total = sum(len(part) for part in chosen.parts.values())
    out.write(f"{len(articles)} articles, {total} sentences; split {chosen.number} of the keyed series\n")
    for split, part in chosen.parts.items():
        summary: SplitSummary = summarise(part)
        names = len({sentence.meta["article"] for sentence in part})
        kinds = ", ".join(f"{kind} {summary.types[kind]}" for kind in sorted(summary.types))
        out.write(
            f"{split}: {names} articles, {len(part)} sentences ({len(part) / total:.1%}), {summary.words} words, "
        )
        out.write(f"{sum(summary.types.values())} entities ({kinds})\n")
    out.write(f"surface forms of test that train does not have: {chosen.unseen:.1%}")
    return out.getvalue()


def doubts(articles: Sequence[Article]) -> list[str]:
    """Annotations an editor should look at again: a name that is bare elsewhere, or has several types.

    Both may be right (a lantern is not the band Lantern; a bank is not the person it is named after).

    Taught in: book/walkthroughs/train-a-tagger
    """
    sentences = [sentence for article in articles for sentence in article.sentences]
    types: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for sentence in sentences:
        for entity in sentence.entities():
            types[sentence.words[entity.start : entity.end]].add(entity.type)
    by_first: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for surface in types:
        by_first[surface[0]].append(surface)
    found = []
    for sentence in sentences:
        for start, word in enumerate(sentence.words):
            for surface in by_first.get(word, ()):
                end = start + len(surface)
                if sentence.words[start:end] == surface and set(sentence.tags[start:end]) == {"O"}:
                    kinds = "/".join(sorted(types[surface]))
                    found.append(f"{' '.join(surface)!r} ({kinds} elsewhere) is bare in {sentence.source}")
    for surface, kinds in sorted(types.items()):
        if len(kinds) > 1:
            found.append(f"{' '.join(surface)!r} is {' and '.join(sorted(kinds))}")
    return found


def _places(articles: Sequence[Article], number: int) -> dict[str, str]:
    by_topic: dict[str, list[Article]] = defaultdict(list)
    for article in articles:
        by_topic[article.topic].append(article)
    place = {}
    for of_topic in by_topic.values():
        total = sum(len(article.sentences) for article in of_topic)
        filled = dict.fromkeys(SHARES, 0)
        for article in sorted(of_topic, key=lambda article: key(number, "newsroom split", article.name)):
            size = len(article.sentences)
            # An article goes where it leaves the part closer to its share than without it.
            part = next((part for part, share in SHARES.items() if filled[part] + size / 2 <= share * total), "train")
            place[article.name] = part
            if part in filled:
                filled[part] += size
    return place
