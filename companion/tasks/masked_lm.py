"""Masked-language training: guess hidden pieces of unlabelled text, and so learn the language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from companion.encoding.contract import IGNORE_INDEX
from companion.encoding.masking import MaskedBatches, Masking
from companion.encoding.pieces import special_tokens
from companion.errors import ConfigError, EvaluationError
from companion.models.language_head import has_language_head, put_language_head
from companion.objectives.masked_lm import MaskedLMCrossEntropy
from companion.tasks.entries import check_encoder

if TYPE_CHECKING:
    from torch import nn

    from companion.corpora.records import Sentence
    from companion.models.encoder import Encoder
    from companion.models.miniature import MiniEncoder

LONGEST = 128
EVALUATION_SEED = 0


class MaskedLMTask:
    """Predict masked pieces on top of an encoder with a masked-language head.

    Raises:
        ConfigError: `max_length` does not fit the encoder, or a share is outside its range.

    Taught in: book/foundations/a-bert-from-scratch
    """

    name = "masked_lm"

    def __init__(self, encoder: Encoder | MiniEncoder, *, share: float = 0.15, max_length: int | None = None) -> None:
        check_encoder(encoder)
        length = min(encoder.max_length, LONGEST) if max_length is None else max_length
        if isinstance(length, bool) or not isinstance(length, int) or not 3 <= length <= encoder.max_length:
            raise ConfigError(
                f"max_length is {max_length!r}", remedy=f"choose a whole number from 3 to {encoder.max_length}"
            )
        self.encoder, self.max_length, self.masking = encoder, length, Masking(share=share)
        self.objective = MaskedLMCrossEntropy()

    def model(self, *, seed: int = 0, fresh_head: bool = False) -> nn.Module:
        """The body with its masked-language head; a head the encoder was not stored with depends on `seed` alone.

        The offline encoder gets the trained head that comes with the book, unless a fresh one is asked for.

        Raises:
            ModelError: the file of the trained head is missing or altered.
        """
        model = self.encoder.model_with_head("ForMaskedLM", seed=seed)
        return put_language_head(model) if has_language_head(self.encoder) and not fresh_head else model

    def rows(self, texts: Sequence[Sentence | str]) -> list[list[int]]:
        """Each text as rows of at most `max_length` pieces, special tokens included; no piece is lost."""
        tokenizer = self.encoder.tokenizer
        around = special_tokens(tokenizer)
        room = self.max_length - len(around.before) - len(around.after)
        plain = [text if isinstance(text, str) else " ".join(text.words) for text in texts]
        pieces = (
            tokenizer(plain, add_special_tokens=False, padding=False, truncation=False)["input_ids"] if plain else []
        )
        cut = [row[start : start + room] for row in pieces for start in range(0, len(row), room)]
        return [[*around.before, *row, *around.after] for row in cut]

    def batches(self, texts: Sequence[Sentence | str], *, batch_size: int = 32, **options: Any) -> MaskedBatches:
        """The batch source of these texts; options are those of `RowBatches`."""
        return MaskedBatches(
            self.rows(texts), self.encoder.tokenizer, masking=self.masking, batch_size=batch_size, **options
        )

    def evaluator(self, texts: Sequence[Sentence | str]) -> MaskedLMEvaluator:
        """A function of the model: loss and accuracy on masks that never change.

        Raises:
            EvaluationError: there are no texts.
        """
        return MaskedLMEvaluator(self, texts)


class MaskedLMEvaluator:
    """Masked-language loss (nats per masked piece) and accuracy on fixed masks; independent of the batch size.

    Taught in: book/foundations/a-bert-from-scratch
    """

    metric = "masked_lm_loss"
    greater_is_better = False

    def __init__(self, task: MaskedLMTask, texts: Sequence[Sentence | str]) -> None:
        if not len(texts):
            raise EvaluationError("there is no text to evaluate on", remedy="give some sentences")
        self.source = task.batches(texts, batch_size=64, seed=EVALUATION_SEED)
        self.objective = task.objective

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """The scores of the model as it is now."""
        import torch

        from companion.models.word_scores import scores_at

        device, was_training = next(model.parameters()).device, model.training
        loss = right = count = 0.0
        model.eval()
        try:
            for update in range(self.source.updates(0)):
                [(part, ids)] = self.source.window(0, update).items()
                batch = {name: tensor.to(device) for name, tensor in self.source.collate(part, ids).items()}
                labels_BT = batch.pop("labels")
                masked_BT = labels_BT != IGNORE_INDEX
                with torch.inference_mode():
                    logits = scores_at(model, batch, masked_BT).float()
                gold = labels_BT[masked_BT]
                loss += float(self.objective.from_logits(logits, gold))
                right += float((logits.argmax(-1) == gold).sum())
                count += len(gold)
        finally:
            model.train(was_training)
        return {"masked_lm_loss": loss / count, "masked_accuracy": right / count}
