"""Answering: a decoder-only model learns to write the answers of a conversation, one piece at a time."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.corpora.conversations import USER, Pair, Turn, check_order
from companion.corpora.pair_rows import read_turns
from companion.encoding.turns import LEARN, TurnBatches, TurnRow, pieces_of, render, turn_rows
from companion.errors import ConfigError, DataError, ModelError
from companion.models.decoder import HEAD, refuse_control
from companion.models.origin import remember_exporter
from companion.models.text_head import padding_piece
from companion.objectives.masked_lm import CausalLMCrossEntropy
from companion.tasks.entries import check_encoder

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedTokenizerBase

    from companion.models.decoder import Decoder, MiniDecoder
    from companion.tasks.answering import AnswerEvaluator
    from companion.tasks.writing import Answer

    Prompt = str | Pair | Sequence[Turn | Mapping[str, Any]]

LONGEST = 1024
SHORTEST = 8
TOO_LONG = ("error", "skip")
PLAIN_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}{{ 'Answer: ' + message['content'] + eos_token }}"
    "{% elif message['role'] == 'system' %}{{ message['content'] + '\n' }}"
    "{% else %}{{ 'Question: ' + message['content'] + '\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Answer:' }}{% endif %}"
)
"""A template for a base model that has none, such as GPT-2: it needs no piece that the model does not know."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CausalLMSettings:
    """How pairs become rows; stored with an exported model, because it must be asked as it was trained."""

    learn: str = "answer"
    """"answer": the answers are learned, and the turns of others read; "everything": those are learned too."""
    system: str = ""
    """A system message in front of every conversation that has none of its own; empty for none."""
    max_length: int = LONGEST
    """Pieces of a row: prompt, answer and control pieces together."""
    too_long: str = "error"
    """What becomes of a pair that is longer: "error", or "skip", which leaves it out and counts it."""


