"""Masked-language and causal cross-entropy: the same sum over labelled positions, other labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from companion.encoding.contract import IGNORE_INDEX
from companion.objectives.contract import Batch
from companion.objectives.supervised import LABELS, TokenCrossEntropy

if TYPE_CHECKING:
    from torch import Tensor, nn


class MaskedLMCrossEntropy(TokenCrossEntropy):
    """Sum over the *masked* positions of −log p(the piece that was hidden there); the count is how many there are.

    Not over all positions, and not of the model's own guess: both occur in tutorials, and neither is this loss. Where
    the model's scorer is known (`scores_at`), scores of the whole vocabulary are made for the masked positions alone.

    Follows: Devlin et al. (2019), section 3.1.
    Taught in: book/foundations/a-bert-from-scratch
    """

    def __init__(
        self, *, part: str = "unlabelled", term: str = "masked_lm", weight: float = 1.0, **options: Any
    ) -> None:
        super().__init__(part=part, term=term, weight=weight, **options)

    def __call__(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The summed loss; the model is called with everything in the part but the labels."""
        if self.part not in batch:
            return {}
        from companion.models.shared import model_for
        from companion.models.word_scores import scores_at

        inputs = dict(batch[self.part])
        labels_BT = inputs.pop(LABELS)
        masked_BT = labels_BT != IGNORE_INDEX
        logits_NV = scores_at(model_for(model, self.part), inputs, masked_BT)
        return {self.term: self.from_logits(logits_NV, labels_BT[masked_BT])}


class CausalLMCrossEntropy(TokenCrossEntropy):
    """Sum over positions of −log p(next piece); labels stand on their own pieces and are shifted here.

    A position whose label is the ignore index is not predicted: the question, when only the answer is to be learned,
    and the padding. The first piece has nothing before it and is never predicted. Scores of the whole vocabulary are
    made for the predicted positions alone (`scores_at`): with 150,000 pieces they are most of the memory.

    Follows: Radford et al. (2019); the shift is that of transformers' causal heads.
    Taught in: book/foundations/a-bert-from-scratch
    """

    def __init__(self, *, part: str = "text", term: str = "causal_lm", weight: float = 1.0, **options: Any) -> None:
        super().__init__(part=part, term=term, weight=weight, **options)

    def counts(self, batch: Batch) -> dict[str, float]:
        """How many pieces are predicted."""
        return super().counts(self.shifted(batch))

    def __call__(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The summed loss; the model is called with everything in the part but the labels."""
        if self.part not in batch:
            return {}
        if type(self).from_logits is not CausalLMCrossEntropy.from_logits:
            # Whoever made another loss of it reads scores and labels of whole rows.
            return super().__call__(model, batch)
        from companion.models.shared import model_for
        from companion.models.word_scores import scores_at

        inputs = dict(batch[self.part])
        labels_BT = predicted_by(inputs.pop(LABELS))
        asked_BT = labels_BT != IGNORE_INDEX
        logits_NV = scores_at(model_for(model, self.part), inputs, asked_BT)
        return {self.term: self.from_logits(logits_NV, labels_BT[asked_BT])}

    def from_logits(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Sum of −log p(next piece); `logits` of shape (rows, positions, vocabulary), `labels` as the pieces.

        Scores of chosen positions, of shape (chosen, vocabulary), come with the labels that those positions predict.
        """
        if labels.dim() > 1:
            logits, labels = logits[:, -labels.shape[1] :][:, :-1], labels[:, 1:]
        return super().from_logits(logits, labels)

    def shifted(self, batch: Batch) -> Batch:
        """The batch with each label on the piece before, whose scores predict it; so it has one column fewer."""
        if self.part not in batch:
            return batch
        part: Mapping[str, Tensor] = batch[self.part]
        return {**batch, self.part: {**part, LABELS: part[LABELS][:, 1:]}}


def predicted_by(labels_BT: Tensor) -> Tensor:
    """The labels on the positions whose scores predict them, one to the left; the last position predicts nothing."""
    from torch.nn import functional

    return functional.pad(labels_BT[:, 1:], (0, 1), value=IGNORE_INDEX)
