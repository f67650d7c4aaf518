"""More rows from few: synonyms, other mentions of the same type, proposals of a model, typing errors, capitals.

A method looks at rows and proposes edits; `augment` makes copies and keeps a ledger that must balance. Everything is
decided by (seed, method, copy, row), so that the copies of a smaller draw begin those of a larger one.

Follows: Wei and Zou (2019), "EDA: Easy Data Augmentation Techniques"; Dai and Adel (2020), "An Analysis of Simple Data
Augmentation for Named Entity Recognition", for mentions.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Generic, Protocol

from companion.corpora.edits import AnyRow, AugmentationLedger, Edit, Proposal, Row, entity_at, entry_of, rewrite
from companion.corpora.edits import words_and_tags as read
from companion.corpora.lexicon import read_lexicon
from companion.corpora.records import Sentence
from companion.errors import ConfigError, DataError
from companion.randomness import key

KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
CAPITALS = {"lower": str.lower, "upper": str.upper}
SHORTEST = 4
"""Letters of the shortest word that gets a typing error: a shorter one is often another word afterwards."""


class Method(Protocol):
    """What `augment` asks for edits."""

    name: str
    """What its copies are marked with."""

    def __call__(self, rows: Sequence[Row], random: Sequence[Random]) -> list[Proposal]:
        """The edits of each row, chosen with that row's own random numbers."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Augmented(Generic[AnyRow]):
    """The copies and their ledger; to train on both, `[*train, *augmented.rows]`."""

    rows: tuple[AnyRow, ...]
    """The changed copies alone, copy by copy in the order of the rows."""
    ledger: AugmentationLedger
    """What became of every row and every entity; it balances."""


def augment(rows: Sequence[AnyRow], method: Method, *, copies: int = 1, seed: int = 0) -> Augmented[AnyRow]:
    """Up to `copies` changed copies of every row (a pair: of its first text), its labels kept; the ledger balances.

    Give it rows to learn from only: a changed copy of a test row is a test row.

    Raises:
        ConfigError: `copies` is no whole number from 1 up.
        DataError: an edit would break an entity, or the ledger does not balance.
    """
    if isinstance(copies, bool) or not isinstance(copies, int) or copies < 1:
        raise ConfigError(f"copies is {copies!r}", remedy="give a whole number, 1 or more")
    made: list[AnyRow] = []
    ledger = AugmentationLedger()
    for copy in range(copies):
        for row, proposal in zip(rows, _proposals(rows, method, seed, copy), strict=True):
            changed = rewrite(row, proposal.edits, mark=f"{method.name}{copy + 1}") if proposal.edits else None
            ledger += entry_of(row, changed, proposal)
            made += [] if changed is None else [changed]
    ledger.check()
    return Augmented(rows=tuple(made), ledger=ledger)


