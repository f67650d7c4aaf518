"""A model wrapped by `peft`, with a new head always trained and saved, and the same first weights for the same seed."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import TYPE_CHECKING, Any

from companion.adaptation.methods import body_of, head_of
from companion.errors import ConfigError, MissingDependencyError
from companion.randomness import torch_stream

if TYPE_CHECKING:
    from torch import nn

ADAPTER = "default"
"""What `peft` calls the one adapter of a model."""


def import_peft() -> ModuleType:
    """`peft`, which takes seconds to import and is therefore imported only when it is needed.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import peft
    except ImportError as error:
        raise MissingDependencyError(
            f"this method needs peft, which cannot be imported ({error})", remedy='install it: pip install "peft>=0.17"'
        ) from error
    return peft


def wrap(model: nn.Module, config: Any, *, method: str, seed: int) -> nn.Module:
    """The model as a `peft.PeftModel` whose head is trained, where a task made it; a decoder's own scores are not.

    Raises:
        ConfigError: the model has no head on a body, or `peft` cannot use it.
        MissingDependencyError: a package that `peft` looks at is too old for it (Colab's torchao).
    """
    peft = import_peft()
    # The scores of a model that writes are its word table, pre-trained like the rest: they stay as they are.
    head = () if writes(model) else head_of(model)
    config.task_type = _task_type(model)
    if config.task_type is None and config.is_prompt_learning:
        raise ConfigError(
            f"{method} is not known to work with {type(model).__name__}",
            remedy="use a model of transformers for token or sequence classification",
        )
    if hasattr(config, "modules_to_save"):
        config.modules_to_save = list(head) or None
    try:
        with warnings.catch_warnings(), torch_stream("cpu", seed, "adapter"):
            # transformers warns of a name that peft looks at and that it will drop in its next major version.
            warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
            wrapped = peft.get_peft_model(model, config)
    except ImportError as error:
        raise MissingDependencyError(
            f"peft cannot be used here: {error}",
            remedy="remove what it complains of, if you do not need it (pip uninstall -y torchao), and restart Python",
        ) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{method} cannot be put on {type(model).__name__}: {error}", remedy="choose another method"
        ) from error
    wrapped.requires_grad_(False)
    for name, parameter in wrapped.named_parameters():
        parameter.requires_grad_(is_added(name) or is_saved_head(name))
    kept = {name.split(".modules_to_save.")[0].rsplit(".", 1)[-1] for name, _ in _heads(wrapped)}
    if kept != set(head):
        raise ConfigError(
            f"{method}: of the head ({', '.join(head)}) peft would train {', '.join(sorted(kept)) or 'nothing'}",
            remedy="name the head classifier, as transformers does",
        )
    return wrapped


def is_wrapped(model: object) -> bool:
    """Whether the model is one of `peft`; peft itself is not imported for that."""
    return hasattr(model, "peft_config") and hasattr(model, "active_adapter")


def writes(model: nn.Module) -> bool:
    """Whether this is a decoder with its scores of the next piece, which no task has to make anew."""
    return type(model).__name__.endswith(("ForCausalLM", "LMHeadModel"))


def is_added(name: str) -> bool:
    """Whether a parameter of this name was added by a method rather than part of the pre-trained model."""
    added = any(part in name for part in (".lora_A.", ".lora_B.", ".lora_E.", "prompt_encoder.", ".adapter."))
    return added and "ranknum" not in name


def is_saved_head(name: str) -> bool:
    """Whether this is a parameter of the head that `peft` trains, a copy of the model's own."""
    return ".modules_to_save." in name


def _heads(wrapped: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, parameter) for name, parameter in wrapped.named_parameters() if is_saved_head(name)]


def _task_type(model: nn.Module) -> str | None:
    """What `peft` calls the kind of head; None where it knows no such kind and only wraps."""
    from transformers import PreTrainedModel

    name = type(model).__name__
    if not isinstance(body_of(model), PreTrainedModel):
        return None
    if writes(model):
        return "CAUSAL_LM"
    if name.endswith("ForTokenClassification"):
        return "TOKEN_CLS"
    return "SEQ_CLS" if name.endswith(("ForSequenceClassification", "MeanPooledClassifier")) else None
