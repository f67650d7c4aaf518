"""A prompt and its answer as one row of pieces, and which of them the model is to learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from companion.encoding.contract import IGNORE_INDEX
from companion.encoding.source import RowBatches, pad
from companion.errors import DataError, ModelError

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

TEXT = "text"
LEARN = ("answer", "everything")


class TurnRow(NamedTuple):
    """One row: what the model reads, and what it is to learn."""

    input_ids: list[int]
    """The pieces of the prompt, then those of the answer, control pieces included."""
    labels: list[int]
    """The same pieces where they are to be learned, the ignore index elsewhere."""
    prompt: int = 0
    """How many pieces the prompt has; the answer begins behind them."""


def answer_labels(prompt_pieces: int, input_ids: Sequence[int]) -> list[int]:
    """The pieces as labels, all of the prompt's ignored: positions decide, never which piece stands there.

    A rule that ignores every *padding piece* instead goes wrong where a tokenizer pads with its end-of-text piece: the
    end of the answer is then ignored too, and the model never learns to stop.

    Taught in: book/outlook/from-encoders-to-generation
    """
    return [IGNORE_INDEX] * prompt_pieces + list(input_ids[prompt_pieces:])


def render(
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    answers: Sequence[str] | None = None,
    *,
    system: str = "",
) -> list[str]:
    """The conversations as the tokenizer's own chat template writes them; without answers, up to where one begins.

    Raises:
        ModelError: the tokenizer has no chat template.

    Taught in: book/outlook/from-encoders-to-generation
    """
    if not getattr(tokenizer, "chat_template", None):
        raise ModelError(
            f"The tokenizer {type(tokenizer).__name__} has no chat template, so nothing says where an answer begins",
            remedy="CausalLMTask(decoder, template=companion.tasks.causal_lm.PLAIN_TEMPLATE) gives it a plain one",
        )
    before = [{"role": "system", "content": system}] if system else []
    turns = [[*before, {"role": "user", "content": prompt}] for prompt in prompts]
    for turn, answer in zip(turns, answers or (), strict=answers is not None):
        turn.append({"role": "assistant", "content": answer})
    return tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=answers is None) if turns else []


def turn_rows(
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    answers: Sequence[str],
    *,
    system: str = "",
    learn: str = "answer",
) -> list[TurnRow]:
    """The rows of pairs; with `learn="everything"` the prompt is learned too.

    Raises:
        ModelError: the tokenizer has no chat template; or the template writes the prompt of a finished conversation
            differently from that of an open one, so that the model would be asked in another form than it was trained
            in.

    Taught in: book/outlook/from-encoders-to-generation
    """
    rows = []
    asked = pieces_of(tokenizer, render(tokenizer, prompts, system=system))
    told = pieces_of(tokenizer, render(tokenizer, prompts, answers, system=system))
    for question, whole in zip(asked, told, strict=True):
        if whole[: len(question)] != question or len(whole) == len(question):
            raise ModelError(
                "the chat template does not write a finished conversation as the open one with the answer behind it",
                remedy="give a template of which add_generation_prompt is the beginning of the assistant's turn",
            )
        labels = whole if learn == "everything" else answer_labels(len(question), whole)
        rows.append(TurnRow(whole, labels, len(question)))
    return rows


def pieces_of(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """The pieces of rendered conversations; the template has already written every control piece there is."""
    if not texts:
        return []
    return tokenizer(texts, add_special_tokens=False, padding=False, truncation=False, verbose=False)["input_ids"]


class TurnBatches(RowBatches):
    """Rows of prompts with answers, in the order of `RowBatches`; a label per piece, padding never labelled.

    Raises:
        ConfigError: the batch size or the order is not one there is.
        DataError: there are no rows, or nothing in them is to be learned.

    Taught in: book/outlook/from-encoders-to-generation
    """

    def __init__(self, rows: Sequence[TurnRow], **options: Any) -> None:
        super().__init__([row.input_ids for row in rows], **options)
        if not any(label != IGNORE_INDEX for row in rows for label in row.labels[1:]):
            raise DataError("nothing in these rows is to be learned", remedy="give pairs whose answers are not empty")
        self.turns = rows

    def window(self, epoch: int, update: int) -> dict[str, list[int]]:
        """The rows of one update."""
        [rows] = super().window(epoch, update).values()
        return {TEXT: rows}

    def collate(self, part: str, ids: Sequence[int]) -> dict[str, Tensor]:
        """`input_ids`, `attention_mask` and `labels` of shape (rows, longest row), dtype long."""
        labels = pad([self.turns[row].labels for row in ids], IGNORE_INDEX)["input_ids"]
        return {**super().collate(part, ids), "labels": labels}

    def _identity(self, row: int) -> str:
        return f"{self.turns[row].input_ids}{self.turns[row].labels}"
