"""The models that a service answers with: each by its name, replaced while others are being asked."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.corpora.records import Sentence
from companion.corpora.words import word_spans
from companion.deployment.onnx_folder import OnnxModel
from companion.deployment.predictor import found_in, load
from companion.deployment.service.invariance import SameBits
from companion.errors import ConfigError, DataError, ModelError

if TYPE_CHECKING:
    from companion.deployment.predictor import Predictor, TextPredictor
    from companion.encoding.alignment import Alignment

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class TextTooLong(DataError):
    """A text that a classifier would have to cut."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A text whose word pieces are known: what is left is the model."""

    pieces: int
    """Word pieces, special tokens included; of several windows together."""
    key: Any
    """What texts share that may be computed together; None where this one is computed alone."""
    text: str = ""
    """A tagger's text."""
    spans: tuple[tuple[int, int], ...] = ()
    """Where its words stand."""
    alignment: Alignment | None = None
    """A tagger's windows; None where there is no word."""
    row: Sequence[int] = ()
    """A classifier's word pieces."""
    cut: bool = False
    """Whether a classifier does not see the text's end."""


def _served(predictor: Any, folder: str | Path) -> Any:
    """The predictor, if the service can keep its promises for it."""
    if predictor.task.name not in {"tokens", "texts"}:
        raise ModelError(
            "is a model that writes answers, of which the service can bound neither length nor time",
            file=folder,
            remedy="serve a tagger or a classifier; companion predict asks this one",
        )
    return predictor


class ServedModel:
    """A predictor that answers in two steps: `prepare` counts a text's word pieces, `answer` runs the model.

    The answers are those of `companion.load(folder).predict(text)`, bit for bit, whatever texts are answered together:
    only rows of one length share a batch, and only in shapes that keep their bits (`SameBits`).

    Raises:
        ModelError: the folder holds no model that `companion.load` opens.

    Taught in: book/engineering/serving
    """

    def __init__(self, name: str, folder: str | Path, *, base: str | None = None) -> None:
        self.name, self.folder, self.base = name, Path(folder), base
        self.predictor: Predictor | TextPredictor = _served(load(folder, base=base), folder)
        self.task, model = self.predictor.task, self.predictor.model
        self.format = "onnx" if isinstance(model, OnnxModel) else "torch"
        self.version = self.task.encoder.digest[:16]
        if isinstance(model, OnnxModel):
            self._model: Any = model
        else:
            _own_weights(model)
            self._model = SameBits(model)

    @property
    def gains_from_company(self) -> bool:
        """Whether a batch that is not full should wait for more texts."""
        return self.format == "torch"

    @property
    def kind(self) -> str:
        """ "tokens" or "texts"."""
        return self.task.name

    @property
    def pairs(self) -> bool | None:
        """Whether it is asked about pairs of texts; None where its folder does not say."""
        return self.task.settings.pairs if self.kind == "texts" else False

    def prepare(self, text: str | tuple[str, str], *, cut_allowed: bool = False) -> Prepared:
        """Find the word pieces of one text, or of one pair.

        Raises:
            TextTooLong: it is longer than a classifier reads, and it is not to be cut.
            DataError: a classifier's tokenizer finds nothing in it.
        """
        if self.kind == "texts":
            rows, cut = self.task._encode([text])
            if cut and not cut_allowed:
                raise TextTooLong(
                    f"the text is longer than the {self.task.settings.max_length} word pieces that the model reads",
                    remedy="send a shorter text, or allow the cut: cut_allowed",
                )
            row = rows[0]
            return Prepared(pieces=len(row), key=len(row), row=row, cut=bool(cut))
        spans = tuple(word_spans(text))
        if not spans:
            return Prepared(text=text, pieces=0, key=0)
        words = tuple(text[start:end] for start, end in spans)
        sentence = Sentence(words=words, tags=("O",) * len(words), source="text")
        alignment = self.task.align([sentence], labelled=False)[0][0]
        sizes = [len(window.input_ids) for window in alignment.windows]
        # Several windows are padded to one length, so their text is computed alone, as the predictor does it.
        key = sizes[0] if len(sizes) == 1 else object()
        return Prepared(text=text, pieces=sum(sizes), key=key, spans=spans, alignment=alignment)

    def answer(self, prepared: Sequence[Prepared]) -> list[dict[str, Any]]:
        """For each text its entities with offsets and scores, or its label; the keys are those of the HTTP answer."""
        if self.kind == "texts":
            cut = [place for place, text in enumerate(prepared) if text.cut]
            return [
                {
                    "label": found.label,
                    "score": found.score,
                    "probabilities": dict(zip(self.task.labels, found.probabilities, strict=False)),
                    "cut": found.cut,
                }
                for found in self.task.predict_rows(self._model, [text.row for text in prepared], cut)
            ]
        from companion.tasks.inference import predict_tags

        filled = [text for text in prepared if text.alignment is not None]
        alignments = [text.alignment for text in filled if text.alignment is not None]
        tagged = iter(
            predict_tags(self._model, alignments, self.task.labels, pad_token_id=self.task.pad_token_id)
            if alignments
            else ()
        )
        return [
            {
                "entities": []
                if text.alignment is None
                else [asdict(entity) for entity in found_in(text.text, text.spans, next(tagged))]
            }
            for text in prepared
        ]

    def describe(self) -> dict[str, Any]:
        """What a client may know of it; never where it lies."""
        return {
            "name": self.name,
            "task": self.kind,
            "labels": list(self.task.labels),
            "format": self.format,
            "version": self.version,
            "pairs": self.pairs,
        }


