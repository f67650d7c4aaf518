"""Text classification: one label, several or a number per text or pair, on the mean of its word pieces or on [CLS]."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.corpora.texts import JOINT
from companion.encoding.pairs import longest_first, pair_frame
from companion.encoding.pieces import special_tokens, whole_characters
from companion.encoding.source import TextBatches
from companion.errors import ConfigError, DataError
from companion.models.origin import remember_exporter
from companion.models.text_head import padding_piece
from companion.tasks.entries import Given, check_encoder, check_rows, place_of, text_parts
from companion.tasks.targets import PROBLEMS, check_class_weights, label_set, objective_of, target_of

if TYPE_CHECKING:
    from torch import nn

    from companion.corpora.texts import Text
    from companion.models.encoder import Encoder
    from companion.tasks.scoring import TextEvaluator

LONGEST = 256
POOLINGS = ("mean", "cls")


@dataclass(frozen=True, kw_only=True, slots=True)
class TextSettings:
    """How texts become rows; stored with an exported model, because prediction must do the same."""

    kind: str = "single"
    """"single" label, "multi" (any number of labels), or "regression" (a number)."""
    pooling: str = "mean"
    """What the head reads: "mean" of the real pieces, or "cls", the first piece (of a decoder, the last)."""
    max_length: int = LONGEST
    """Word pieces of a row, special tokens included; longer texts are cut, counted and said."""
    pairs: bool | None = False
    """Whether a row is a pair of texts; None of a folder that others wrote: as the texts come."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextPrediction:
    """What a classifier says about one text."""

    label: str
    """The most probable label; several labels of a multi-label task joined by `|`, "" for none; a number as text."""
    score: float
    """The label's probability; of several yes/no answers that of the least certain; of a regression the number."""
    probabilities: tuple[float, ...] = ()
    """The probability of every label, in the order of the task's labels; empty for a regression."""
    cut: bool = False
    """Whether the text was longer than the task reads, so that its end was not seen."""


