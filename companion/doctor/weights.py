"""Saved weights, and those in memory by the names under which they would be saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from companion.doctor.probe import CannotCheck

if TYPE_CHECKING:
    from torch import Tensor, nn

WHOLE, ADAPTER = "model", "adapter_model"


def saved_weights(folder: Path) -> dict[str, Tensor]:
    """The tensors of a folder's safetensors; nothing else is opened.

    Raises:
        CannotCheck: there are none, or they cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    files = sorted(folder.glob(f"{WHOLE}*.safetensors")) or sorted(folder.glob(f"{ADAPTER}*.safetensors"))
    if not files:
        raise CannotCheck("the folder holds no safetensors, and nothing else is opened here")
    found: dict[str, Tensor] = {}
    for file in files:
        try:
            found |= load_file(file)
        except (SafetensorError, OSError) as error:
            raise CannotCheck(f"{file.name} cannot be read: {error}") from error
    return found


def own_weights(model: nn.Module, saved: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors in memory by the names under which they would be saved."""
    own = dict(model.state_dict())
    if hasattr(model, "get_base_model") and not set(saved) & set(own):
        from peft import get_peft_model_state_dict

        return get_peft_model_state_dict(model)
    return own


def distance(saved: dict[str, Tensor], own: dict[str, Tensor]) -> float:
    """How far apart two sets of weights are at most, in the precision in which the first was saved.

    Raises:
        CannotCheck: they do not have the same names.
    """
    shared = set(saved) & set(own)
    if len(shared) < 0.5 * len(saved) or any(saved[name].shape != own[name].shape for name in shared):
        raise CannotCheck(f"only {len(shared)} of {len(saved)} saved tensors have a name that the model has")
    gaps = (saved[name].float() - own[name].detach().cpu().to(saved[name].dtype).float() for name in shared)
    return max((float(gap.abs().max()) for gap in gaps if gap.numel()), default=0.0)
