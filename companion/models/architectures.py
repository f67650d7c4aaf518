"""What an architecture of transformers has: a head, a body, all of its weights; and what is said where it has not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from companion.errors import ModelError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

    from companion.models.encoder import Encoder


def body_kind(config: PretrainedConfig) -> str:
    """The Auto class of a body for texts, as `model_with_head` takes it: of T5 and its kin, the encoder's alone."""
    from transformers.models.auto import modeling_auto

    encoder = modeling_auto.MODEL_FOR_TEXT_ENCODING_MAPPING_NAMES.get(config.model_type, "")
    return "ForTextEncoding" if encoder.endswith("EncoderModel") else ""


def check_head(encoder: Encoder, kind: str, auto_class: Any) -> None:
    """Refuse a head that transformers does not have for this architecture.

    Raises:
        ModelError: it has none.
    """
    if type(encoder.config) not in auto_class._model_mapping:
        raise ModelError(
            f"transformers has no head {kind!r} for {encoder.config.model_type}, which {encoder.name!r} is",
            remedy="take a model of another architecture, such as bert-base-cased; without a head of transformers, "
            'TextTask(…, pooling="mean") reads any, and CausalLMTask decoders',
        )


def check_weights(encoder: Encoder, model: PreTrainedModel, made: set[str], new_head: bool) -> None:
    """Refuse a model of which weights were not in the file, and were made at random instead.

    Raises:
        ModelError: they belong to the body, or to a head that has to be a trained one.
    """
    # A body that was asked for without a head bears no prefix, and all of it has to be there.
    prefix = "" if model.base_model is model else f"{model.base_model_prefix}."
    # A pooler belongs to some heads only, and is new where the encoder was stored without one.
    lost = sorted(key for key in made if key.startswith(prefix) and "pooler" not in key)
    if lost and all(key.removeprefix(prefix).startswith("decoder.") for key in lost):
        raise ModelError(
            f"{encoder.name!r} holds an encoder alone, and this head of {encoder.config.model_type} needs its decoder",
            remedy='use TextTask(…, pooling="mean") or TokenTask, which read the encoder, or a folder with both',
        )
    if lost:
        raise ModelError(
            f"{len(lost)} weights of the body of {encoder.name!r} are missing or of another size (first: {lost[0]})",
            remedy="the weights and config.json belong to different models; export or download the model again",
        )
    if prefix and made and not new_head:
        raise ModelError(
            f"there is no trained head here ({sorted(made)[0]} is missing or of another size)",
            file=encoder.location,
            remedy="train a model on this encoder first, or name the folder of one that was",
        )
