"""Writing an answer piece by piece: greedy, or drawn; each answer with how sure the model was of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from companion.adaptation.wrapping import is_wrapped
from companion.errors import ConfigError
from companion.models.sampling import check_sampling
from companion.randomness import torch_stream

if TYPE_CHECKING:
    from torch import Tensor, nn

    from companion.tasks.causal_lm import CausalLMTask, Prompt

MOST = 96
ROWS = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a model wrote."""

    text: str
    """The answer, without control pieces."""
    finished: bool
    """Whether the model ended it; otherwise the limit did."""
    pieces: int
    """How many pieces it wrote, the closing one included."""
    confidence: float
    """The geometric mean of the probabilities that the model gave its own pieces: between 0 and 1, sure of itself,
    which is not the same as right."""


def write_answers(
    task: CausalLMTask,
    model: nn.Module,
    prompts: Sequence[Prompt],
    *,
    most: int = MOST,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int = 0,
) -> list[Answer]:
    """An answer to each prompt of at most `most` pieces, through the `generate` of transformers.

    With temperature 0 the most probable piece is taken each time. Otherwise each answer is drawn from a stream of its
    own, keyed by (seed, its place), so that it does not depend on its neighbours, and the caller's random state is
    untouched. Settings that a model folder brings along (penalties, temperatures) are not used.

    Raises:
        DataError: as `CausalLMTask.prompt_row`.
        ConfigError: an option is outside its range.

    Taught in: book/outlook/from-encoders-to-generation
    """
    check_sampling(temperature, top_p)
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise ConfigError(f"most is {most!r}", remedy="give a whole number of pieces, 1 or more")
    rows = [task.prompt_row(prompt, f"prompt {number}") for number, prompt in enumerate(prompts, start=1)]
    found: list[Answer | None] = [None] * len(rows)
    device, was_training = next(model.parameters()).device, model.training
    model.eval()
    try:
        for places, limit in _groups(rows, task.settings.max_length, most, 1 if temperature else ROWS):
            inputs = {name: tensor.to(device) for name, tensor in _pad_left(rows, places, task.pad_token_id).items()}
            own = OwnChances()
            with torch.inference_mode(), torch_stream(device, seed, "sampling", places[0]), _without_settings(model):
                rows_BT = model.generate(
                    **inputs,
                    generation_config=_configured(task, limit, temperature, top_p),
                    logits_processor=LogitsProcessorList([own]),
                )
            written_BT = rows_BT[:, inputs["input_ids"].shape[1] :]
            for place, answer in zip(places, _read(task, written_BT, own.of(written_BT)), strict=True):
                found[place] = answer
    finally:
        model.train(was_training)
    return [answer for answer in found if answer is not None]


def _groups(rows: list[list[int]], longest: int, most: int, size: int) -> Iterator[tuple[list[int], int]]:
    """Places of rows that may be continued together, and by how many pieces: all of a group have the same limit."""
    by_limit: dict[int, list[int]] = defaultdict(list)
    for place in sorted(range(len(rows)), key=lambda place: len(rows[place])):
        by_limit[min(most, longest - len(rows[place]))].append(place)
    for limit, places in by_limit.items():
        for start in range(0, len(places), size):
            yield places[start : start + size], limit


def _pad_left(rows: list[list[int]], places: list[int], pad_id: int) -> dict[str, Tensor]:
    """The rows with padding in front, so that all of them end where the answer begins."""
    longest = max(len(rows[place]) for place in places)
    gaps = [longest - len(rows[place]) for place in places]
    return {
        "input_ids": torch.tensor([[pad_id] * gap + rows[place] for gap, place in zip(gaps, places, strict=True)]),
        "attention_mask": torch.tensor([[0] * gap + [1] * (longest - gap) for gap in gaps]),
    }


class OwnChances(LogitsProcessor):
    """Notes log p of each piece that was written, as the model gave it; the scores themselves are not kept.

    All scores of 96 pieces of 32 answers are 1.9 GB where the vocabulary has 150,000.
    """

    def __init__(self) -> None:
        self.noted: list[Tensor] = []
        self.latest_BV: Tensor | None = None

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Note the piece that was chosen last, and keep these scores until the next one is."""
        self._note(input_ids[:, -1:])
        self.latest_BV = scores.float().log_softmax(-1)
        return scores

    def of(self, written_BT: Tensor) -> Tensor:
        """log p of every piece, of the shape of what was written."""
        self._note(written_BT[:, -1:])
        return torch.cat(self.noted, dim=1)

    def _note(self, last_B1: Tensor) -> None:
        if self.latest_BV is not None:
            self.noted.append(self.latest_BV.gather(-1, last_B1))


def _configured(task: CausalLMTask, limit: int, temperature: float, top_p: float) -> GenerationConfig:
    drawn = {"do_sample": True, "temperature": temperature, "top_p": top_p, "top_k": 0} if temperature else {}
    return GenerationConfig(
        max_new_tokens=limit,
        eos_token_id=list(task.end_ids),
        pad_token_id=task.pad_token_id,
        **{"do_sample": False, **drawn},
    )


@contextmanager
def _without_settings(model: nn.Module) -> Iterator[None]:
    """For the time of a call: `generate` takes what its own settings leave open, penalties too, from the model's."""
    inner = model.get_base_model() if is_wrapped(model) else model
    before = inner.generation_config
    inner.generation_config = GenerationConfig()
    try:
        yield
    finally:
        inner.generation_config = before


def _read(task: CausalLMTask, written_BT: Tensor, own_BT: Tensor) -> Iterator[Answer]:
    """The answers of one call, each up to its first closing piece."""
    for pieces, chances in zip(written_BT.tolist(), own_BT.tolist(), strict=True):
        ends = [place for place, piece in enumerate(pieces) if piece in task.end_ids]
        size = ends[0] + 1 if ends else len(pieces)
        text = task.encoder.tokenizer.decode(pieces[: ends[0] if ends else size], skip_special_tokens=True)
        confidence = float(torch.tensor(chances[:size], dtype=torch.float64).mean().exp())
        yield Answer(text=text.strip(), finished=bool(ends), pieces=size, confidence=confidence)
