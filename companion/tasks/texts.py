"""Text classification: one label per text, on the mean of its word pieces or on [CLS]."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from companion.encoding.source import TextBatches, pad
from companion.errors import ConfigError, DataError, EvaluationError, ModelError
from companion.models.origin import remember_exporter
from companion.objectives.supervised import TokenCrossEntropy

if TYPE_CHECKING:
    from torch import Tensor, nn

    from companion.corpora.texts import Text
    from companion.evaluation.classification import ClassificationReport
    from companion.models.encoder import Encoder

LONGEST = 256
POOLINGS = ("mean", "cls")
PIECES_PER_PASS = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class TextSettings:
    """How texts become rows; stored with an exported model, because prediction must do the same."""

    pooling: str = "mean"
    """What the head reads: "mean" of the real pieces, or "cls", the first piece."""
    max_length: int = LONGEST
    """Word pieces of a text, special tokens included; longer texts are cut, counted and said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextPrediction:
    """What a classifier says about one text."""

    label: str
    """The most probable label."""
    score: float
    """Its probability."""
    probabilities: tuple[float, ...]
    """The probability of every label, in the order of the task's labels."""


class TextTask:
    """Give every text one of `labels`, on top of an encoder.

    `pooling="mean"` suits encoders trained on sentence similarity (the offline one: its [CLS] was never trained);
    `"cls"` is the usual `transformers` head.

    Raises:
        ConfigError: the labels are not a label set, or a setting is outside its range.

    Taught in: book/foundations/what-fine-tuning-is
    """

    name = "texts"

    def __init__(
        self,
        labels: Sequence[str],
        encoder: Encoder,
        *,
        pooling: str = "mean",
        max_length: int | None = None,
        class_weights: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        if len(labels) < 2 or len(set(labels)) != len(labels):
            raise ConfigError(
                f"the labels are {list(labels)[:6]}", remedy="give two or more different labels, such as corpus.labels"
            )
        if pooling not in POOLINGS:
            raise ConfigError(f"pooling is {pooling!r}", remedy='choose "mean" or "cls"')
        if class_weights is not None and len(class_weights) != len(labels):
            raise ConfigError(
                f"{len(class_weights)} class_weights for {len(labels)} labels", remedy="give one weight per label"
            )
        length = min(encoder.max_length, LONGEST) if max_length is None else max_length
        if isinstance(length, bool) or not isinstance(length, int) or not 3 <= length <= encoder.max_length:
            raise ConfigError(
                f"max_length is {max_length!r}",
                remedy=f"choose a whole number of word pieces from 3 to {encoder.max_length}",
            )
        self.labels, self.encoder = tuple(labels), encoder
        self.label_ids = {label: index for index, label in enumerate(self.labels)}
        self.settings = TextSettings(pooling=pooling, max_length=length)
        self.objective = TokenCrossEntropy(class_weights=class_weights, label_smoothing=label_smoothing)
        self.texts_cut = 0
        """How many texts were longer than `max_length`, in all calls so far."""

    def model(self, *, seed: int = 0, new_head: bool = True) -> nn.Module:
        """The pre-trained body with a new head; the head's first weights depend on `seed` alone."""
        if self.settings.pooling == "mean":
            from companion.models.pooling import mean_pooled

            model: nn.Module = mean_pooled(self.encoder, self.labels, seed=seed, new_head=new_head)
        else:
            model = self.encoder.model_with_head(
                "ForSequenceClassification",
                seed=seed,
                new_head=new_head,
                num_labels=len(self.labels),
                id2label=dict(enumerate(self.labels)),
                label2id=self.label_ids,
            )
        remember_exporter(model, self.export)
        return model

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The word pieces of each text, special tokens included, at most `max_length`.

        Raises:
            DataError: an item is not a string.
        """
        for number, text in enumerate(texts, start=1):
            if not isinstance(text, str):
                raise DataError(f"text {number} is a {type(text).__name__}", remedy="give strings")
        if not len(texts):
            return []
        tokenizer, longest = self.encoder.tokenizer, self.settings.max_length
        rows = tokenizer(list(texts), padding=False, truncation=True, max_length=longest + 1)["input_ids"]
        long = [place for place, row in enumerate(rows) if len(row) > longest]
        self.texts_cut += len(long)
        if long:
            # The tokenizer cuts in front of its closing special token, which a cut by hand would lose.
            again = tokenizer([texts[place] for place in long], padding=False, truncation=True, max_length=longest)
            for place, row in zip(long, again["input_ids"], strict=True):
                rows[place] = row
        return rows

    def batches(
        self, texts: Sequence[Text], *, batch_size: int = 32, order: str = "bucketed", seed: int | None = None
    ) -> TextBatches:
        """The batch source of labelled texts: `batch_size` rows per update, in length buckets or at random.

        Raises:
            DataError: a label is none of the task's, with its place.
        """
        for number, text in enumerate(texts, start=1):
            if text.label not in self.label_ids:
                raise DataError(
                    f"{text.source or f'text {number}'}: the label {text.label!r} is none of the task's",
                    remedy=f"The task knows {', '.join(self.labels[:8])}.",
                )
        return TextBatches(
            self.encode([text.text for text in texts]),
            [self.label_ids[text.label] for text in texts],
            pad_token_id=self.encoder.tokenizer.pad_token_id or 0,
            batch_size=batch_size,
            order=order,
            seed=seed,
        )

    def evaluator(self, texts: Sequence[Text]) -> TextEvaluator:
        """A function of the model that gives macro F1 and accuracy on these texts."""
        return TextEvaluator(self, texts)

    def predict(self, model: nn.Module, texts: Sequence[Text] | Sequence[str]) -> list[TextPrediction]:
        """The label and its probability for each text; its own label is not read."""
        rows = self.encode([text if isinstance(text, str) else text.text for text in texts])
        found: list[TextPrediction | None] = [None] * len(rows)
        for places, logits in _forward(model, rows, self.encoder.tokenizer.pad_token_id or 0):
            for place, probabilities in zip(places, logits.float().softmax(-1).tolist(), strict=True):
                best = max(range(len(self.labels)), key=probabilities.__getitem__)
                found[place] = TextPrediction(
                    label=self.labels[best], score=probabilities[best], probabilities=tuple(probabilities)
                )
        return found  # type: ignore[return-value]

    def export(self, model: nn.Module, folder: str | Path) -> Path:
        """Write model, tokenizer, labels, settings and card as a folder.

        `companion.load` opens it; with `pooling="cls"`, so does `transformers.pipeline("text-classification", …)`.

        Raises:
            ExportError: the folder cannot be written, or what was written does not read back the same.
        """
        from companion.tasks.folder import write_folder

        return write_folder(self, model, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> tuple[TextTask, nn.Module]:
        """The task and the model of an exported folder.

        Raises:
            ModelError: the folder is not one, or its settings and weights do not fit together.
        """
        from companion.models.encoder import load_encoder
        from companion.tasks.folder import SETTINGS_FILE

        folder = Path(folder)
        if not folder.is_dir():
            raise ModelError("there is no such folder", file=folder, remedy="check the path, or export the model first")
        try:
            settings = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
            kept = {name: settings[name] for name in ("labels", "pooling", "max_length")}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"is no text classifier of this package: {error!r}", file=folder, remedy="export the model again"
            ) from error
        encoder = load_encoder(str(folder.resolve()))
        try:
            task = cls(kept.pop("labels"), encoder, **kept)
        except (ConfigError, TypeError) as error:
            raise ModelError(f"is no text classifier: {error}", file=folder, remedy="export the model again") from error
        if [encoder.config.id2label[index] for index in sorted(encoder.config.id2label)] != list(task.labels):
            raise ModelError(
                "the labels here differ from those of config.json",
                file=folder / SETTINGS_FILE,
                remedy="export the model again",
            )
        return task, task.model(new_head=False).eval()


class TextEvaluator:
    """A function of the model: macro F1 and accuracy on fixed texts.

    Taught in: book/foundations/what-fine-tuning-is
    """

    metric = "macro_f1"
    greater_is_better = True

    def __init__(self, task: TextTask, texts: Sequence[Text]) -> None:
        if not len(texts):
            raise EvaluationError("there is no text to evaluate on", remedy="give a development or test split")
        self.task, self.texts = task, texts

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """The scores of the model as it is now."""
        report = self.report(model, bootstrap=0)
        return {"macro_f1": report.macro_f1.mean or 0.0, "accuracy": report.accuracy.mean or 0.0}

    def report(self, model: nn.Module, *, bootstrap: int = 1000, seed: int = 0) -> ClassificationReport:
        """The full report."""
        from companion.evaluation.classification import score_labels

        predicted = [answer.label for answer in self.task.predict(model, self.texts)]
        return score_labels([text.label for text in self.texts], predicted, bootstrap=bootstrap, seed=seed)


def _forward(model: nn.Module, rows: Sequence[list[int]], pad_token_id: int) -> Iterator[tuple[list[int], Tensor]]:
    """Logits of batches of rows of about equal length, in evaluation mode and without gradients."""
    import torch

    device = next(model.parameters()).device
    order = sorted(range(len(rows)), key=lambda place: -len(rows[place]))
    was_training = model.training
    model.eval()
    try:
        while order:
            size = max(1, PIECES_PER_PASS // len(rows[order[0]]))
            places, order = order[:size], order[size:]
            inputs = {name: tensor.to(device) for name, tensor in pad([rows[p] for p in places], pad_token_id).items()}
            with torch.inference_mode():
                yield places, model(**inputs).logits.cpu()
    finally:
        model.train(was_training)
