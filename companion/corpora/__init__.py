"""What we learn from: records, readers, tag schemes, named corpora."""

from typing import TYPE_CHECKING

from companion._lazy import attach

if TYPE_CHECKING:
    from companion.corpora.augmentation import Augmented as Augmented
    from companion.corpora.augmentation import Capitals as Capitals
    from companion.corpora.augmentation import Mentions as Mentions
    from companion.corpora.augmentation import Synonyms as Synonyms
    from companion.corpora.augmentation import Typos as Typos
    from companion.corpora.augmentation import augment as augment
    from companion.corpora.augmentation import corrupt as corrupt
    from companion.corpora.catalog import entries as entries
    from companion.corpora.catalog import load_corpus as load_corpus
    from companion.corpora.conll import read_conll as read_conll
    from companion.corpora.conll import write_conll as write_conll
    from companion.corpora.conversations import Pair as Pair
    from companion.corpora.conversations import Turn as Turn
    from companion.corpora.decontamination import decontaminate as decontaminate
    from companion.corpora.edits import AugmentationLedger as AugmentationLedger
    from companion.corpora.edits import Edit as Edit
    from companion.corpora.edits import Proposal as Proposal
    from companion.corpora.edits import rewrite as rewrite
    from companion.corpora.hub import from_datasets as from_datasets
    from companion.corpora.jsonl import read_jsonl as read_jsonl
    from companion.corpora.location import data_root as data_root
    from companion.corpora.pairs import PairCorpus as PairCorpus
    from companion.corpora.pairs import helpdesk_pairs as helpdesk_pairs
    from companion.corpora.pairs import labels_as_answers as labels_as_answers
    from companion.corpora.pairs import read_pairs as read_pairs
    from companion.corpora.records import Corpus as Corpus
    from companion.corpora.records import ReadReport as ReadReport
    from companion.corpora.records import Sentence as Sentence
    from companion.corpora.reservoir import Reservoir as Reservoir
    from companion.corpora.schemes import Entity as Entity
    from companion.corpora.schemes import entities as entities
    from companion.corpora.spans import Span as Span
    from companion.corpora.spans import read_spans as read_spans
    from companion.corpora.tables import read_csv as read_csv
    from companion.corpora.texts import Text as Text
    from companion.corpora.texts import TextCorpus as TextCorpus
    from companion.corpora.words import split_words as split_words
    from companion.corpora.words import word_spans as word_spans

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "augmentation": ("Augmented", "Capitals", "Mentions", "Synonyms", "Typos", "augment", "corrupt"),
        "catalog": ("entries", "load_corpus"),
        "conll": ("read_conll", "write_conll"),
        "conversations": ("Pair", "Turn"),
        "decontamination": ("decontaminate",),
        "edits": ("AugmentationLedger", "Edit", "Proposal", "rewrite"),
        "hub": ("from_datasets",),
        "jsonl": ("read_jsonl",),
        "location": ("data_root",),
        "pairs": ("PairCorpus", "helpdesk_pairs", "labels_as_answers", "read_pairs"),
        "records": ("Corpus", "ReadReport", "Sentence"),
        "reservoir": ("Reservoir",),
        "schemes": ("Entity", "entities"),
        "spans": ("Span", "read_spans"),
        "tables": ("read_csv",),
        "texts": ("Text", "TextCorpus"),
        "words": ("split_words", "word_spans"),
    },
)
