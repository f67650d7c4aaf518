"""One sentence or text as the row that its model reads, and which word each piece belongs to."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from companion.corpora.records import Sentence
from companion.corpora.words import split_words, word_spans
from companion.encoding.pieces import special_tokens
from companion.errors import EvaluationError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """A row of word pieces and its words.

    Taught in: book/engineering/explaining
    """

    words: tuple[str, ...]
    """The words."""
    input_ids: tuple[int, ...]
    """Word pieces, special tokens included."""
    word_of_piece: tuple[int | None, ...]
    """The word of each piece; None of special tokens."""

    def per_word(self, values_T: Tensor) -> tuple[float, ...]:
        """The sum of the pieces' values for each word; 0 for a word without a piece. Special tokens are left out."""
        sums = [0.0] * len(self.words)
        for word, value in zip(self.word_of_piece, values_T.tolist(), strict=True):
            if word is not None:
                sums[word] += value
        return tuple(sums)

    def first_piece(self, word: int) -> int:
        """Where the first piece of a word stands.

        Raises:
            EvaluationError: there is no such word, or the tokenizer has no piece for it.
        """
        if word not in self.word_of_piece:
            raise EvaluationError(
                f"word {word} of {len(self.words)} has no piece", remedy="count words from 0, and choose one with text"
            )
        return self.word_of_piece.index(word)


def passage_of(task: Any, row: Any) -> Passage:
    """The row of a sentence (for a `TokenTask`), or of a text, sentence or string (for a `TextTask`).

    Raises:
        EvaluationError: the model would read it in several windows, or not to its end; or it is a pair of texts.

    Taught in: book/engineering/explaining
    """
    return _sentence(task, row) if task.name == "tokens" else _text(task, row)


def _sentence(task: Any, row: Any) -> Passage:
    words = row.words if isinstance(row, Sentence) else tuple(split_words(row))
    blank = Sentence(words=words, tags=("O",) * len(words), source="the sentence")
    windows = task.align([blank], labelled=False)[0][0].windows
    if len(windows) != 1:
        raise EvaluationError(
            f"the sentence is read in {len(windows)} windows", remedy="explain one that is read at once"
        )
    return Passage(words=words, input_ids=tuple(windows[0].input_ids), word_of_piece=tuple(windows[0].word_of_piece))


def _text(task: Any, row: Any) -> Passage:
    if isinstance(row, tuple) or getattr(row, "text_pair", None) is not None or task.settings.pairs:
        raise EvaluationError("a pair of texts cannot be explained yet", remedy="explain a model that reads one text")
    text = row if isinstance(row, str) else getattr(row, "text", None)
    if isinstance(row, Sentence):
        text = row.meta.get("text") or " ".join(row.words)
    if not isinstance(text, str):
        raise EvaluationError(f"a {type(row).__name__} is no text", remedy="give a string, a text or a sentence")
    [ids], cut = task._encode([text])
    if cut:
        raise EvaluationError("the text is longer than the model reads", remedy="explain a shorter one")
    spans = word_spans(text)
    starts = [start for start, _ in spans]
    before, after = special_tokens(task.encoder.tokenizer)
    offsets = task.encoder.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    # A piece belongs to the last word that has begun where it begins; of some tokenizers the space before a word is
    # part of its first piece.
    begins = [end - len(text[beginning:end].lstrip()) for beginning, end in offsets]
    owners = [max(0, bisect_right(starts, place) - 1) for place in begins]
    return Passage(
        words=tuple(text[start:end] for start, end in spans),
        input_ids=tuple(ids),
        word_of_piece=(*[None] * len(before), *owners, *[None] * len(after)),
    )
