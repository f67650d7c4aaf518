"""The label audit: does every word's own label stand on its own first piece?

It works for any labelling function. Each word is given a tag that nobody else has, its number, and the audit looks
which number arrives on the word's first piece. A label that is right by luck (an `O` that slid onto another `O`) is
thereby told from one that is right.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

from companion.encoding.alignment import align
from companion.encoding.contract import IGNORE_INDEX
from companion.encoding.pieces import require_word_ids, whole_characters
from companion.errors import AlignmentError

if TYPE_CHECKING:
    from transformers import BatchEncoding, PreTrainedTokenizerBase

    from companion.corpora.records import Sentence


GROUPS = ("words", "entity_words")
COUNTED = ("sentences", *(group + suffix for group in GROUPS for suffix in ("", "_right", "_agreeing")))


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled:
    """What a labelling function makes of one sentence: pieces in a row, and a label on each.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """

    pieces: tuple[str, ...]
    """The word pieces as text, special tokens and padding included."""
    word_of_piece: tuple[int | None, ...]
    """The word that each piece is made of; None for special tokens and padding."""
    labels: tuple[str | None, ...]
    """The label that each piece is trained on; None where it is ignored."""


class Labeller(Protocol):
    """A labelling function: moves the tags of words to word pieces, rightly or wrongly."""

    def __call__(
        self, words: Sequence[str], tags: Sequence[str], tokenizer: PreTrainedTokenizerBase, max_length: int
    ) -> Labelled:
        """The labelled pieces of one sentence."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelStrip:
    """One audited sentence, ready to be drawn piece by piece.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """

    words: tuple[str, ...]
    """The words of the sentence."""
    tags: tuple[str, ...]
    """Their tags."""
    labelled: Labelled
    """The pieces and the labels they are trained on."""
    label_owner: tuple[int | None, ...]
    """For each piece, the word whose label stands on it; None for no label, or one that no word gave."""
    right: tuple[bool, ...]
    """For each word, whether its own label stands on its first piece."""
    agrees: tuple[bool, ...]
    """For each word, whether its first piece carries a label equal to its own, by luck or not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelAudit:
    """How many words keep their own label.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """

    sentences: int
    """Sentences audited."""
    words: int
    """Their words."""
    words_right: int
    """Words whose own label stands on their first piece."""
    words_agreeing: int
    """Words whose first piece carries a label that at least equals theirs."""
    entity_words: int
    """Words with a tag other than O."""
    entity_words_right: int
    """Those of them whose own label stands on their first piece."""
    entity_words_agreeing: int
    """Those of them whose first piece carries a label that at least equals theirs."""
    strips: tuple[LabelStrip, ...]
    """The first few sentences, to look at."""

    def __str__(self) -> str:
        return (
            f"own label on the first piece: {self.words_right:,} of {self.words:,} words, "
            f"{self.entity_words_right:,} of {self.entity_words:,} entity words"
        )


def audit_labels(
    sentences: Iterable[Sentence],
    labeller: Labeller,
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int = 128,
    strips: int = 10,
) -> LabelAudit:
    """Count the words of any file whose own label stands on their first piece under a labelling function.

    `labeller` is `positional_labels`, `shifted_labels`, `aligned_labels` or a function of yours; `strips` is how many
    sentences to keep for display.

    Raises:
        AlignmentError: the labeller returns rows of different lengths.
        ModelError: the tokenizer has no `word_ids`, or does not read split words as running text.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    require_word_ids(tokenizer)
    kept: list[LabelStrip] = []
    counts: Counter[str] = Counter()
    for sentence in sentences:
        strip = audit_sentence(sentence, labeller, tokenizer, max_length=max_length)
        if len(kept) < strips:
            kept.append(strip)
        counts["sentences"] += 1
        for tag, right, agrees in zip(strip.tags, strip.right, strip.agrees, strict=True):
            for group in GROUPS[: 1 if tag == "O" else 2]:
                counts[group] += 1
                counts[f"{group}_right"] += right
                counts[f"{group}_agreeing"] += agrees
    return LabelAudit(**{name: counts[name] for name in COUNTED}, strips=tuple(kept))


