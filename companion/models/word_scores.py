"""Scores of the whole vocabulary at chosen positions alone: most of a masked-language model's work is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from companion.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor, nn

# The part of a model that turns hidden states into scores. Anything else, a wrapped model included, is run
# as a whole: a class of another name may do more in its forward pass than body and head.
HEADS = {
    "MiniBertForMaskedLM": "score",
    "BertForMaskedLM": "cls",
    "RobertaForMaskedLM": "lm_head",
    "XLMRobertaForMaskedLM": "lm_head",
    "CamembertForMaskedLM": "lm_head",
}


def scores_at(model: nn.Module, inputs: Mapping[str, Tensor], chosen_BT: Tensor) -> Tensor:
    """The model's scores of every piece of the vocabulary, shape (chosen positions, vocabulary).

    `chosen_BT` is true where scores are wanted. Where the model's scorer is known it sees no other position; with 15 %
    of them chosen it does 15 % of the work, and the scores are the same up to rounding. Of any other model, a decoder
    or one wrapped by `peft`, the whole forward pass is run, but the layer that scores the vocabulary is handed the
    chosen positions alone: whatever the model does to its scores afterwards (a cap, a scale, a bias), it does to them.

    Raises:
        ModelError: the model gives no scores for positions: it has another head.

    Taught in: book/foundations/a-bert-from-scratch
    """
    scorer = scorer_of(model)
    if scorer is not None:
        return scorer(model.base_model(**inputs).last_hidden_state[chosen_BT])
    layer, narrowed = None if _is_compiled(model) else _last_layer(model), False

    def narrow(module: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...] | None:
        nonlocal narrowed
        rows, positions = chosen_BT.shape
        if narrowed or not given or given[0].dim() != 3 or given[0].shape[0] != rows or given[0].shape[1] < positions:
            return None
        narrowed = True
        # A prompt in front makes the row longer: the pieces are the last positions.
        return given[0][:, -positions:][chosen_BT].unsqueeze(0), *given[1:]

    hook = None if layer is None else layer.register_forward_pre_hook(narrow)
    try:
        output = model(**inputs)
    finally:
        if hook is not None:
            hook.remove()
    logits = getattr(output, "logits", output)
    if logits.dim() != 3:
        raise ModelError(
            f"{type(model).__name__} has no masked-language head: its scores have shape {tuple(logits.shape)}",
            remedy='give the text a head of its own: SharedBody({…, "unlabelled": MaskedLMTask(encoder).model()})',
        )
    return logits[0] if narrowed else logits[:, -chosen_BT.shape[1] :][chosen_BT]


def _last_layer(model: nn.Module) -> nn.Module | None:
    """What scores the vocabulary, as transformers names it; None where it is not known."""
    find = getattr(model, "get_output_embeddings", None)
    return None if find is None else find()


def _is_compiled(model: nn.Module) -> bool:
    return getattr(model, "_compiled_call_impl", None) is not None


def scorer_of(model: nn.Module) -> Callable[[Tensor], Tensor] | None:
    """What turns hidden states of shape (…, width) into scores; None where it is not known or not to be run alone."""
    # A compiled model is compiled as a whole.
    return None if _is_compiled(model) else getattr(model, HEADS.get(type(model).__name__, ""), None)
