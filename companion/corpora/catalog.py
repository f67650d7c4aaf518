"""Corpora that have a name: the book's own, and public ones by address, digest, licence and the way to read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, overload

from companion.corpora.fetch import PublicFile, candidates, find
from companion.corpora.files import from_conll
from companion.corpora.location import data_root
from companion.corpora.manifest import listed, verify_file
from companion.corpora.public import PUBLIC_FILES
from companion.corpora.publishers import read_banking, read_clinc, read_phrasebank
from companion.corpora.records import SPLITS, Corpus
from companion.corpora.texts import TextCorpus
from companion.errors import DataError

UNER_OPTIONS = {
    "columns": (3, 5),
    "word_column": 1,
    "tag_column": 2,
    "scheme": "IOB2",
    "label_map": {"B-OTH": "O", "I-OTH": "O", "B-O": "O"},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class CatalogEntry:
    """A named corpus: what it is, whose it is, and how to read it.

    Taught in: book/walkthroughs/train-a-tagger
    """

    name: str
    """The name for `load_corpus`."""
    what: str
    """What it holds, in a few words."""
    licence: str
    """The licence of the data."""
    citation: str
    """Whom to cite."""
    kind: str = "words"
    """"words" for tagged words (a `Corpus`), "texts" for labelled texts (a `TextCorpus`)."""
    files: Mapping[str, PublicFile] = field(default_factory=dict)
    """The public files by split; a lone train file is split by rule, "whole" holds every split. Empty for a corpus of
    this book."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The options of `read_conll`, or of the reader of texts."""
    reader: Callable[..., TextCorpus] | None = None
    """What reads the files of a text corpus that has a form of its own; None reads CSV, or JSONL for the book's own."""
    sentences: Mapping[str, int] = field(default_factory=dict)
    """Sentences (or texts) of each file, as its publisher or a first count gives them."""
    entities: Mapping[str, int] = field(default_factory=dict)
    """Entities of each file, as read."""
    language: str = "en"
    """The ISO 639-1 code of its language."""
    hub_name: str = ""
    """The name of the same data on the Hugging Face Hub, where it is there."""

    @property
    def where(self) -> str:
        """`in this package`, `on this machine`, or `download`."""
        if not self.files:
            return "in this package"
        here = all(any(place.is_file() for place in candidates(file)) for file in self.files.values())
        return "on this machine" if here else "download"

    @property
    def size(self) -> tuple[int, int]:
        """Sentences or texts of all files, and their bytes."""
        if self.files:
            return sum(self.sentences.values()), sum(file.size for file in self.files.values())
        lines = [line for line in listed(data_root()).values() if line["path"] in self._own()]
        unit = "sentences" if self.kind == "words" else "lines"
        return sum(line["counts"][unit] for line in lines), sum(line["bytes"] for line in lines)

    def summary(self) -> dict[str, str]:
        """Name, size, place, licence and content, for a table.

        Taught in: book/walkthroughs/train-a-tagger
        """
        rows, size = self.size
        return {
            "name": self.name,
            "rows": f"{rows:,}",
            "size": f"{size / 1000:,.0f} kB",
            "where": self.where,
            "licence": self.licence,
            "what": self.what,
        }

    def paths(self) -> dict[str, Path]:
        """The verified file of each split, downloaded if need be.

        Raises:
            DataError: a file is missing and cannot be had, or its digest differs.

        Taught in: book/walkthroughs/train-a-tagger
        """
        if self.files:
            return {split: find(file) for split, file in self.files.items()}
        return {split: verify_file(data_root(), path) for split, path in zip(SPLITS, self._own(), strict=True)}

    def _own(self) -> list[str]:
        ending = "conll" if self.kind == "words" else "jsonl"
        return [f"{self.name}/{split}.{ending}" for split in SPLITS]


def entries() -> tuple[CatalogEntry, ...]:
    """All named corpora, the book's own first.

    Taught in: book/walkthroughs/train-a-tagger
    """
    return _ENTRIES


@overload
def load_corpus(
    name: Literal["helpdesk", "banking77", "clinc150", "financial-phrasebank", "newsroom-sentiment", "newsroom-topic"],
) -> TextCorpus: ...
@overload
def load_corpus(name: str) -> Corpus: ...
def load_corpus(name: str) -> Corpus | TextCorpus:
    """The named corpus, every file verified by its digest before it is read: words with tags, or texts with labels.

    "newsroom-sentiment" and "newsroom-topic" are the sentences of Newsroom as texts, labelled by one of their facts.

    Raises:
        DataError: there is no such name, or a file is missing, altered or cannot be downloaded.

    Taught in: book/walkthroughs/train-a-tagger
    """
    entry = next((entry for entry in _ENTRIES if entry.name == name), None)
    words, _, fact = name.rpartition("-")
    if entry is None and any(entry.name == words and entry.kind == "words" for entry in _ENTRIES):
        return load_corpus(words).texts(fact)
    if entry is None:
        raise DataError(
            f"no corpus is called {name!r}",
            remedy=f"Use one of {', '.join(entry.name for entry in _ENTRIES)}, or read your own file with "
            "Corpus.from_conll, from_csv or from_jsonl.",
        )
    about = {"name": name, "licence": entry.licence, "citation": entry.citation}
    if entry.kind == "words":
        return from_conll(**entry.paths(), **about, **dict(entry.options))
    read = entry.reader or (TextCorpus.from_csv if entry.files else TextCorpus.from_jsonl)
    return read(**entry.paths(), **about, **dict(entry.options))


