"""The four tokenizers, trained once per test session, and one that has no unknown token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tokenizers import KINDS, make_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@pytest.fixture(scope="session")
def tokenizers() -> dict[str, PreTrainedTokenizerFast]:
    """One tokenizer of every kind, by kind."""
    found = {kind: make_tokenizer(kind) for kind in KINDS}
    assert len(found) == 4
    return found


@pytest.fixture(scope="session")
def without_unknown() -> PreTrainedTokenizerFast:
    """A cased WordPiece tokenizer that has no unknown token to offer."""
    tokenizer = make_tokenizer("wordpiece")
    tokenizer.unk_token = None
    return tokenizer