class ModelRegistry:
    """Models by name. Who has got one keeps it, also while another takes its place.

    Raises:
        ConfigError: a name is not one that fits a path of the service, or there is no model.
        ModelError: a folder cannot be opened.

    Taught in: book/engineering/serving
    """

    def __init__(self, folders: Mapping[str, str | Path], *, bases: Mapping[str, str] | None = None) -> None:
        if not folders:
            raise ConfigError("there is no model to serve", remedy="name a folder")
        for name in folders:
            if not NAME.fullmatch(name):
                raise ConfigError(
                    f"the model name {name!r} does not fit into a path",
                    remedy="use letters, digits, full stops, hyphens and underscores, 64 at most",
                )
        self._swapping = threading.Lock()
        self._models = {
            name: ServedModel(name, folder, base=(bases or {}).get(name)) for name, folder in folders.items()
        }
        share_weights(self._models.values())

    @property
    def names(self) -> tuple[str, ...]:
        """The names, the default model's first."""
        return tuple(self._models)

    def get(self, name: str | None = None) -> ServedModel | None:
        """The model of this name, the first one without a name, None where there is none."""
        return self._models.get(self.names[0] if name is None else name)

    def swap(self, name: str, folder: str | Path | None = None) -> ServedModel:
        """Open a folder (the same one again where none is named) and put it in the place of a model.

        The former model finishes what it was given. If the new one cannot be opened, or is another kind of task, the
        former one stays.

        Raises:
            ConfigError: there is no model of this name.
            ModelError: the folder cannot be opened, or its model is for another task.
        """
        with self._swapping:
            former = self._models.get(name)
            if former is None:
                raise ConfigError("there is no model of this name", remedy=f"choose one of {', '.join(self.names)}")
            model = ServedModel(name, former.folder if folder is None else folder, base=former.base)
            if model.kind != former.kind:
                raise ModelError("the new model is for another task", file=model.folder, remedy="give it another name")
            self._models = {**self._models, name: model}
            share_weights(self._models.values())
            return model


def share_weights(models: Iterable[ServedModel]) -> int:
    """Let models use one copy of the tensors that they have in common, and return how many bytes that saves.

    Adapters of one body differ in little; so do two heads that were trained on a frozen encoder.
    """
    kept: dict[tuple[Any, ...], list[Any]] = {}
    saved = 0
    for model in models:
        for parameter in model.predictor.model.parameters():
            tensor = parameter.data
            if tensor.numel() < 1024:
                continue
            place = (tensor.shape, tensor.dtype, tensor.stride(), *tensor.flatten()[:8].tolist())
            same = next((other for other in kept.setdefault(place, []) if other.equal(tensor)), None)
            if same is None:
                kept[place].append(tensor)
            elif same.data_ptr() != tensor.data_ptr():
                parameter.data, saved = same, saved + tensor.numel() * tensor.element_size()
    return saved


def _own_weights(model: Any) -> None:
    """Copy every tensor out of the mapped file: whoever writes over the file would otherwise change, or end, us."""
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data = tensor.data.clone()
