"""One task for each kind of tokenizer, and sentences to use it on."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from companion.corpora.records import Sentence
from companion.models import load_encoder
from companion.tasks import TokenTask
from tests.tiny import LABELS
from tests.tokenizers import KINDS, make_model_folder

NAMES = ("Angela Merkel", "S. Gomez", "Zwingmann", "O'Brien", "Müller")
PLACES = ("Wolfsburg", "New York City", "São Paulo", "北京")


def make_sentences(count: int, *, seed: int = 0, longest: int = 4) -> list[Sentence]:
    """Sentences of one to `longest` clauses in which names are persons and places are places."""
    draw = random.Random(seed)
    sentences = []
    for number in range(count):
        words, tags = [], []
        for _ in range(draw.randint(1, longest)):
            for kind, choices in (("PER", NAMES), (None, ("visited", "left")), ("LOC", PLACES), (None, (".",))):
                for order, word in enumerate(draw.choice(choices).split()):
                    words.append(word)
                    tags.append("O" if kind is None else f"{'I' if order else 'B'}-{kind}")
        sentences.append(Sentence(words=tuple(words), tags=tuple(tags), source=f"made:{number + 1}"))
    return sentences


@pytest.fixture(scope="session")
def model_folders(tmp_path_factory) -> dict[str, Path]:
    """A model folder of every kind."""
    folder = tmp_path_factory.mktemp("encoders")
    return {kind: make_model_folder(kind, folder / kind) for kind in KINDS}


@pytest.fixture(scope="session")
def tasks(model_folders) -> dict[str, TokenTask]:
    """A task on every kind of encoder."""
    found = {kind: TokenTask(LABELS, load_encoder(str(folder))) for kind, folder in model_folders.items()}
    assert len(found) == 4
    return found


@pytest.fixture
def task(tasks) -> TokenTask:
    """The task on the cased WordPiece encoder."""
    return tasks["wordpiece"]


@pytest.fixture
def sentences() -> list[Sentence]:
    """Forty sentences of up to four clauses."""
    return make_sentences(40)
