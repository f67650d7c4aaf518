"""Token classification: one label per word, learned on its first piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.encoding.alignment import Alignment, align, align_many
from companion.encoding.ledger import Ledger
from companion.encoding.source import TokenBatches
from companion.errors import ConfigError
from companion.models.origin import remember_exporter
from companion.objectives.supervised import TokenCrossEntropy
from companion.tasks.entries import check_encoder, check_rows
from companion.tasks.targets import check_class_weights

if TYPE_CHECKING:
    from torch import nn

    from companion.corpora.records import Sentence
    from companion.models.encoder import Encoder
    from companion.tasks.inference import TagPrediction
    from companion.tasks.scoring import TokenEvaluator

LONGEST = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenSettings:
    """How sentences become rows; stored with an exported model, because prediction must do the same."""

    policy: str = "first"
    """Which pieces of a word carry its label: "first" or "all"."""
    max_length: int = LONGEST
    """Word pieces per window, special tokens included."""
    overlap: int = LONGEST // 4
    """Word pieces that neighbouring windows of a long sentence share."""


class TokenTask:
    """Tag every word with one of `labels`, on top of an encoder.

    `labels` are IOB2 labels with "O" first, as `corpus.labels` gives them. A sentence longer than `max_length` word
    pieces becomes several overlapping windows, in training and in prediction; no label is lost.

    Raises:
        ConfigError: the labels are not a label set, or the window does not fit the encoder.

    Taught in: book/walkthroughs/train-a-tagger
    """

    name = "tokens"

    def __init__(
        self,
        labels: Sequence[str],
        encoder: Encoder,
        *,
        policy: str = "first",
        max_length: int | None = None,
        overlap: int | None = None,
        class_weights: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        if len(labels) < 2 or labels[0] != "O" or len(set(labels)) != len(labels):
            raise ConfigError(
                f"the labels are {list(labels)[:6]}",
                remedy='give different labels with "O" first, such as corpus.labels',
            )
        check_encoder(encoder)
        check_class_weights(class_weights, labels)
        for name, value in (("max_length", max_length), ("overlap", overlap)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
                raise ConfigError(f"{name} is {value!r}", remedy="give a whole number of word pieces")
        if max_length is not None and max_length > encoder.max_length:
            raise ConfigError(
                f"max_length is {max_length}, but {encoder.name} reads {encoder.max_length} word pieces at most",
                remedy=f"choose {encoder.max_length} or less; longer sentences are windowed",
            )
        length = min(encoder.max_length, LONGEST) if max_length is None else max_length
        self.labels, self.encoder = tuple(labels), encoder
        self.label_ids = {label: index for index, label in enumerate(self.labels)}
        self.settings = TokenSettings(
            policy=policy, max_length=length, overlap=length // 4 if overlap is None else overlap
        )
        self.objective = TokenCrossEntropy(class_weights=class_weights, label_smoothing=label_smoothing)
        # The settings are tried on one word now, rather than on a corpus later.
        align(("word",), None, encoder.tokenizer, **asdict(self.settings))

    def model(self, *, seed: int = 0, **config: Any) -> nn.Module:
        """The pre-trained body with a new head, its labels in the configuration; `config` sets further fields.

        The head's first weights depend on `seed` alone.
        """
        model = self.encoder.model_with_head(
            "ForTokenClassification",
            seed=seed,
            num_labels=len(self.labels),
            id2label=dict(enumerate(self.labels)),
            label2id=self.label_ids,
            **config,
        )
        remember_exporter(model, self.export)
        return model

    def align(self, sentences: Sequence[Sentence], *, labelled: bool = True) -> tuple[list[Alignment], Ledger]:
        """The rows of these sentences and the balanced ledger of what became of their words and entities.

        Raises:
            AlignmentError: a tag is unknown, or the ledger does not balance.
            DataError: a row is no sentence.
        """
        check_rows(sentences, ("words", "tags") if labelled else ("words",))
        alignments = align_many(
            sentences,
            self.encoder.tokenizer,
            label_ids=self.label_ids if labelled else None,
            **asdict(self.settings),
        )
        ledger = sum((alignment.ledger for alignment in alignments), Ledger())
        ledger.check()
        return alignments, ledger

    def batches(
        self,
        sentences: Sequence[Sentence],
        *,
        batch_size: int = 32,
        order: str = "bucketed",
        seed: int | None = None,
    ) -> TokenBatches:
        """The batch source of labelled sentences: `batch_size` rows per update, in length buckets or at random."""
        alignments, _ = self.align(sentences)
        return TokenBatches(
            [window for alignment in alignments for window in alignment.windows],
            pad_token_id=self.pad_token_id,
            batch_size=batch_size,
            order=order,
            seed=seed,
        )

    @property
    def pad_token_id(self) -> int:
        """The id that fills short rows; what it is does not matter, since it is masked."""
        return self.encoder.tokenizer.pad_token_id or 0

    def evaluator(self, sentences: Sequence[Sentence], *, strict: bool = True) -> TokenEvaluator:
        """A function of the model that gives entity F1, precision and recall on these sentences."""
        from companion.tasks.scoring import TokenEvaluator

        return TokenEvaluator(self, sentences, strict=strict)

    def predict(self, model: nn.Module, sentences: Sequence[Sentence]) -> list[TagPrediction]:
        """The tags and probabilities of these sentences; their own tags are not read."""
        from companion.tasks.inference import predict_tags

        alignments, _ = self.align(sentences, labelled=False)
        return predict_tags(model, alignments, self.labels, pad_token_id=self.pad_token_id)

    def export(self, model: nn.Module, folder: str | Path, *, adapter_only: bool = False) -> Path:
        """Write model, tokenizer, labels, settings and card as a plain transformers folder.

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
    def load(cls, folder: str | Path, *, base: str | None = None) -> tuple[TokenTask, nn.Module]:
        """The task and the model of an exported folder (or of any transformers token-classification folder).

        `base` names the body of an adapter, where it is a local folder.

        Raises:
            ModelError: the folder is not one, or its labels are not IOB2 labels.
        """
        from companion.tasks.folder import read_folder

        return read_folder(Path(folder), base)
