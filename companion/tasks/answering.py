"""Score a model that answers: the loss of the gold answers for the loop, what it writes for the reader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from companion.encoding.contract import IGNORE_INDEX
from companion.encoding.turns import TurnBatches, answer_labels
from companion.errors import EvaluationError
from companion.evaluation.answers import AnswerReport, score_answers

if TYPE_CHECKING:
    from torch import nn

    from companion.corpora.pairs import Pair
    from companion.tasks.causal_lm import CausalLMTask


class AnswerEvaluator:
    """A function of the model: loss (nats a piece), accuracy and exact matches on fixed answers.

    The prompt is never scored, whatever the model was trained on. `exact` is the share of answers of which every piece
    is the most probable one after the pieces before it: those that greedy writing gives word for word, at the price of
    one forward pass.

    Taught in: book/outlook/from-encoders-to-generation
    """

    metric = "answer_loss"
    greater_is_better = False

    def __init__(self, task: CausalLMTask, pairs: Sequence[Pair]) -> None:
        rows = task.encode(pairs)
        if not rows:
            raise EvaluationError("there is no pair to evaluate on", remedy="give a development or test split")
        rows = [row._replace(labels=answer_labels(row.prompt, row.input_ids)) for row in rows]
        self.task, self.pairs = task, pairs
        self.source = TurnBatches(rows, pad_token_id=task.pad_token_id, batch_size=64, seed=0)

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """The scores of the model as it is now."""
        import torch

        device, was_training = next(model.parameters()).device, model.training
        loss = right = pieces = exact = 0.0
        model.eval()
        try:
            for update in range(self.source.updates(0)):
                [(part, ids)] = self.source.window(0, update).items()
                batch = {name: tensor.to(device) for name, tensor in self.source.collate(part, ids).items()}
                labels_BT = batch.pop("labels")
                with torch.inference_mode():
                    logits_BTV = model(**batch).logits[:, -labels_BT.shape[1] :].float()
                loss += float(self.task.objective.from_logits(logits_BTV, labels_BT))
                asked_BT = labels_BT[:, 1:] != IGNORE_INDEX
                hit_BT = logits_BTV[:, :-1].argmax(-1) == labels_BT[:, 1:]
                right += int((hit_BT & asked_BT).sum())
                exact += int((hit_BT | ~asked_BT).all(1).sum())
                pieces += int(asked_BT.sum())
        finally:
            model.train(was_training)
        return {
            "answer_loss": loss / pieces,
            "piece_accuracy": right / pieces,
            "exact": exact / len(self.source.rows),
        }

    def report(self, model: nn.Module, *, bootstrap: int = 1000, seed: int = 0, **options: Any) -> AnswerReport:
        """Write an answer to every prompt and compare it with the gold one; `options` are those of `write_answers`."""
        written = self.task.answer(model, [pair.prompt for pair in self.pairs], **options)
        return score_answers(
            [pair.answer for pair in self.pairs],
            [answer.text for answer in written],
            unfinished=sum(not answer.finished for answer in written),
            answer_loss=self(model)["answer_loss"],
            bootstrap=bootstrap,
            seed=seed,
        )
