"""A prompt and its answer, or a whole conversation, as one row of pieces, and which of them the model is to learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from companion.corpora.conversations import ASSISTANT, SYSTEM, Pair, Turn
from companion.encoding.contract import IGNORE_INDEX
from companion.encoding.source import RowBatches, pad
from companion.errors import DataError, ModelError

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

TEXT = "text"
LEARN = ("answer", "everything")
OPEN = "a finished conversation as the open one with the answer behind it"
CLOSED = (
    "earlier turns alike once the conversation goes on: it may drop reasoning, close the last answer alone, or put "
    "text behind the piece that closes one"
)
CHUNK = 256
"""How many conversations are written out at once: each as often as it has answers, and all of that is held."""


class TurnRow(NamedTuple):
    """One row: what the model reads, and what it is to learn."""

    input_ids: list[int]
    """The pieces of all turns in order, the answer last, control pieces included."""
    labels: list[int]
    """The same pieces where they are to be learned, the ignore index elsewhere."""
    prompt: int = 0
    """How many pieces stand before the answer, the last one of a conversation."""


def answer_labels(prompt_pieces: int, input_ids: Sequence[int]) -> list[int]:
    """The pieces as labels, all of the prompt's ignored: positions decide, never which piece stands there.

    A rule that ignores every *padding piece* instead goes wrong where a tokenizer pads with its end-of-text piece: the
    end of the answer is then ignored too, and the model never learns to stop.

    Taught in: book/outlook/from-encoders-to-generation
    """
    return [IGNORE_INDEX] * prompt_pieces + list(input_ids[prompt_pieces:])


def render(
    tokenizer: PreTrainedTokenizerBase, talks: Sequence[Sequence[Turn]], *, system: str = "", answered: bool = False
) -> list[str]:
    """The conversations as the tokenizer's own chat template writes them, up to where an answer begins, or `answered`.

    `system` stands in front of those that have no system message of their own.

    Raises:
        ModelError: the tokenizer has no chat template, or it refuses a conversation, or leaves its system message out.

    Taught in: book/outlook/from-encoders-to-generation
    """
    from jinja2 import TemplateError

    if not getattr(tokenizer, "chat_template", None):
        raise ModelError(
            f"The tokenizer {type(tokenizer).__name__} has no chat template, so nothing says where an answer begins",
            remedy="CausalLMTask(decoder, template=companion.tasks.causal_lm.PLAIN_TEMPLATE) gives it a plain one",
        )
    chats = [[{"role": turn.role, "content": turn.text} for turn in talk] for talk in talks]
    if system:
        usual = {"role": SYSTEM, "content": system}
        chats = [chat if chat[0]["role"] == SYSTEM else [usual, *chat] for chat in chats]
    options = {"tokenize": False, "add_generation_prompt": not answered}
    try:
        texts = tokenizer.apply_chat_template(chats, **options) if chats else []
    except TemplateError as error:
        raise ModelError(
            f"the chat template cannot be filled in: {error}",
            remedy="name the piece it asks for on the tokenizer (such as tokenizer.eos_token), leave out what it "
            "refuses (such as a system message), or give another template=…",
        ) from error
    for (first, *_), text in zip(chats, texts, strict=True):
        if first["role"] == SYSTEM and first["content"].strip() not in text:
            raise ModelError(
                "the chat template leaves the system message out", remedy="give none, or another template=…"
            )
    return texts


def turn_rows(
    tokenizer: PreTrainedTokenizerBase, pairs: Sequence[Pair], *, system: str = "", learn: str = "answer"
) -> list[TurnRow]:
    """The rows of pairs: every answer of a conversation is learned, but those of `learn=False`, and nothing else.

    With `learn="everything"` what stands before an answer is learned with it.

    Raises:
        ModelError: the tokenizer has no chat template; or it refuses a conversation; or it writes what was said before
            an answer differently when the answer is there or the conversation has gone on, so that the model would be
            asked in another form than it was trained in. The pair is named.

    Taught in: book/outlook/from-encoders-to-generation
    """
    rows: list[TurnRow] = []
    for start in range(0, len(pairs), CHUNK):
        chunk = pairs[start : start + CHUNK]
        try:
            rows += _rows(tokenizer, chunk, system, learn)
        except ModelError:
            # A batch does not say which of its conversations was refused; each alone does.
            for number, pair in enumerate(chunk, start=start + 1):
                try:
                    _rows(tokenizer, [pair], system, learn)
                except ModelError as error:
                    raise ModelError(
                        f"{pair.source or f'pair {number}'}: {error.problem}", remedy=error.remedy
                    ) from error
            raise
    return rows


def _rows(tokenizer: PreTrainedTokenizerBase, pairs: Sequence[Pair], system: str, learn: str) -> list[TurnRow]:
    talks = [pair.turns for pair in pairs]
    answers = [(talk, place) for talk in talks for place, turn in enumerate(talk) if turn.role == ASSISTANT]
    asked = render(tokenizer, [talk[:place] for talk, place in answers], system=system)
    told = render(tokenizer, [talk[: place + 1] for talk, place in answers], system=system, answered=True)
    written = zip(asked, told, strict=True)
    own = [[next(written) for turn in talk if turn.role == ASSISTANT] for talk in talks]
    texts = [_exchanges(texts, str(next(iter(tokenizer.all_special_tokens), ""))) for texts in own]
    pieces = iter(pieces_of(tokenizer, [text for part in texts for text in part]))
    return [_row(talk, [next(pieces) for _ in part], learn) for talk, part in zip(talks, texts, strict=True)]


def _exchanges(written: Sequence[tuple[str, str]], control: str) -> list[str]:
    """Of a conversation, each exchange up to its answer and with it; of several exchanges, also the whole.

    The pieces are taken of one exchange after the other: those of every beginning of the conversation would be n² work.
    A control piece in front keeps a tokenizer from reading a later exchange as the beginning of a text.
    """
    whole, done, texts = written[-1][1], "", []
    for number, (question, answered) in enumerate(written, start=1):
        _check(question.startswith(done) and answered.startswith(question), OPEN, number)
        _check(whole.startswith(answered), CLOSED, number)
        texts += [(control if done else "") + text[len(done) :] for text in (question, answered)]
        done = answered
    return texts if len(written) == 1 else [*texts, whole]


def _row(talk: Sequence[Turn], pieces: Sequence[list[int]], learn: str) -> TurnRow:
    answers, row, labels, start = [turn for turn in talk if turn.role == ASSISTANT], [], [], 0
    for number, turn in enumerate(answers, start=1):
        question, exchange = (part[number > 1 :] for part in pieces[2 * number - 2 : 2 * number])
        _check(exchange[: len(question)] == question and len(exchange) > len(question), OPEN, number)
        before = 0 if learn == "everything" else len(question)
        labels += answer_labels(before if turn.learn else len(exchange), exchange)
        start = len(row) + len(question)
        row += exchange
    _check(len(answers) == 1 or row == pieces[-1], CLOSED, len(answers))
    return TurnRow(row, labels, start)


def _check(holds: bool, problem: str, number: int) -> None:
    if not holds:
        raise ModelError(
            f"the chat template does not write {problem} (answer {number})",
            remedy="give a template=… of which add_generation_prompt is the beginning of the assistant's turn, and "
            "that leaves earlier turns as they were, closed by a control piece; or give one pair for each answer",
        )


def pieces_of(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """The pieces of rendered conversations; the template has already written every control piece there is."""
    if not texts:
        return []
    found = tokenizer(
        texts, add_special_tokens=False, padding=False, truncation=False, return_attention_mask=False, verbose=False
    )
    return found["input_ids"]


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
