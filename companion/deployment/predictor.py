"""From an exported folder: text in, entities with character offsets and scores out, or one label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from companion.corpora.records import Sentence
from companion.corpora.schemes import entities
from companion.corpora.words import word_spans
from companion.errors import DataError
from companion.tasks.causal_lm import CausalLMTask
from companion.tasks.folder import kind_of
from companion.tasks.texts import TextTask
from companion.tasks.tokens import TokenTask
from companion.training.resolve import autocast_for

if TYPE_CHECKING:
    from torch import nn

    from companion.tasks.causal_lm import Prompt
    from companion.tasks.entries import Given
    from companion.tasks.inference import TagPrediction
    from companion.tasks.texts import TextPrediction
    from companion.tasks.writing import Answer


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundEntity:
    """One entity in a text."""

    text: str
    """The characters of the entity, as they stand in the text."""
    type: str
    """Its type."""
    start: int
    """Offset of its first character."""
    end: int
    """Offset after its last character."""
    score: float
    """The mean probability of its words' labels, between 0 and 1."""


class Predictor:
    """A tagger that is ready to use; texts of any length are windowed, never cut.

    Raises:
        ConfigError: the model's device does not compute in this precision.

    Taught in: book/walkthroughs/train-a-tagger
    """

    def __init__(self, task: TokenTask, model: nn.Module, *, precision: str = "fp32") -> None:
        self.task, self.model, self._autocast = task, model, _autocast(model, precision)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels the tagger knows."""
        return self.task.labels

    def predict(self, text: str) -> list[FoundEntity]:
        """The entities of one text, in order; `text[entity.start:entity.end]` is the entity."""
        return self.predict_many([text])[0]

    def predict_many(self, texts: Sequence[str]) -> list[list[FoundEntity]]:
        """The entities of each text.

        Raises:
            DataError: an item is not a string.
        """
        _check_list(texts)
        for number, text in enumerate(texts, start=1):
            if not isinstance(text, str):
                raise DataError(f"text {number} is a {type(text).__name__}", remedy="give strings")
        spans = [word_spans(text) for text in texts]
        filled = [index for index, words in enumerate(spans) if words]
        words = [[texts[index][start:end] for start, end in spans[index]] for index in filled]
        found: list[list[FoundEntity]] = [[] for _ in texts]
        for index, prediction in zip(filled, self.tag(words), strict=True):
            found[index] = found_in(texts[index], spans[index], prediction)
        return found

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[TagPrediction]:
        """Tags and probabilities of sentences that are already split into words."""
        unlabelled = [
            Sentence(words=tuple(words), tags=("O",) * len(words), source=f"sentence {number}")
            for number, words in enumerate(sentences, start=1)
        ]
        with self._autocast():
            return self.task.predict(self.model, unlabelled)


class TextPredictor:
    """A text classifier that is ready to use; one of pairs is asked about tuples of two strings.

    Raises:
        ConfigError: the model's device does not compute in this precision.

    Taught in: book/reference/helpdesk
    """

    def __init__(self, task: TextTask, model: nn.Module, *, precision: str = "fp32") -> None:
        self.task, self.model, self._autocast = task, model, _autocast(model, precision)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels the classifier knows."""
        return self.task.labels

    def predict(self, text: Given) -> TextPrediction:
        """The label of one text (or tuple of two) and its probability."""
        return self.predict_many([text])[0]

    def predict_many(self, texts: Sequence[Given]) -> list[TextPrediction]:
        """The label of each text, or of each tuple of two.

        Raises:
            DataError: an item is not a string; or it is one text, and the model reads pairs, or the other way round.
        """
        _check_list(texts)
        with self._autocast():
            return self.task.predict(self.model, texts)


def _check_list(texts: Sequence[Any]) -> None:
    # A text is a sequence of texts too: each of its letters would get an answer.
    if isinstance(texts, str):
        raise DataError("the texts are one string", remedy="give a list of strings, or ask predict(text)")


class Answerer:
    """A model that answers, ready to use.

    Raises:
        ConfigError: the model's device does not compute in this precision.

    Taught in: book/outlook/from-encoders-to-generation
    """

    def __init__(self, task: CausalLMTask, model: nn.Module, *, precision: str = "fp32") -> None:
        self.task, self.model, self._autocast = task, model, _autocast(model, precision)

    @property
    def labels(self) -> tuple[str, ...]:
        """It has none."""
        return self.task.labels

    def predict(self, text: Prompt, **options: Any) -> Answer:
        """The answer to one prompt, or to a conversation that ends with the user's turn, a list of role and content.

        `options` are those of `CausalLMTask.answer`.
        """
        return self.predict_many([text], **options)[0]

    def predict_many(self, texts: Sequence[Prompt], **options: Any) -> list[Answer]:
        """The answer to each prompt or conversation.

        Raises:
            DataError: a prompt is empty, spells a control piece, ends with a turn that is not the user's, or leaves no
                room for an answer.
        """
        _check_list(texts)
        with self._autocast():
            return self.task.answer(self.model, texts, **options)


def load(
    folder: str | Path, *, base: str | None = None, precision: str = "fp32"
) -> Predictor | TextPredictor | Answerer:
    """Open an exported tagger, text classifier or answerer: this package's folder, ONNX too, or any of transformers.

    A folder that holds an adapter alone says which body it belongs to; `base` names it where it is a local folder.
    `precision` is "fp32", or "bf16" for matrix products with 8 bits of precision: quicker where the device computes
    in it, scores differ in the third digit, and a tag that was nearly undecided may fall the other way; or "auto".

    Raises:
        ModelError: the folder is missing, damaged, or holds neither; or the body is not the one of the adapter.
        ConfigError: there is no such precision, or the device does not compute in it.
        MissingDependencyError: the model is an ONNX graph, and onnxruntime is not installed.

    Taught in: book/walkthroughs/train-a-tagger
    """
    from companion.deployment.onnx_folder import is_onnx_folder, open_onnx

    ways: dict[str, Any] = {"texts": (TextTask, TextPredictor), "causal_lm": (CausalLMTask, Answerer)}
    task, predictor = ways.get(kind_of(Path(folder)), (TokenTask, Predictor))
    opened: Any = open_onnx(folder) if is_onnx_folder(folder) else task.load(folder, base=base)
    return predictor(*opened, precision=precision)


def found_in(text: str, spans: Sequence[tuple[int, int]], prediction: TagPrediction) -> list[FoundEntity]:
    """The entities of a text whose words stand at these offsets and have these tags."""
    return [
        FoundEntity(
            text=text[spans[entity.start][0] : spans[entity.end - 1][1]],
            type=entity.type,
            start=spans[entity.start][0],
            end=spans[entity.end - 1][1],
            score=fmean(prediction.scores[entity.start : entity.end]),
        )
        for entity in entities(prediction.tags)
    ]


def _autocast(model: nn.Module, precision: str) -> Callable[[], AbstractContextManager[None]]:
    """What to predict in: one context for many batches, so that weights are cast once and not for each of them."""
    import torch

    device = next(model.parameters()).device
    kind = autocast_for(precision, device)
    if kind is None:
        return nullcontext
    return partial(torch.autocast, device.type, kind)
