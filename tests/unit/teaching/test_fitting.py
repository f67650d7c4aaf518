"""The memory explorer: every value on the page is the ledger's, and the sentence names what really fits."""

import itertools
import re

import pytest

from companion.errors import ConfigError
from companion.teaching import Explore, memory_explorer
from companion.teaching.fitting import CARDS, CHECKPOINTING, IN_MEMORY, TRAINING
from companion.training.footprint import GIB, SHAPES, estimate_memory


def test_lines_and_sentences_are_those_of_the_ledger():
    piece = memory_explorer()
    assert isinstance(piece, Explore) and len(piece.controls) == 3
    grid = list(itertools.product(TRAINING, IN_MEMORY, CHECKPOINTING))
    assert len(grid) == len(piece.settings) == 24
    said = set()
    for (training, sentences, checkpointing), setting in zip(grid, piece.settings, strict=True):
        rows, length = IN_MEMORY[sentences]
        ledgers = {
            name: estimate_memory(
                shape,
                rows=rows,
                length=length,
                activation_checkpointing=CHECKPOINTING[checkpointing],
                **TRAINING[training],
            )
            for name, shape in SHAPES.items()
        }
        totals = [ledger.total / GIB for ledger in ledgers.values()]
        assert setting["values"][0] == pytest.approx(totals, rel=5e-2)
        assert [line[0] for line in setting["values"][4:]] == list(CARDS)
        for card in CARDS:
            fitting = [name for name, total in zip(ledgers, totals, strict=True) if total <= card]
            told = f"up to {fitting[-1]} fits" if fitting else f"In {card} GiB none"
            assert told in setting["says"]
            said.add(told)
    assert len(said) >= 4, "the controls make a difference"


def test_the_parts_add_up_to_everything():
    for setting in memory_explorer().settings:
        everything, *parts = setting["values"][:4]
        assert [sum(at) for at in zip(*parts, strict=True)] == pytest.approx(everything, rel=1e-1)


def test_the_page_is_small_and_says_something_without_a_script():
    piece = memory_explorer()
    assert len(piece.html()) < 45_000
    assert re.search(r"In 24 GiB, up to TinyLlama 1.1B fits \([\d.]+ GiB\)\.", piece.text())


@pytest.mark.parametrize(
    "wrong", [{"shapes": [SHAPES["MiniLM-L6"]]}, {"cards": ()}, {"cards": (8, 16, 24)}, {"shapes": []}]
)
def test_too_few_models_or_too_many_cards_are_refused(wrong):
    with pytest.raises(ConfigError, match="memory_explorer"):
        memory_explorer(**wrong)
