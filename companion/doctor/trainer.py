"""What a Hugging Face `Trainer` consists of, taken out of it without training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from companion.doctor.keeping import Keeper


def is_trainer(thing: object) -> bool:
    """Whether this is a `Trainer` of transformers, or one made like it."""
    return all(hasattr(thing, name) for name in ("training_step", "get_train_dataloader", "get_batch_samples", "args"))


def parts_of(trainer: Any, keeper: Keeper) -> dict[str, Any]:
    """The arguments of `doctor` that a trainer holds, for all that it holds.

    Its own training step is used, so that a collator, a `compute_loss` or a `training_step` of yours is what is
    examined. Its loop is not run: clearing gradients, clipping and schedules are transformers' own.
    """
    for thing in (trainer, getattr(trainer, "state", None), getattr(trainer, "control", None)):
        keeper.keep_object(thing)
    gradient_state = getattr(getattr(trainer, "accelerator", None), "gradient_state", None)
    keeper.keep_object(gradient_state)
    tokenizer = getattr(trainer, "processing_class", None)
    found: dict[str, Any] = {
        "model": trainer.model,
        "loader": trainer.get_train_dataloader() if trainer.train_dataset is not None else None,
        "window": partial(_window, trainer),
        "step": lambda batch: _window(trainer, [batch]),
        "accumulate": trainer.args.gradient_accumulation_steps,
        "tokenizer": tokenizer if hasattr(tokenizer, "convert_ids_to_tokens") else None,
    }
    if trainer.compute_metrics is not None:
        found |= {"metric": trainer.compute_metrics, "metric_takes": "eval_prediction"}
    if trainer.optimizer is not None:
        found["optimizer"] = trainer.optimizer
    else:
        found["learning_rate"] = float(trainer.args.learning_rate)
    if trainer.eval_dataset is not None and not isinstance(trainer.eval_dataset, Mapping):
        found["evaluate"] = lambda model: trainer.evaluation_loop(
            trainer.get_eval_dataloader(), "doctor", prediction_loss_only=trainer.compute_metrics is None
        )
    return {name: value for name, value in found.items() if value is not None}


def _window(trainer: Any, batches: Sequence[Any]) -> Any:
    """The forward and backward passes of one update, as the trainer's own loop makes them."""
    model = getattr(trainer, "model_wrapped", None) or trainer.model
    samples, items = trainer.get_batch_samples(iter(batches), len(batches), trainer.args.device)
    trainer.current_gradient_accumulation_steps = len(samples)
    losses = [trainer.training_step(model, batch, items) for batch in samples]
    return sum(losses)
