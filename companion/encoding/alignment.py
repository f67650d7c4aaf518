"""Alignment: labels are given to words, an encoder reads word pieces; here they meet, and nothing is lost unseen.

The labels follow `word_ids`, as in the token classification guide of the transformers documentation: the first piece
of a word carries its label, other pieces are ignored or continue it. Beyond that guide, a word without any piece keeps
its label through the unknown token, a long sentence becomes several windows, and a ledger accounts for every word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from companion.corpora.schemes import entities, validate
from companion.encoding.contract import IGNORE_INDEX
from companion.encoding.ledger import NAMES_KEPT, Ledger, count_labelled, count_scored
from companion.encoding.pieces import SpecialTokens, require_word_ids, special_tokens, whole_characters, word_pieces
from companion.encoding.windows import Span, Value, Window, cut, reassemble
from companion.errors import AlignmentError, ConfigError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from companion.corpora.records import Sentence

Policy = Literal["first", "all"]
NO_PIECE = "no piece, and the tokenizer has no unknown token"


@dataclass(frozen=True, kw_only=True, slots=True)
class Alignment:
    """One sentence, aligned: its windows and its part of the ledger.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """

    windows: tuple[Window, ...]
    """The rows for the encoder; more than one when the sentence is longer than it can read."""
    word_count: int
    """Words of the sentence, rejected ones included."""
    ledger: Ledger
    """What became of its words and entities."""

    def per_word(self, values: Sequence[Sequence[Value]]) -> list[Value | None]:
        """One value per word from one value per piece of each window; None for a word without any piece.

        Raises:
            AlignmentError: the values do not fit the windows.

        Taught in: book/walkthroughs/labels-meet-word-pieces
        """
        return reassemble(self.windows, values, self.word_count)


def align(
    words: Sequence[str],
    tags: Sequence[str] | None,
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int,
    overlap: int,
    policy: Policy = "first",
    ignore_index: int = IGNORE_INDEX,
    label_ids: Mapping[str, int] | None = None,
    source: str = "",
) -> Alignment:
    """Align the words and IOB2 tags of one sentence with word pieces; `tags=None` prepares it for prediction.

    `max_length` and `overlap` are in word pieces, `max_length` with the special tokens. Each word is scored in exactly
    one window, the one where it sees most context. Its first piece carries its label; with `policy="all"` its other
    pieces carry the label that continues it (`B-X` becomes `I-X`). Everything else carries `ignore_index`.

    A word that the tokenizer turns into nothing keeps its label on the unknown token; without such a token it is
    rejected by name, and its entity still begins with `B-`. A word longer than a window keeps its first pieces.

    Raises:
        AlignmentError: words and tags do not match, a tag has no id, or the tags are not well-formed IOB2.
        ConfigError: a setting is out of its range, or tags came without `label_ids`.
        ModelError: the tokenizer has no `word_ids`, or does not read split words as running text.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    rules = _rules(tokenizer, max_length, overlap, policy, ignore_index, None if tags is None else label_ids)
    if tags is not None and label_ids is None:
        raise ConfigError("There are tags but no label_ids", remedy="Pass label_ids={label: id}, or tags=None.")
    return _align(words, tags, source or "the sentence", word_pieces(words, tokenizer), rules)


