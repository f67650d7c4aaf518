"""The head that transformers has for texts: where it reads the last piece, it must know which pieces are padding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.errors import ModelError

if TYPE_CHECKING:
    from torch import nn
    from transformers import PretrainedConfig, PreTrainedTokenizerFast

KIND = "ForSequenceClassification"


def check_text_head(config: PretrainedConfig) -> None:
    """Refuse an architecture whose head for texts does not fit rows that are filled up with padding.

    Raises:
        ModelError: it reads the last position (XLNet), whatever stands there.
    """
    if getattr(config, "summary_type", None) == "last":
        problem = f"the head that {config.model_type} has for texts reads the last position, often padding"
        raise ModelError(problem, remedy='use TextTask(…, pooling="mean")')


def tell_padding(model: nn.Module, tokenizer: PreTrainedTokenizerFast) -> None:
    """Tell a decoder's head for texts what fills short rows: it seeks the last other piece, by its number.

    Decoders are published without padding, and then refuse more than one row.
    """
    if finds_padding_by_piece(model):
        model.config.get_text_config().pad_token_id = padding_piece(tokenizer)


def finds_padding_by_piece(model: nn.Module) -> bool:
    """Whether this is a decoder with its head for texts, which tells padding from text by the numbers of the pieces."""
    return type(model).__name__.endswith(KIND) and reads_left_to_right(model.config)


def padding_piece(tokenizer: PreTrainedTokenizerFast) -> int:
    """The id that fills short rows, masked and never labelled: the piece for padding, or else the end of a text."""
    return tokenizer.eos_token_id or 0 if tokenizer.pad_token_id is None else tokenizer.pad_token_id


def reads_left_to_right(config: PretrainedConfig) -> bool:
    """Whether this is the configuration of a decoder: a model with a causal head, and none for hidden words.

    BERT and its kin have a causal head too, which writes only where the configuration turns the mask on.
    """
    from transformers.models.auto import modeling_auto

    kind = config.model_type
    masked = kind in modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES and not getattr(config, "is_decoder", False)
    return not masked and kind in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
