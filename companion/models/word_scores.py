"""Scores of the whole vocabulary at chosen positions alone: most of a masked-language model's work is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

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
    of them chosen it does 15 % of the work, and the scores are the same up to rounding.

    Raises:
        ModelError: the model gives no scores for positions: it has another head.

    Taught in: book/foundations/a-bert-from-scratch
    """
    scorer = scorer_of(model)
    if scorer is None:
        logits = model(**inputs).logits
        if logits.dim() != 3:
            raise ModelError(
                f"{type(model).__name__} has no masked-language head: its scores have shape {tuple(logits.shape)}",
                remedy='give the text a head of its own: SharedBody({…, "unlabelled": MaskedLMTask(encoder).model()})',
            )
        # A prompt in front makes the scores longer: the pieces are the last positions.
        return logits[:, -chosen_BT.shape[1] :][chosen_BT]
    return scorer(model.base_model(**inputs).last_hidden_state[chosen_BT])


def scorer_of(model: nn.Module) -> Callable[[Tensor], Tensor] | None:
    """What turns hidden states of shape (…, width) into scores; None where it is not known or not to be run alone."""
    # A compiled model is compiled as a whole.
    compiled = getattr(model, "_compiled_call_impl", None) is not None
    return None if compiled else getattr(model, HEADS.get(type(model).__name__, ""), None)