class TextTask:
    """Give every text one of `labels`, on top of an encoder.

    `kind="multi"` gives any number of them instead (a text's labels are joined by `|`), `kind="regression"` a number
    (`labels` then holds its name alone, and a text's label is the number as text). `pooling="mean"` suits encoders
    trained on sentence similarity (the offline one: its [CLS] was never trained); `"cls"` is the usual `transformers`
    head. With `pairs=True` a row is two texts, put together as the tokenizer does it; where they are too long, the
    longer one is cut first.

    Raises:
        ConfigError: the labels are not a label set, or a setting is outside its range.

    Taught in: book/reference/helpdesk
    """

    name = "texts"

    def __init__(
        self,
        labels: Sequence[str],
        encoder: Encoder,
        *,
        kind: str = "single",
        pooling: str = "mean",
        max_length: int | None = None,
        pairs: bool | None = False,
        class_weights: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        if pooling not in POOLINGS:
            raise ConfigError(f"pooling is {pooling!r}", remedy='choose "mean" or "cls"')
        check_encoder(encoder)
        if pairs is not None and not isinstance(pairs, bool):
            raise ConfigError(f"pairs is {pairs!r}", remedy="choose True, False, or None: as the texts come")
        labels = label_set(labels, kind)
        check_class_weights(class_weights, labels)
        length = min(encoder.max_length, LONGEST) if max_length is None else max_length
        least = pair_frame(encoder).size + 2 if pairs else 3
        if isinstance(length, bool) or not isinstance(length, int) or not least <= length <= encoder.max_length:
            raise ConfigError(
                f"max_length is {max_length!r}",
                remedy=f"choose a whole number of word pieces from {least} to {encoder.max_length}",
            )
        self.labels, self.encoder = labels, encoder
        self.label_ids = {label: index for index, label in enumerate(self.labels)}
        self.settings = TextSettings(kind=kind, pooling=pooling, max_length=length, pairs=pairs)
        self.objective = objective_of(kind, class_weights, label_smoothing)
        self.texts_cut = 0
        """How many texts were longer than `max_length`, in all calls so far."""

    def model(self, *, seed: int = 0, new_head: bool = True, **config: Any) -> nn.Module:
        """The pre-trained body with a new head; the head's first weights depend on `seed` alone.

        `config` sets further fields of the configuration, such as the dropout.
        """
        config = {"problem_type": PROBLEMS[self.settings.kind], **config}
        if self.settings.pooling == "mean":
            from companion.models.pooling import mean_pooled

            model: nn.Module = mean_pooled(self.encoder, self.labels, seed=seed, new_head=new_head, **config)
        else:
            model = self.encoder.model_with_head(
                "ForSequenceClassification",
                seed=seed,
                new_head=new_head,
                num_labels=len(self.labels),
                id2label=dict(enumerate(self.labels)),
                label2id=self.label_ids,
                **config,
            )
        remember_exporter(model, self.export)
        return model

    def encode(self, texts: Sequence[Given]) -> list[list[int]]:
        """The word pieces of each text, special tokens included, at most `max_length`; a cut is counted and warned of.

        Raises:
            DataError: an item is not a text (or pair), or the tokenizer has no piece for anything in it.
        """
        rows, cut = self._encode(texts)
        if cut:
            warnings.warn(
                f"{len(cut)} of {len(rows)} texts are longer than {self.settings.max_length} word pieces and were cut "
                f"(first: {place_of(texts[cut[0]], cut[0])}); TextTask(max_length=...) reads up to "
                f"{self.encoder.max_length}",
                stacklevel=3,
            )
        return rows

    def _encode(self, texts: Sequence[Given]) -> tuple[list[list[int]], list[int]]:
        """The rows, and which of them were cut."""
        parts = text_parts(texts, self.settings.pairs)
        if not parts:
            return [], []
        plain = [part for own in parts for part in own]
        # Cut here rather than by the tokenizer, which would keep the limit among its own settings and export it.
        found = self.encoder.tokenizer(
            [whole_characters(text) for text in plain],
            add_special_tokens=False,
            padding=False,
            truncation=False,
            verbose=False,
        )["input_ids"]
        for number, pieces in enumerate(found):
            if not pieces:
                place = number // len(parts[0])
                raise DataError(
                    f"{place_of(texts[place], place)}: the tokenizer finds no piece in {plain[number][:40]!r}",
                    remedy="leave out texts without words",
                )
        rows, cut = self._rows(found) if len(parts[0]) == 1 else self._pair_rows(found[::2], found[1::2])
        self.texts_cut += len(cut)
        return rows, cut

    def _rows(self, found: Sequence[list[int]]) -> tuple[list[list[int]], list[int]]:
        before, after = special_tokens(self.encoder.tokenizer)
        room = self.settings.max_length - len(before) - len(after)
        cut = [number for number, pieces in enumerate(found) if len(pieces) > room]
        return [[*before, *pieces[:room], *after] for pieces in found], cut

    def _pair_rows(
        self, firsts: Sequence[list[int]], seconds: Sequence[list[int]]
    ) -> tuple[list[list[int]], list[int]]:
        frame, rows, cut = pair_frame(self.encoder), [], []
        room = self.settings.max_length - frame.size
        for number, (first, second) in enumerate(zip(firsts, seconds, strict=True)):
            kept = longest_first(len(first), len(second), room)
            cut += [number] * (kept != (len(first), len(second)))
            rows.append(frame.row(first[: kept[0]], second[: kept[1]]))
        return rows, cut

    def batches(
        self, texts: Sequence[Text], *, batch_size: int = 32, order: str = "bucketed", seed: int | None = None
    ) -> TextBatches:
        """The batch source of labelled texts: `batch_size` rows per update, in length buckets or at random.

        Raises:
            DataError: a label is none of the task's, or no number for a regression, with its place; a row is no text.
        """
        check_rows(texts, ("text", "label"))
        targets = [
            target_of(text, place_of(text, number), self.label_ids, self.settings.kind)
            for number, text in enumerate(texts)
        ]
        return TextBatches(
            self.encode(texts),
            targets,
            pad_token_id=self.pad_token_id,
            batch_size=batch_size,
            order=order,
            seed=seed,
        )

    @property
    def pad_token_id(self) -> int:
        """The id that fills short rows, which are masked; the head of a decoder knows them by it."""
        return padding_piece(self.encoder.tokenizer)

    def evaluator(self, texts: Sequence[Text]) -> TextEvaluator:
        """A function of the model that gives macro F1 and accuracy (or a regression's errors) on these texts."""
        from companion.tasks.scoring import TextEvaluator

        return TextEvaluator(self, texts)

    def predict(self, model: nn.Module, texts: Sequence[Given]) -> list[TextPrediction]:
        """The label and its probability for each text, or tuple of two; its own label is not read.

        Raises:
            DataError: an item is not a text (or pair), or the tokenizer has no piece for anything in it.
        """
        rows, cut = self._encode(texts)
        return self.predict_rows(model, rows, cut)

    def predict_rows(
        self, model: nn.Module, rows: Sequence[Sequence[int]], cut: Sequence[int] = ()
    ) -> list[TextPrediction]:
        """The predictions for rows of word pieces; `cut` are the places of those whose text was longer."""
        from companion.tasks.inference import forward_by_length

        outputs: list[list[float]] = [[] for _ in rows]
        for places, logits in forward_by_length(model, rows, self.pad_token_id):
            if self.settings.kind != "regression":
                logits = logits.float().softmax(-1) if self.settings.kind == "single" else logits.float().sigmoid()
            for place, values in zip(places, logits.tolist(), strict=True):
                outputs[place] = values
        shortened = set(cut)
        return [self._answer(values, place in shortened) for place, values in enumerate(outputs)]

    def _answer(self, values: list[float], cut: bool) -> TextPrediction:
        if self.settings.kind == "regression":
            return TextPrediction(label=f"{values[0]:.6g}", score=values[0], cut=cut)
        if self.settings.kind == "multi":
            label = JOINT.join(label for label, value in zip(self.labels, values, strict=True) if value > 0.5)
            score = min(max(value, 1 - value) for value in values)
        else:
            best = max(range(len(self.labels)), key=values.__getitem__)
            label, score = self.labels[best], values[best]
        return TextPrediction(label=label, score=score, probabilities=tuple(values), cut=cut)

    def export(self, model: nn.Module, folder: str | Path, *, adapter_only: bool = False) -> Path:
        """Write model, tokenizer, labels, settings and card as a folder.

        `companion.load` opens it; with `pooling="cls"`, so does `transformers.pipeline("text-classification", …)`.
        An adapted model is merged first. With `adapter_only`, what was trained is written alone, in the format of
        `peft`, with the name and digest of the body that it belongs to.

        Raises:
            ExportError: the folder cannot be written, or what was written does not read back the same; or there is no
                adapter, or none that can be merged.
        """
        from companion.tasks.folder import write_folder

        return write_folder(self, model, Path(folder), adapter_only=adapter_only)

    def open_adapter(self, folder: str | Path) -> nn.Module:
        """A fresh model of this task with the adapter that `export(folder, adapter_only=True)` wrote.

        Raises:
            ModelError: there is none, or it belongs to another body, another label set or another kind of task.
        """
        from companion.tasks.folder import open_adapter

        return open_adapter(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path, *, base: str | None = None) -> tuple[TextTask, nn.Module]:
        """The task and the model of an exported folder (or of any transformers text-classification folder).

        `base` names the body of an adapter, where it is a local folder.

        Raises:
            ModelError: the folder is not one, or its settings and weights do not fit together.
        """
        from companion.tasks.folder import read_text_folder

        return read_text_folder(Path(folder), base)