def audit_sentence(
    sentence: Sentence, labeller: Labeller, tokenizer: PreTrainedTokenizerBase, *, max_length: int = 128
) -> LabelStrip:
    """Audit one sentence: its pieces, their labels, and whose labels they are.

    Raises:
        AlignmentError: the labeller returns rows of different lengths.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    labelled = labeller(sentence.words, sentence.tags, tokenizer, max_length)
    numbers = [f"B-{position}" for position in range(len(sentence.words))]
    numbered = labeller(sentence.words, numbers, tokenizer, max_length)
    if not len(labelled.pieces) == len(labelled.word_of_piece) == len(labelled.labels) == len(numbered.labels):
        raise AlignmentError(
            f"{sentence.source or 'a sentence'}: the labelling function returned {len(labelled.pieces)} pieces, "
            f"{len(labelled.word_of_piece)} word numbers and {len(labelled.labels)} labels",
            remedy="Return one word number (or None) and one label (or None) for every piece.",
        )
    label_owner = tuple(None if label in (None, "O") else int(label[2:]) for label in numbered.labels)
    right, agrees = [False] * len(sentence.words), [False] * len(sentence.words)
    previous = None
    for word, owner, label in zip(labelled.word_of_piece, label_owner, labelled.labels, strict=True):
        # A word in two windows is labelled in one of them: one right first piece is enough.
        if word is not None and word != previous:
            right[word] |= owner == word
            agrees[word] |= label == sentence.tags[word]
        previous = word
    return LabelStrip(
        words=tuple(sentence.words),
        tags=tuple(sentence.tags),
        labelled=labelled,
        label_owner=label_owner,
        right=tuple(right),
        agrees=tuple(agrees),
    )


def positional_labels(
    words: Sequence[str], tags: Sequence[str], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> Labelled:
    """What many tutorials do: the text as one string, the tags padded with O, tag i on piece i.

    Piece 0 is [CLS], and a word may be several pieces, so almost no label meets its word.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    return _by_position(words, [*tags], tokenizer, max_length)


def shifted_labels(
    words: Sequence[str], tags: Sequence[str], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> Labelled:
    """The same with room for [CLS]: right until the first word that is not exactly one piece.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    return _by_position(words, ["O", *tags], tokenizer, max_length)


def aligned_labels(
    words: Sequence[str], tags: Sequence[str], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> Labelled:
    """The repair, as `align` does it: labels follow `word_ids`, long sentences become windows, one after the other.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    names = list(dict.fromkeys(tags))
    alignment = align(
        words,
        tags,
        tokenizer,
        max_length=max_length,
        overlap=max_length // 4,
        label_ids={name: number for number, name in enumerate(names)},
    )
    windows = alignment.windows
    return Labelled(
        pieces=tuple(tokenizer.convert_ids_to_tokens([piece for window in windows for piece in window.input_ids])),
        word_of_piece=tuple(word for window in windows for word in window.word_of_piece),
        labels=tuple(None if label == IGNORE_INDEX else names[label] for window in windows for label in window.labels),
    )


def _by_position(
    words: Sequence[str], labels: list[str], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> Labelled:
    words = [whole_characters(word) for word in words]
    encoding = tokenizer(
        " ".join(words),
        padding="max_length" if tokenizer.pad_token else False,
        truncation=True,
        max_length=max_length,
        return_offsets_mapping=True,
    )
    pieces = tokenizer.convert_ids_to_tokens(encoding["input_ids"])
    return Labelled(
        pieces=tuple(pieces),
        word_of_piece=_words_by_offset(words, encoding),
        labels=tuple((labels + ["O"] * len(pieces))[: len(pieces)]),
    )


def _words_by_offset(words: Sequence[str], encoding: BatchEncoding) -> tuple[int | None, ...]:
    """The word of each piece of the joined words; a piece that begins with the space before a word belongs to it."""
    starts = [0, *accumulate(len(word) + 1 for word in words)][: len(words)]
    text = " ".join(words)
    found: list[int | None] = []
    for (start, end), sequence in zip(encoding["offset_mapping"], encoding.sequence_ids(), strict=True):
        spaces = len(text[start:end]) - len(text[start:end].lstrip(" "))
        found.append(None if sequence is None else bisect_right(starts, start + spaces) - 1)
    return tuple(found)
