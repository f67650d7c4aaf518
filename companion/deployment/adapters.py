"""Several adapters on one body: each task keeps what it trained, the body is in memory once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.adaptation.wrapping import is_wrapped
from companion.deployment.predictor import Predictor, TextPredictor, load
from companion.errors import ConfigError, ModelError
from companion.models.encoder import OFFLINE, load_encoder
from companion.tasks.folder import adapter_of

if TYPE_CHECKING:
    from torch import Tensor, nn


class AdapterSet:
    """Taggers and classifiers that were trained on the same body, ready to use side by side.

    Every adapter is a model of its own whose unchanged weights are the very tensors of the others, so that nothing is
    switched: two threads may ask two adapters at the same time.

    Raises:
        ModelError: there is no such body.

    Taught in: book/constraints/lora
    """

    def __init__(self, base: str = OFFLINE) -> None:
        self.encoder, self._base = load_encoder(base), base
        self._predictors: dict[str, Predictor | TextPredictor] = {}
        self._shared: dict[str, Tensor] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """What the adapters are called, in the order in which they were added."""
        return tuple(self._predictors)

    def add(self, name: str, folder: str | Path) -> Predictor | TextPredictor:
        """Open the adapter of a folder under a name, and return what answers for it.

        Raises:
            ConfigError: the name is taken.
            ModelError: the folder holds no adapter, or one that was trained on another body.
        """
        if name in self._predictors:
            raise ConfigError(f"there is an adapter called {name!r} already", remedy="give it another name")
        if not Path(folder).is_dir():
            raise ModelError("there is no such folder", file=folder, remedy="check the path")
        if adapter_of(Path(folder)) is None:
            raise ModelError(
                "holds no adapter", file=folder, remedy="export one: run.export(folder, adapter_only=True)"
            )
        predictor = load(folder, base=self._base)
        for key, parameter in _body_parameters(predictor.model):
            shared = self._shared.setdefault(key, parameter.data)
            if shared.shape == parameter.shape and shared.equal(parameter.data):
                parameter.data = shared
        self._predictors[name] = predictor
        return predictor

    def predict(self, name: str, text: str) -> Any:
        """What the adapter of this name finds in one text.

        Raises:
            ConfigError: there is none of this name.
        """
        if name not in self._predictors:
            raise ConfigError(
                f"no adapter is called {name!r}", remedy=f"add it, or choose one of {', '.join(self.names) or 'none'}"
            )
        return self._predictors[name].predict(text)

    def bytes_held(self) -> int:
        """How many bytes the weights of all adapters take together, each tensor counted once."""
        storages = {
            tensor.data_ptr(): tensor.numel() * tensor.element_size()
            for predictor in self._predictors.values()
            for tensor in predictor.model.parameters()
        }
        return sum(storages.values())


def _body_parameters(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """The parameters by the names that they have in every model of the same body, wrapped or not."""
    inner = model.get_base_model() if is_wrapped(model) else model
    return [(name.replace(".base_layer.", "."), parameter) for name, parameter in inner.base_model.named_parameters()]
