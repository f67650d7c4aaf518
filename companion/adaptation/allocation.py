"""What AdaLoRA does after each update: it measures the importance of its entries and shares out the rank."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

from companion.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from companion.adaptation.low_rank import AdaLoRA

SCORES = ("ipt", "exp_avg_ipt", "exp_avg_unc")
"""Importance, its smoothed value and the smoothed uncertainty, under the names `peft` gives them."""
KEPT = "rank_pattern"


class Allocation:
    """AdaLoRA as the loop sees it; made by `adapt`, one for each model."""

    name = "AdaLoRA"

    def __init__(self, method: AdaLoRA, model: nn.Module) -> None:
        # The model is remembered beside this object; a strong reference back would keep both alive for ever.
        self.method, self._model = method, ref(model)

    def __repr__(self) -> str:
        return repr(self.method)

    def after_step(self, model: nn.Module, update: int, total: int) -> None:
        """Measure importance from the gradients of this update, and set entries to zero where the budget has fallen."""
        config, begin = self._config, int(self.method.begin * total)
        # The last allocation does not measure importance itself, so that one update at least must come before it.
        last = max(int(self.method.end * total), begin + 1, 2)
        if last > total:
            return
        # The number of updates was not known when the model was adapted.
        config.total_step, config.tinit, config.tfinal = total, begin, total - last
        model.base_model.update_and_allocate(update)

    def state_dict(self) -> dict[str, Tensor]:
        """Importance, uncertainty, and which entries are kept."""
        import torch

        allocator = self._allocator
        state = {f"{kind}/{name}": value for kind in SCORES for name, value in getattr(allocator, kind).items()}
        pattern = self._config.rank_pattern or {}
        state |= {f"{KEPT}/{name}": torch.tensor(kept, dtype=torch.uint8) for name, kept in pattern.items()}
        # Before the first update there is nothing, and a checkpoint file without tensors would look like a lost one.
        return state or {"nothing yet": torch.zeros(1)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take up what `state_dict` gave.

        Raises:
            CheckpointError: it belongs to other targets.
        """
        model, allocator = self._model(), self._allocator
        own = dict(model.base_model.model.named_parameters())
        found: dict[str, dict[str, Any]] = {kind: {} for kind in (*SCORES, KEPT)}
        for full_name, value in state.items():
            kind, _, name = full_name.partition("/")
            if kind == "nothing yet":
                continue
            if kind not in found or name not in own:
                raise CheckpointError(
                    f"the stored importance names {name!r}, which is no target of this model",
                    remedy="resume with the targets that the run was started with",
                )
            found[kind][name] = value.bool().tolist() if kind == KEPT else value.to(own[name].device)
        for kind in SCORES:
            setattr(allocator, kind, found[kind])
        self._config.rank_pattern = found[KEPT] or None

    @property
    def _config(self) -> Any:
        return self._allocator.peft_config

    @property
    def _allocator(self) -> Any:
        return self._model().base_model.rankallocator


def ranks(model: nn.Module) -> dict[str, int]:
    """How much rank each target of an AdaLoRA model is left with: the entries of Λ that are not zero, by layer name.

    Taught in: book/constraints/lora
    """
    return {
        name.split(".lora_E.")[0].removeprefix("base_model.model."): int((values != 0).sum())
        for name, values in model.named_parameters()
        if ".lora_E." in name
    }