class CausalLMTask:
    """Write the answer to a prompt, or to a conversation, on top of a decoder-only model.

    Every answer of a conversation is learned, but those that say `learn=False`, and nothing else is. Rows are written
    by the tokenizer's own chat template, or by `template`. A pair that does not fit is never cut: half an answer
    teaches the model to stop anywhere, so it is an error, or with `too_long="skip"` left out and counted.

    Raises:
        ConfigError: a setting is outside its range.
        ModelError: there is no chat template, or it does not close an answer with a control piece.

    Taught in: book/outlook/from-encoders-to-generation
    """

    name = "causal_lm"
    labels = ()
    """A generator has none."""

    def __init__(
        self,
        decoder: Decoder | MiniDecoder,
        *,
        learn: str = "answer",
        system: str = "",
        template: str | None = None,
        max_length: int | None = None,
        too_long: str = "error",
    ) -> None:
        for name, value, known in (("learn", learn, LEARN), ("too_long", too_long, TOO_LONG)):
            if value not in known:
                raise ConfigError(f"{name} is {value!r}", remedy=f"choose {' or '.join(map(repr, known))}")
        check_encoder(decoder, "load_decoder")
        length = min(decoder.max_length, LONGEST) if max_length is None else max_length
        if isinstance(length, bool) or not isinstance(length, int) or not SHORTEST <= length <= decoder.max_length:
            raise ConfigError(
                f"max_length is {max_length!r}",
                remedy=f"choose a whole number of pieces from {SHORTEST} to {decoder.max_length}",
            )
        if template is not None:
            tokenizer = copy.deepcopy(decoder.tokenizer)
            tokenizer.chat_template = template
            decoder = dataclasses.replace(decoder, tokenizer=tokenizer)
        self.encoder = decoder
        self.settings = CausalLMSettings(learn=learn, system=system, max_length=length, too_long=too_long)
        self.objective = CausalLMCrossEntropy()
        self.control = _control_pieces(decoder.tokenizer)
        self.end_ids = self._end_ids()
        self.skipped = 0
        """How many pairs were too long and left out, in all calls so far."""

    def _end_ids(self) -> tuple[int, ...]:
        """The pieces that end an answer: the one the template closes it with, and the tokenizer's end of text."""
        tokenizer = self.encoder.tokenizer
        first = Pair(prompt="a", answer="b", source="tried on a first pair")
        [row] = turn_rows(tokenizer, [first], system=self.settings.system)
        closing = [label for label in row.labels if label in self.control][:1]
        if not closing:
            raise ModelError(
                "the chat template closes an answer with no control piece, so the model could never learn to stop",
                remedy="end the assistant's turn with eos_token in the template",
            )
        return tuple(dict.fromkeys([*closing, *[tokenizer.eos_token_id] * (tokenizer.eos_token_id is not None)]))

    @property
    def pad_token_id(self) -> int:
        """The id that fills short rows: masked, never labelled, and so allowed to be the end-of-text piece."""
        return padding_piece(self.encoder.tokenizer)

    def model(self, *, seed: int = 0, new_head: bool = True, **config: Any) -> nn.Module:
        """The decoder with its own scores of the next piece; a small one starts from weights that `seed` decides.

        What a folder brings along for writing (other ends, penalties, drawing) is replaced: exported, the model stops
        in `generate` where it stops here, and takes the best piece each time.
        """
        from transformers import GenerationConfig

        model = self.encoder.model_with_head(HEAD, seed=seed, new_head=new_head, **config)
        # Said outright that nothing is drawn: where nothing is said, `pipeline` draws.
        model.generation_config = GenerationConfig(
            do_sample=False, eos_token_id=list(self.end_ids), pad_token_id=self.pad_token_id
        )
        remember_exporter(model, self.export)
        return model

    def encode(self, pairs: Sequence[Pair]) -> list[TurnRow]:
        """The row of each pair that fits, in order; pairs that do not are an error, or counted in `skipped`.

        Raises:
            DataError: a pair is too long, spells a control piece, or is none; with its place.
            ModelError: the template does not write what stands before an answer as it does when the answer is there.
        """
        return [row for _, row in self.fitting(pairs, self.settings.learn)]

    def fitting(self, pairs: Sequence[Pair], learn: str) -> list[tuple[Pair, TurnRow]]:
        """The pairs that fit, each with its row; otherwise as `encode`, whatever the task itself learns."""
        for number, pair in enumerate(pairs):
            if not isinstance(pair, Pair):
                raise DataError(f"pair {number + 1} is a {type(pair).__name__}", remedy="give companion.Pair objects")
            self._check_turns(pair.turns, _place(pair, number))
        rows = turn_rows(self.encoder.tokenizer, pairs, system=self.settings.system, learn=learn)
        limit = self.settings.max_length
        found = [(pair, row) for pair, row in zip(pairs, rows, strict=True) if len(row.input_ids) <= limit]
        if len(found) < len(rows) and self.settings.too_long == "error":
            number, size = next((place, size) for place, row in enumerate(rows) if (size := len(row.input_ids)) > limit)
            what = f"{len(pairs[number].turns)} turns" if pairs[number].before else "prompt and answer"
            raise DataError(
                f"{_place(pairs[number], number)}: {what} are {size} pieces, the limit is {limit}",
                remedy='shorten it, raise max_length, or leave such pairs out with too_long="skip"',
            )
        self.skipped += len(rows) - len(found)
        return found

    def batches(self, pairs: Sequence[Pair], *, batch_size: int = 32, **options: Any) -> TurnBatches:
        """The batch source of these pairs; options are those of `RowBatches`.

        Raises:
            DataError: as `encode`; or no pair fits.
        """
        return TurnBatches(self.encode(pairs), pad_token_id=self.pad_token_id, batch_size=batch_size, **options)

    def text_batches(self, texts: Sequence[str], *, batch_size: int = 32, **options: Any) -> TurnBatches:
        """Plain texts as rows of which every piece is learned: what a decoder reads before it is taught to answer.

        Each text ends with the end piece; a text that is too long goes on in the next row, and no piece is lost.
        """
        rows, size = [], self.settings.max_length
        for number, text in enumerate(texts, start=1):
            self._check(text, f"text {number}")
        for pieces in pieces_of(self.encoder.tokenizer, list(texts)):
            whole = [*pieces, self.end_ids[0]]
            cut = [whole[start : start + size] for start in range(0, len(whole), size)]
            rows += [TurnRow(part, part) for part in cut]
        return TurnBatches(rows, pad_token_id=self.pad_token_id, batch_size=batch_size, **options)

    def prompt_row(self, prompt: Prompt, place: str = "the prompt") -> list[int]:
        """The pieces of a prompt, or of a conversation that ends with the user's turn, up to where the answer begins.

        As in training, a system message of its own stands in place of the task's.

        Raises:
            DataError: it is empty, spells a control piece, ends with another turn, or leaves no room for an answer.
            ModelError: the template refuses the conversation.
        """
        if isinstance(prompt, str) and prompt.strip():
            turns: Sequence[Turn] = [Turn(role=USER, text=prompt)]
        elif isinstance(prompt, Pair):
            turns = prompt.turns[:-1]
        elif isinstance(prompt, Sequence) and not isinstance(prompt, str):
            turns = read_turns(prompt, what=place)
        else:
            raise DataError(
                f"{place} is {prompt!r}",
                remedy='ask something: a text, or a conversation, [{"role": "user", "content": "…"}]',
            )
        check_order(turns, last=USER, place=place)
        self._check_turns(turns, place)
        tokenizer = self.encoder.tokenizer
        [row] = pieces_of(tokenizer, render(tokenizer, [turns], system=self.settings.system))
        if len(row) >= self.settings.max_length:
            raise DataError(
                f"{place} is {len(row)} pieces; of {self.settings.max_length} none is left for an answer",
                remedy="shorten the prompt, or take a model with a longer context",
            )
        return row

    def evaluator(self, pairs: Sequence[Pair]) -> AnswerEvaluator:
        """A function of the model: loss on the answers of these pairs, whatever the model was trained on.

        Raises:
            EvaluationError: there are no pairs that fit.
        """
        from companion.tasks.answering import AnswerEvaluator

        return AnswerEvaluator(self, pairs)

    def answer(self, model: nn.Module, prompts: Sequence[Prompt], **options: Any) -> list[Answer]:
        """What the model writes: greedy, or drawn with `temperature` and `top_p` from `seed`; see `write_answers`.

        A prompt is a text, or a conversation that ends with the user's turn: a list of `{"role": …, "content": …}`.

        Raises:
            DataError: as `prompt_row`.
            ConfigError: an option is outside its range.
        """
        from companion.tasks.writing import write_answers

        return write_answers(self, model, prompts, **options)

    def export(self, model: nn.Module, folder: str | Path, *, adapter_only: bool = False) -> Path:
        """Write model, tokenizer, chat template, settings and card as a folder of transformers.

        `companion.load` and `transformers.pipeline("text-generation", …)` open it. An adapted model is merged first;
        with `adapter_only`, what was trained is written alone, in the format of `peft`.

        Raises:
            ExportError: the folder cannot be written, or what was written does not read back the same; or there is no
                adapter, or none that can be merged.
        """
        from companion.tasks.folder import write_folder

        return write_folder(self, model, Path(folder), adapter_only=adapter_only)

    @classmethod
    def load(cls, folder: str | Path, *, base: str | None = None) -> tuple[CausalLMTask, nn.Module]:
        """The task and the model of an exported folder; `base` names the decoder of an adapter.

        Raises:
            ModelError: the folder is not one, or its settings and weights do not fit together.
        """
        from companion.tasks.causal_folder import read_causal_folder

        return read_causal_folder(Path(folder), base)

    def _check_turns(self, turns: Sequence[Turn], place: str) -> None:
        for turn in turns:
            self._check(turn.text, place)

    def _check(self, text: str, place: str) -> None:
        refuse_control(text, self.control.values(), place)


def _control_pieces(tokenizer: PreTrainedTokenizerBase) -> dict[int, str]:
    """The pieces that a text must not spell, by id: the special ones, and roles that a chat adds to the vocabulary."""
    found = dict(zip(tokenizer.all_special_ids, map(str, tokenizer.all_special_tokens), strict=True))
    return found | {number: str(token) for number, token in tokenizer.added_tokens_decoder.items() if token.special}


def _place(pair: Pair, number: int) -> str:
    return pair.source or f"pair {number + 1}"