def _crossner(domain: str, what: str, sentences: tuple[int, int, int], entities: tuple[int, int, int]) -> CatalogEntry:
    return CatalogEntry(
        name=f"crossner-{domain}",
        what=f"{what}, fine types, small train, from Wikipedia",
        licence="MIT",
        citation="Liu et al. (2021), CrossNER: Evaluating Cross-Domain Named Entity Recognition. AAAI.",
        files=PUBLIC_FILES[f"crossner-{domain}"],
        hub_name="DFKI-SLT/cross_ner",
        options={"scheme": "IOB2"},
        sentences=dict(zip(SPLITS, sentences, strict=True)),
        entities=dict(zip(SPLITS, entities, strict=True)),
    )


_UNER_CITATION = "Mayhew et al. (2024), Universal NER: A Gold-Standard Multilingual Named Entity Recognition Benchmark."

_ENTRIES = (
    CatalogEntry(
        name="newsroom",
        what="PER, ORG, LOC, MISC; news in six beats, written for this book",
        licence="CC0-1.0",
        citation="The authors of Supervised Fine-Tuning, Executed: the Newsroom corpus.",
    ),
    CatalogEntry(
        name="helpdesk",
        what="30 intents in six domains and out-of-scope messages, written for this book",
        licence="CC0-1.0",
        citation="The authors of Supervised Fine-Tuning, Executed: the Helpdesk corpus.",
        kind="texts",
        options={"label": "intent"},
    ),
    CatalogEntry(
        name="wnut17",
        what="six types, tweets and comments, names that are new",
        licence="CC BY 4.0",
        citation="Derczynski, Nichols, van Erp and Limsopatham (2017), Results of the WNUT2017 Shared Task on Novel "
        "and Emerging Entity Recognition. W-NUT at EMNLP.",
        files=PUBLIC_FILES["wnut17"],
        hub_name="leondz/wnut_17",
        options={"delimiter": "\t", "columns": 2, "scheme": "IOB2", "first_label": True},
        sentences={"train": 3394, "dev": 1009, "test": 1287},
        entities={"train": 1975, "dev": 836, "test": 1079},
    ),
    CatalogEntry(
        name="wikigold",
        what="PER, ORG, LOC, MISC; Wikipedia, one file, split by rule",
        licence="CC BY 4.0",
        citation="Balasuriya, Ringland, Nothman, Murphy and Curran (2009), Named Entity Recognition in Wikipedia. "
        "People's Web at ACL-IJCNLP.",
        files=PUBLIC_FILES["wikigold"],
        options={"delimiter": " ", "columns": 2, "scheme": "IOB1"},
        sentences={"train": 1696},
        entities={"train": 3558},
    ),
    CatalogEntry(
        name="uner-en-ewt",
        what="PER, ORG, LOC; English web",
        licence="CC BY-SA 4.0",
        citation=_UNER_CITATION,
        files=PUBLIC_FILES["uner-en-ewt"],
        hub_name="universalner/universal_ner",
        options=UNER_OPTIONS,
        sentences={"train": 12543, "dev": 2001, "test": 2077},
        entities={"train": 7005, "dev": 966, "test": 1088},
    ),
    CatalogEntry(
        name="uner-zh",
        what="PER, ORG, LOC; Chinese, simplified characters",
        licence="CC BY-SA 4.0",
        citation=_UNER_CITATION,
        files=PUBLIC_FILES["uner-zh"],
        language="zh",
        hub_name="universalner/universal_ner",
        options=UNER_OPTIONS,
        sentences={"train": 3997, "dev": 500, "test": 500},
        entities={"train": 6118, "dev": 753, "test": 763},
    ),
    CatalogEntry(
        name="banking77",
        what="77 intents, questions to a bank",
        licence="CC BY 4.0",
        citation="Casanueva, Temčinas, Gerz, Henderson and Vulić (2020), Efficient Intent Detection with Dual Sentence "
        "Encoders. NLP for Conversational AI at ACL.",
        kind="texts",
        files=PUBLIC_FILES["banking77"],
        hub_name="PolyAI/banking77",
        reader=read_banking,
        sentences={"train": 10003, "test": 3080},
    ),
    CatalogEntry(
        name="clinc150",
        what="150 intents in ten domains and out-of-scope messages",
        licence="CC BY 3.0",
        citation="Larson et al. (2019), An Evaluation Dataset for Intent Classification and Out-of-Scope Prediction. "
        "EMNLP-IJCNLP.",
        kind="texts",
        files=PUBLIC_FILES["clinc150"],
        hub_name="clinc/clinc_oos",
        reader=read_clinc,
        sentences={"whole": 23700},
    ),
    CatalogEntry(
        name="financial-phrasebank",
        what="sentiment of finance news, more than half of the annotators agree",
        licence="CC BY-NC-SA 3.0",
        citation="Malo, Sinha, Korhonen, Wallenius and Takala (2014), Good Debt or Bad Debt: Detecting Semantic "
        "Orientations in Economic Texts. JASIST 65(4).",
        kind="texts",
        files=PUBLIC_FILES["financial-phrasebank"],
        hub_name="takala/financial_phrasebank",
        reader=read_phrasebank,
        sentences={"whole": 4846},
    ),
    _crossner("ai", "artificial intelligence", (100, 350, 431), (532, 1549, 1809)),
    _crossner("literature", "literature", (100, 400, 416), (541, 2130, 2266)),
    _crossner("music", "music", (100, 380, 465), (648, 2679, 3336)),
    _crossner("politics", "politics", (200, 541, 651), (1304, 3482, 4209)),
    _crossner("science", "science", (200, 450, 543), (1075, 2538, 3089)),
)
