"""Words into word pieces: what a fast tokenizer says about split words, and the special tokens it adds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from companion.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

WORDS_PER_CALL = 20_000
"""Words handed to the tokenizer at once, which bounds its memory whatever the size of the corpus."""


class SpecialTokens(NamedTuple):
    """What the tokenizer puts around one sentence."""

    before: list[int]
    """Ids in front of the first piece, such as [CLS]."""
    after: list[int]
    """Ids behind the last piece, such as [SEP]."""


def reads_split_words(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether words that are handed over one by one become the same pieces as in running text.

    A byte-level tokenizer loaded without `add_prefix_space=True` glues split words together ("NewYork"), which the
    model never saw, and says nothing.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    running = tokenizer("a a", add_special_tokens=False, padding=False, truncation=False)["input_ids"]
    split = tokenizer(["a", "a"], is_split_into_words=True, add_special_tokens=False, padding=False, truncation=False)
    return running == split["input_ids"]


def put_space_before_words(tokenizer: PreTrainedTokenizerBase) -> None:
    """Let a byte-level tokenizer treat each split word, and a text's first word, as preceded by a space.

    Any other tokenizer stays as it is: behind a split of its own, each part of a word would get the space.
    """
    from tokenizers.pre_tokenizers import ByteLevel

    splitter = tokenizer.backend_tokenizer.pre_tokenizer
    if isinstance(splitter, ByteLevel):
        splitter.add_prefix_space = True
        tokenizer.backend_tokenizer.pre_tokenizer = splitter


def require_word_ids(tokenizer: PreTrainedTokenizerBase) -> None:
    """Accept a tokenizer only if it can say which word each piece belongs to.

    Raises:
        ModelError: it has no `word_ids`, or does not read split words as running text.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    name = type(tokenizer).__name__
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(
            f"The tokenizer {name} has no word_ids, so labels cannot be aligned",
            remedy="Load a fast tokenizer: a model folder with a tokenizer.json, opened with AutoTokenizer.",
        )
    if not reads_split_words(tokenizer):
        raise ModelError(
            f"The tokenizer {name} reads split words without the space between them, which its model never saw",
            remedy="Load it with AutoTokenizer.from_pretrained(name, add_prefix_space=True).",
        )


def special_tokens(tokenizer: PreTrainedTokenizerBase) -> SpecialTokens:
    """The ids that the tokenizer puts before and after one sentence, observed on a sentence of its own.

    Raises:
        ModelError: the tokenizer turns every word of that sentence into nothing.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    encoding = tokenizer(["a", "0", ".", "的"], is_split_into_words=True, padding=False, truncation=False)
    ids, words = encoding["input_ids"], encoding.word_ids()
    held = [position for position, word in enumerate(words) if word is not None]
    if not held:
        raise ModelError(
            f"The tokenizer {type(tokenizer).__name__} has no piece for 'a', '0', '.' or '的'",
            remedy="Its vocabulary is damaged or empty; take the model folder again from its source.",
        )
    return SpecialTokens(ids[: held[0]], ids[held[-1] + 1 :])


def whole_characters(word: str) -> str:
    """The word with every lone surrogate, which no UTF-8 text can hold, replaced by U+FFFD.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    return word.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def word_pieces(words: Iterable[str], tokenizer: PreTrainedTokenizerBase) -> dict[str, list[int]]:
    """The piece ids of each distinct word; an empty list for a word that yields none.

    A fast tokenizer reads every split word on its own, so a word has the same pieces wherever it stands.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    distinct = list(dict.fromkeys(words))
    pieces: dict[str, list[int]] = {word: [] for word in distinct}
    for start in range(0, len(distinct), WORDS_PER_CALL):
        chunk = distinct[start : start + WORDS_PER_CALL]
        encoding = tokenizer(
            [whole_characters(word) for word in chunk],
            is_split_into_words=True,
            add_special_tokens=False,
            padding=False,
            truncation=False,
            verbose=False,
        )
        for piece, position in zip(encoding["input_ids"], encoding.word_ids(), strict=True):
            if position is not None:
                pieces[chunk[position]].append(piece)
    return pieces