def align_many(
    sentences: Sequence[Sentence],
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int,
    overlap: int,
    policy: Policy = "first",
    ignore_index: int = IGNORE_INDEX,
    label_ids: Mapping[str, int] | None = None,
) -> list[Alignment]:
    """Align many sentences at once, as `align` does one; without `label_ids` their tags are not read.

    Raises:
        AlignmentError, ConfigError, ModelError: as `align`; the message names the sentence.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    rules = _rules(tokenizer, max_length, overlap, policy, ignore_index, label_ids)
    pieces = word_pieces((word for sentence in sentences for word in sentence.words), tokenizer)
    return [
        _align(
            sentence.words,
            None if label_ids is None else sentence.tags,
            sentence.source or f"sentence {number}",
            pieces,
            rules,
        )
        for number, sentence in enumerate(sentences, start=1)
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rules:
    """What is the same for all sentences of one call."""

    special: SpecialTokens
    unknown_id: int | None
    capacity: int
    overlap: int
    policy: Policy
    ignore_index: int
    label_ids: Mapping[str, int] | None
    label_names: Mapping[int, str]


def _rules(
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    overlap: int,
    policy: Policy,
    ignore_index: int,
    label_ids: Mapping[str, int] | None,
) -> _Rules:
    require_word_ids(tokenizer)
    special = special_tokens(tokenizer)
    capacity = max_length - len(special.before) - len(special.after)
    cut([], capacity=capacity, overlap=overlap)
    if policy not in ("first", "all"):
        raise ConfigError(f"policy={policy!r}", remedy='Choose "first" or "all".')
    label_names = {label_id: label for label, label_id in (label_ids or {}).items()}
    if len(label_names) < len(label_ids or {}) or ignore_index in label_names:
        raise ConfigError(
            f"label_ids gives one id to two labels, or uses the ignore index {ignore_index}",
            remedy="Number the labels 0, 1, 2, … in the order of corpus.labels.",
        )
    return _Rules(
        special=special,
        unknown_id=tokenizer.unk_token_id,
        capacity=capacity,
        overlap=overlap,
        policy=policy,
        ignore_index=ignore_index,
        label_ids=label_ids,
        label_names=label_names,
    )


def _align(
    words: Sequence[str], tags: Sequence[str] | None, source: str, pieces: Mapping[str, list[int]], rules: _Rules
) -> Alignment:
    rows, treated = _treat(words, source, pieces, rules)
    kept = [position for position, row in enumerate(rows) if row]
    kept_tags = None if tags is None else _kept_tags(words, tags, kept, source)
    spans = cut([len(row) for row in rows], capacity=rules.capacity, overlap=rules.overlap)
    labels = None
    if kept_tags is not None:
        labels = [_labels_of(tag, len(row), source, rules) for tag, row in zip(kept_tags, rows, strict=True)]
    windows = tuple(_window(span, rows, labels, rules) for span in spans)
    counted = treated + Ledger(
        sentences=1,
        windows=len(windows),
        pieces=sum(word is not None for window in windows for word in window.word_of_piece),
        words_in=len(words),
    )
    if tags is None or kept_tags is None:
        counted += count_scored(windows)
    else:
        counted += count_labelled(windows, tags, kept_tags, kept, rules.label_names)
    return Alignment(windows=windows, word_count=len(words), ledger=counted.named(source))


def _treat(
    words: Sequence[str], source: str, pieces: Mapping[str, list[int]], rules: _Rules
) -> tuple[list[list[int]], Ledger]:
    """The pieces of each word after the exceptional cases, and the ledger of those cases."""
    rows: list[list[int]] = []
    counts: Counter[str] = Counter()
    names: list[str] = []

    def note(kind: str, number: int, word: str, what: str) -> None:
        counts[kind] += 1
        if len(names) < NAMES_KEPT:
            names.append(f"{source}, word {number}: {_spell_out(word)} {what}")

    for number, word in enumerate(words, start=1):
        row = pieces[word]
        if not word.isascii() and whole_characters(word) != word:
            note("repaired", number, word, "is read with U+FFFD for half a character")
        if not row and rules.unknown_id is not None:
            note("unknown", number, word, "has no piece and becomes the unknown token")
            row = [rules.unknown_id]
        elif not row:
            note("rejected", number, word, f"is rejected: {NO_PIECE}")
        elif len(row) > rules.capacity:
            note("shortened", number, word, f"is shortened from {len(row)} to {rules.capacity} pieces")
            row = row[: rules.capacity]
        rows.append(row)
    return rows, Ledger(
        words_repaired=counts["repaired"],
        words_unknown=counts["unknown"],
        words_rejected={NO_PIECE: counts["rejected"]} if counts["rejected"] else {},
        words_shortened=counts["shortened"],
        names=tuple(names),
    )


def _spell_out(word: str) -> str:
    # Most words without a piece cannot be seen either; their code points can.
    return f"{word[:20]!r} ({' '.join(f'U+{ord(character):04X}' for character in word[:5])})"


def _kept_tags(words: Sequence[str], tags: Sequence[str], kept: Sequence[int], source: str) -> list[str]:
    """The tags after rejection: an entity that lost its first word begins at the next one that is left."""
    if len(words) != len(tags):
        raise AlignmentError(
            f"{source}: {len(words)} words but {len(tags)} tags", remedy="Give every word exactly one tag."
        )
    if broken := validate(tags):
        raise AlignmentError(
            f"{source}, word {broken[0] + 1}: {tags[broken[0]]} continues no entity",
            remedy="Repair the tags first: companion.corpora.schemes.repair(tags) also counts what it changes.",
        )
    if len(kept) == len(words):
        return list(tags)
    result = ["O"] * len(tags)
    for entity in entities(tags):
        for order, position in enumerate(position for position in kept if entity.start <= position < entity.end):
            result[position] = f"{'I' if order else 'B'}-{entity.type}"
    return result


def _labels_of(tag: str, length: int, source: str, rules: _Rules) -> list[int]:
    """The label ids of one word's pieces."""
    label_ids = rules.label_ids or {}
    continued = tag if tag == "O" else f"I-{tag[2:]}"
    needed = (tag, continued) if rules.policy == "all" else (tag,)
    for label in needed:
        if label not in label_ids:
            raise AlignmentError(
                f"{source}: {label} is not one of the labels {', '.join(label_ids)}",
                remedy="Take the labels from all splits (corpus.labels), or correct the tag in the file.",
            )
    rest = label_ids[continued] if rules.policy == "all" else rules.ignore_index
    return [label_ids[tag], *[rest] * (length - 1)][:length]


def _window(span: Span, rows: list[list[int]], labels: list[list[int]] | None, rules: _Rules) -> Window:
    before, after, ignore = rules.special.before, rules.special.after, rules.ignore_index
    input_ids, window_labels = [*before], [ignore] * len(before)
    word_of_piece: list[int | None] = [None] * len(before)
    for word in span.words:
        input_ids += rows[word]
        word_of_piece += [word] * len(rows[word])
        window_labels += labels[word] if labels and word in span.owned else [ignore] * len(rows[word])
    return Window(
        input_ids=input_ids + after,
        labels=window_labels + [ignore] * len(after),
        word_of_piece=word_of_piece + [None] * len(after),
        owned=span.owned,
    )