def corrupt(rows: Sequence[AnyRow], method: Method, *, seed: int = 0) -> list[AnyRow]:
    """Every row as the method leaves it, changed or not, in order: the same test in harder words (of pairs, the first).

    Raises:
        DataError: an edit would break an entity.
    """
    return [
        rewrite(row, proposal.edits, mark=method.name) if proposal.edits else row
        for row, proposal in zip(rows, _proposals(rows, method, seed, 0), strict=True)
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Synonyms:
    """Words outside entities, each that the lexicon knows with probability `share`, by another of its group.

    Capitals stay as they were, and a word after "a" or "an" begins with the same kind of letter. A sentence in which
    none fell to the share loses one, if it has one.

    Raises:
        ConfigError: `share` is not above 0 and at most 1.
    """

    name: str = "synonyms"
    """The mark of its copies."""
    share: float = 0.3
    """The probability that a word with synonyms is replaced."""
    lexicon: Mapping[str, Sequence[str]] = field(default_factory=read_lexicon, repr=False)
    """The words that may stand for a word, in small letters."""

    def __post_init__(self) -> None:
        check_share(self.share)

    def __call__(self, rows: Sequence[Row], random: Sequence[Random]) -> list[Proposal]:
        """The edits of each row."""
        return [self._row(*pair) for pair in zip(rows, random, strict=True)]

    def _row(self, row: Row, random: Random) -> Proposal:
        words, tags = read(row)
        known = [place for place, word in enumerate(words) if word.lower() in self.lexicon]
        fitting = {place: fit_article(words, place, self.lexicon[words[place].lower()]) for place in known}
        free = [place for place in known if tags[place] == "O" and fitting[place]]
        left = [("inside an entity", words[place]) for place in known if tags[place] != "O"]
        left += [("no synonym after its article", words[p]) for p in known if tags[p] == "O" and not fitting[p]]
        edits = [
            Edit(place, place + 1, (match_capitals(words[place], random.choice(fitting[place])),))
            for place in choose(free, self.share, random)
        ]
        return Proposal(edits=tuple(edits), left=tuple(left))


@dataclass(frozen=True, kw_only=True, slots=True)
class Mentions:
    """Entities, each with probability `share`, by another mention of the same type from the pool.

    The pool is to come from the training rows alone (`Mentions.of(train)`): names of dev or test would be leaked.

    Raises:
        ConfigError: `share` is not above 0 and at most 1.
    """

    pool: Mapping[str, Sequence[tuple[str, ...]]] = field(repr=False)
    """The mentions of each type, as words, every one once."""
    name: str = "mentions"
    """The mark of its copies."""
    share: float = 0.5
    """The probability that an entity is replaced."""

    def __post_init__(self) -> None:
        check_share(self.share)

    @classmethod
    def of(cls, train: Sequence[Sentence], *, share: float = 0.5) -> Mentions:
        """The mentions of these sentences, in the order in which they first appear.

        Raises:
            ConfigError: `share` is not above 0 and at most 1.
        """
        pool: dict[str, dict[tuple[str, ...], None]] = {}
        for sentence in train:
            for (start, end), kind in entity_at(sentence).items():
                pool.setdefault(kind, {})[sentence.words[start:end]] = None
        return cls(pool={kind: tuple(found) for kind, found in pool.items()}, share=share)

    def __call__(self, rows: Sequence[Row], random: Sequence[Random]) -> list[Proposal]:
        """The edits of each row."""
        return [self._row(*pair) for pair in zip(rows, random, strict=True)]

    def _row(self, row: Row, random: Random) -> Proposal:
        if not isinstance(row, Sentence):
            raise DataError(f"{row.source or 'a text'}: a text has no mentions", remedy="use another method for texts")
        edits, left = [], []
        others = {
            (start, end): [found for found in self.pool.get(kind, ()) if found != row.words[start:end]]
            for (start, end), kind in entity_at(row).items()
        }
        for (start, end), found in others.items():
            if not found:
                left.append(("no other mention of its type", " ".join(row.words[start:end])))
        for start, end in choose([place for place, found in others.items() if found], self.share, random):
            edits.append(Edit(start, end, random.choice(others[start, end])))
        return Proposal(edits=tuple(edits), left=tuple(left))


@dataclass(frozen=True, kw_only=True, slots=True)
class Typos:
    """Words of four letters or more, each with probability `share`, with one typing error behind the first letter.

    Two letters swapped, one left out, one twice, or one from the key beside it, all equally likely.

    Raises:
        ConfigError: `share` is not above 0 and at most 1.
    """

    name: str = "typos"
    """The mark of its copies."""
    share: float = 0.2
    """The probability that a word gets an error."""
    entities: bool = False
    """Whether words of entities get them too; their tags stay."""

    def __post_init__(self) -> None:
        check_share(self.share)

    def __call__(self, rows: Sequence[Row], random: Sequence[Random]) -> list[Proposal]:
        """The edits of each row."""

        def wrong(word: str, random: Random) -> str:
            fits = len(word) >= SHORTEST and all(letter in string.ascii_letters for letter in word)
            return mistype(word, random) if random.random() < self.share and fits else word

        return [
            _word_by_word(row, lambda word, own=own: wrong(word, own), self.entities)
            for row, own in zip(rows, random, strict=True)
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Capitals:
    """Every word in small letters ("lower") or in capitals ("upper"), names included.

    Raises:
        ConfigError: another way of writing.
    """

    writing: str = "lower"
    """"lower" or "upper"."""

    def __post_init__(self) -> None:
        if self.writing not in CAPITALS:
            raise ConfigError(f"writing is {self.writing!r}", remedy=f"choose one of {', '.join(CAPITALS)}")

    @property
    def name(self) -> str:
        """The mark of its copies."""
        return self.writing

    def __call__(self, rows: Sequence[Row], random: Sequence[Random]) -> list[Proposal]:
        """The edits of each row."""
        return [_word_by_word(row, CAPITALS[self.writing], True) for row in rows]


def mistype(word: str, random: Random) -> str:
    """A word of two letters or more with one typing error behind its first letter; never the word itself."""
    while True:
        place, kind = random.randrange(1, len(word)), random.randrange(4)
        if kind == 0:
            found = word[: place - 1] + word[place] + word[place - 1] + word[place + 1 :] if place > 1 else word
        elif kind == 1:
            found = word[:place] + word[place + 1 :]
        elif kind == 2:
            found = word[:place] + word[place] + word[place:]
        else:
            row = next((row for row in KEYBOARD if word[place].lower() in row), "")
            at = row.find(word[place].lower()) + random.choice((-1, 1))
            letter = row[at] if 0 <= at < len(row) else word[place]
            found = word[:place] + match_capitals(word[place], letter) + word[place + 1 :]
        if found != word:
            return found


def choose(places: Sequence, share: float, random: Random) -> list:
    """Each place with probability `share`; one of them where none fell to it."""
    chosen = [place for place in places if random.random() < share]
    return chosen or ([random.choice(places)] if places else [])


def match_capitals(model: str, word: str) -> str:
    """The word with the capitals of the one whose place it takes."""
    if len(model) > 1 and model.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if model[:1].isupper() else word


def fit_article(words: Sequence[str], place: int, candidates: Sequence[str]) -> list[str]:
    """Those of the words that can follow what stands before the place: after "a" and "an" the first letter decides."""
    article = words[place - 1].lower() if place else ""
    if article not in {"a", "an"}:
        return list(candidates)
    return [word for word in candidates if (word[:1].lower() in "aeiou") == (article == "an")]


def check_share(share: float) -> None:
    """Raise unless the share is above 0 and at most 1.

    Raises:
        ConfigError: it is not.
    """
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        raise ConfigError(f"share is {share!r}", remedy="give a number above 0, 1 at most")


def _proposals(rows: Sequence[Row], method: Method, seed: int, copy: int) -> list[Proposal]:
    return method(rows, [Random(key(seed, f"augment {method.name}", copy, number)) for number in range(len(rows))])


def _word_by_word(row: Row, change, with_entities: bool) -> Proposal:
    """The edits of a function of words; those of an entity stay together."""
    words, tags = read(row)
    kinds = entity_at(row) if with_entities else {}
    spans = [*kinds, *((place, place + 1) for place, tag in enumerate(tags) if tag == "O")]
    edits = []
    for start, end in sorted(spans):
        found = tuple(change(word) for word in words[start:end])
        if found != tuple(words[start:end]):
            edits.append(Edit(start, end, found))
    return Proposal(edits=tuple(edits))
