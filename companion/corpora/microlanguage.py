"""A language whose truth is known: invented words, a small grammar, and a list of who is what.

    sentence  →  [opening] clause [filler] "."
    clause    →  before(c) NAME(c) after(c)            a *telling* clause: its words are said of category c only
              |  between NAME between                  a *neutral* clause: its words are said of every category
    class     →  a cause word of that class stands among the fillers; no other word has anything to do with it

Every name belongs to one category (PER, LOC, ORG, PROD). Some names are *labelled*: they may stand in labelled
sentences. The others never do. Labelled sentences are neutral, so a model that has never met a name anywhere cannot
tell its category; the unlabelled text is telling, so a model that has read it can. Another seed is another world: other
names, other words.

Everything is a pure function of the world and of what is asked; nothing is stored and nothing is trained here.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from companion.corpora.files import build
from companion.corpora.records import Corpus, Sentence
from companion.corpora.tally import Tally
from companion.errors import ConfigError
from companion.randomness import key

CATEGORIES = ("PER", "LOC", "ORG", "PROD")
CLASSES = ("good", "bad")
NAMES = ("labelled", "unlabelled", "all")
_ONSETS, _VOWELS, _CODAS = (
    ["b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "br", "dr", "gr", "kl", "pl", "st", "tr"],
    "aeiou",
    ("", "l", "n", "r", "s"),
)


@dataclass(frozen=True, kw_only=True)
class MicroLanguage:
    """A world: its names, its words, and its sentences on demand.

    Raises:
        ConfigError: a number is outside its range.

    Taught in: book/reference/micro-language
    """

    seed: int = 0
    """Decides every word of the world."""
    names_per_category: int = 60
    """How many names each category has."""
    labelled_per_category: int = 8
    """How many of them may stand in labelled sentences."""
    words_per_slot: int = 6
    """How many words each slot of the grammar chooses from."""
    label_noise: float = 0.0
    """The share of names in labelled sentences that bear the tag of a wrong category."""
    imbalance: float = 1.0
    """How much more often the first class of sentences occurs than the second (1 is balanced)."""
    domain: int = 0
    """Another domain has the same names and classes, and other telling, neutral and filler words."""
    _extra: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        for name, lowest in (("names_per_category", 2), ("labelled_per_category", 1), ("words_per_slot", 2)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
                raise ConfigError(f"{name} is {value!r}", remedy=f"Give a whole number, {lowest} or more.")
        if self.labelled_per_category >= self.names_per_category:
            raise ConfigError(
                f"{self.labelled_per_category} of {self.names_per_category} names are labelled, so none is new",
                remedy="Label fewer names than there are.",
            )
        if not 0.0 <= self.label_noise <= 1.0:
            raise ConfigError(f"label_noise is {self.label_noise!r}", remedy="Give a share from 0 to 1.")
        if not self.imbalance > 0.0:
            raise ConfigError(f"imbalance is {self.imbalance!r}", remedy="Give a number above 0; 1 is balanced.")

    @cached_property
    def names(self) -> dict[str, tuple[str, ...]]:
        """The names of each category; the first `labelled_per_category` of them may be labelled."""
        words = self._invent("names", len(CATEGORIES) * self.names_per_category, syllables=3)
        size = self.names_per_category
        return {kind: tuple(words[n * size : (n + 1) * size]) for n, kind in enumerate(CATEGORIES)}

    @cached_property
    def category_of(self) -> dict[str, str]:
        """The category of each name."""
        return {name: kind for kind, names in self.names.items() for name in names}

    @cached_property
    def slots(self) -> dict[str, tuple[str, ...]]:
        """The words of each slot: `before PER`, `after PER`, …, `between`, `opening`, `filler`, `good`, `bad`."""
        kinds = [f"{place} {kind}" for kind in CATEGORIES for place in ("before", "after")]
        size = self.words_per_slot
        causes = self._invent("causes", size * len(CLASSES), syllables=2)
        own = self._invent(f"words of domain {self.domain}", size * (len(kinds) + 3), syllables=2, avoid=causes)
        found = {
            kind: tuple(own[n * size : (n + 1) * size])
            for n, kind in enumerate([*kinds, "between", "opening", "filler"])
        }
        return found | {name: tuple(causes[n * size : (n + 1) * size]) for n, name in enumerate(CLASSES)}

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """Every word of the world, names last."""
        words = [word for slot in self.slots.values() for word in slot]
        return tuple(dict.fromkeys([".", *words, *self._extra, *self.category_of]))

    def with_words_of(self, other: MicroLanguage) -> MicroLanguage:
        """The same world with a vocabulary that also holds the other one's words, so that one model reads both.

        Taught in: book/reference/micro-language
        """
        from dataclasses import replace

        return replace(self, _extra=other.vocabulary)

    def text(self, count: int, *, purpose: str = "text") -> list[Sentence]:
        """Unlabelled telling sentences over all names; every tag is `O`, the truth stands in `meta`."""
        return [self._sentence(number, purpose, CATEGORIES, "all", telling=True) for number in range(count)]

    def sentences(
        self, count: int, *, purpose: str = "train", types: Sequence[str] = CATEGORIES, names: str = "labelled"
    ) -> list[Sentence]:
        """Labelled neutral sentences: each holds one name, tagged `B-X`; the truth stands in `meta`.

        `types` are the categories that occur; `names` says whose: "labelled", "unlabelled" or "all".

        Raises:
            ConfigError: an unknown category or choice of names.
        """
        if names not in NAMES or not types or set(types) - set(CATEGORIES):
            raise ConfigError(
                f"names={names!r}, types={tuple(types)}",
                remedy=f"Choose one of {', '.join(NAMES)} and some of {', '.join(CATEGORIES)}.",
            )
        return [self._sentence(number, purpose, tuple(types), names, telling=False) for number in range(count)]

    def corpus(self, *, train: int = 400, dev: int = 200, test: int = 400, types: Sequence[str] = CATEGORIES) -> Corpus:
        """A corpus: train names are labelled ones, the names of dev and test are never labelled anywhere."""
        parts = {
            "train": self.sentences(train, purpose="train", types=types),
            "dev": self.sentences(dev, purpose="dev", types=types, names="unlabelled"),
            "test": self.sentences(test, purpose="test", types=types, names="unlabelled"),
        }
        return build(parts, Tally(), name=f"micro-language {self.seed}", types=tuple(CATEGORIES), licence="CC0-1.0")

    def _sentence(self, number: int, purpose: str, types: tuple[str, ...], names: str, *, telling: bool) -> Sentence:
        draw = random.Random(key(self.seed, f"micro-language {purpose}", self.domain, number, *types, names))
        kind = draw.choice(types)
        edge = self.labelled_per_category
        allowed = {"labelled": slice(edge), "unlabelled": slice(edge, None), "all": slice(None)}[names]
        name = draw.choice(self.names[kind][allowed])
        known = draw.choices(CLASSES, weights=(self.imbalance, 1.0))[0]
        cause = draw.choice(self.slots[known])
        before, after = (f"before {kind}", f"after {kind}") if telling else ("between", "between")
        fillers = [*draw.sample(self.slots["filler"], draw.randint(0, 2)), cause]
        draw.shuffle(fillers)
        opening = [draw.choice(self.slots["opening"])] * draw.randint(0, 1)
        front = [*opening, draw.choice(self.slots[before])]
        words = (*front, name, draw.choice(self.slots[after]), *fillers, ".")
        tag = kind
        if draw.random() < self.label_noise:
            tag = draw.choice([other for other in CATEGORIES if other != kind])
        tags = ["O"] * len(words)
        if not telling:
            tags[len(front)] = f"B-{tag}"
        meta = {"name": name, "category": kind, "class": known, "cause": cause}
        source = f"micro-language {self.seed}/{purpose}#{number + 1}"
        return Sentence(words=words, tags=tuple(tags), source=source, meta=meta)

    def _invent(self, purpose: str, count: int, *, syllables: int, avoid: Sequence[str] = ()) -> list[str]:
        """Different invented words; the number of syllables keeps names and other words apart."""
        draw = random.Random(key(self.seed, f"micro-language {purpose}"))
        words: dict[str, None] = {}
        while len(words) < count:
            parts = [draw.choice(_ONSETS) + draw.choice(_VOWELS) for _ in range(syllables)]
            word = "".join(parts) + draw.choice(_CODAS)
            if word not in avoid:
                words[word] = None
        return list(words)
