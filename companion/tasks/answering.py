"""Score a model that answers: the loss of the gold answers for the loop, what it writes for the reader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from companion.encoding.contract import IGNORE_INDEX
from companion.encoding.turns import TurnBatches
from companion.errors import EvaluationError
from companion.evaluation.answers import AnswerReport, score_answers
from companion.objectives.masked_lm import predicted_by
from companion.training.pieces import cut

if TYPE_CHECKING:
    from torch import Tensor, nn

    from companion.corpora.pairs import Pair
    from companion.tasks.causal_lm import CausalLMTask

MOST_SCORES = 2**27
"""How many scores may be in memory at once, half a GiB in fp32: a vocabulary of 150,000 allows some 900 positions."""


class AnswerEvaluator:
    """A function of the model: loss (nats a piece), accuracy and exact matches on fixed answers.

    The prompt is never scored, whatever the model was trained on. Of a conversation, loss and accuracy are of all
    answers that are to be learned; `exact` is of the last one, given everything before it: the share of which every
    piece is the most probable one after the pieces before it. Those are what greedy writing gives word for word, at the
    price of one forward pass.

    Taught in: book/outlook/from-encoders-to-generation
    """

    metric = "answer_loss"
    greater_is_better = False

    def __init__(self, task: CausalLMTask, pairs: Sequence[Pair]) -> None:
        fitting = task.fitting(pairs, "answer")
        if not fitting:
            raise EvaluationError("there is no pair to evaluate on", remedy="give a development or test split")
        self.task, self.pairs = task, [pair for pair, _ in fitting]
        self.source = TurnBatches([row for _, row in fitting], pad_token_id=task.pad_token_id, batch_size=64, seed=0)

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """The scores of the model as it is now."""
        import torch

        from companion.models.word_scores import scores_at

        device, was_training = next(model.parameters()).device, model.training
        loss = right = pieces = exact = 0.0
        model.eval()
        try:
            for rows, batch in self._pieces():
                batch = {name: tensor.to(device) for name, tensor in batch.items()}
                labels_BT = predicted_by(batch.pop("labels"))
                asked_BT = labels_BT != IGNORE_INDEX
                with torch.inference_mode():
                    logits_NV = scores_at(model, batch, asked_BT).float()
                    loss += float(self.task.objective.from_logits(logits_NV, labels_BT[asked_BT]))
                missed_BT = torch.zeros_like(asked_BT)
                missed_BT[asked_BT] = logits_NV.argmax(-1) != labels_BT[asked_BT]
                right += int((asked_BT & ~missed_BT).sum())
                # The position before the last answer is the first that counts: it predicts how that begins.
                starts_B = torch.tensor([self.source.turns[row].prompt - 1 for row in rows], device=device)
                last_BT = torch.arange(labels_BT.shape[1], device=device) >= starts_B[:, None]
                exact += int((~(missed_BT & last_BT).any(1)).sum())
                pieces += int(asked_BT.sum())
        finally:
            model.train(was_training)
        return {
            "answer_loss": loss / pieces,
            "piece_accuracy": right / pieces,
            "exact": exact / len(self.source.rows),
        }

    def _pieces(self) -> Iterator[tuple[list[int], dict[str, Tensor]]]:
        """All rows, with their numbers, as tensors, as many at a time as their scores leave room for."""
        budget = max(1, MOST_SCORES // len(self.task.encoder.tokenizer))
        for update in range(self.source.updates(0)):
            for piece in cut(self.source, self.source.window(0, update), budget):
                [(part, ids)] = piece.items()
                yield ids, self.source.collate(part, ids)

    def report(self, model: nn.Module, *, bootstrap: int = 1000, seed: int = 0, **options: Any) -> AnswerReport:
        """Write the last answer of every pair that fits and compare it with the gold one.

        What it is given is everything before it; `options` are those of `write_answers`.
        """
        written = self.task.answer(model, self.pairs, **options)
        return score_answers(
            [pair.answer for pair in self.pairs],
            [answer.text for answer in written],
            unfinished=sum(not answer.finished for answer in written),
            answer_loss=self(model)["answer_loss"],
            bootstrap=bootstrap,
            seed=seed,
        )
