"""Leave everything as it was: weights, gradients, modes, optimisers, loaders and random states, bit for bit.

A `Keeper` takes a copy of all that an examination may move and puts it back as often as it is asked. `untouched` is
the same as a context: whatever happens inside, an exception too, is undone at its end.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

PLAIN = (int, float, complex, bool, str, bytes, type(None), tuple, torch.dtype, torch.device)
STRUCTURE = {"_parameters", "_buffers", "_modules", "state", "param_groups", "defaults"}
MOST_NUMBERS = 2**22
"""Tensors and arrays that objects other than models and optimisers hold are data above this size, and not copied."""
Restore = Callable[[], object]


class Keeper:
    """Copies of a patient's state; `restore()` puts everything back, and can be called again and again.

    Tensors are put back in place, so that whoever holds them sees the old values; what was added to a module or an
    optimiser is taken away. `keep_*` may be called later for things that come to light during an examination.
    """

    def __init__(self) -> None:
        self._restores: list[Restore] = []
        self._known: dict[int, object] = {}
        self._random = random_state()

    def keep_module(self, module: nn.Module) -> None:
        """Weights, buffers, gradients, `requires_grad`, modes and other plain attributes of a module and its parts."""
        for part in module.modules():
            if self._is_new(part):
                self._restores.append(_of_module(part))
        for tensor in [*module.parameters(), *module.buffers()]:
            if self._is_new(tensor):
                self._restores.append(_of_tensor(tensor))

    def keep_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        """The groups, moments and parameters of an optimiser, those of other modules included."""
        optimizer = getattr(optimizer, "optimizer", optimizer)  # accelerate wraps it
        if self._is_new(optimizer):
            self._restores.append(_of_optimizer(optimizer))
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    if self._is_new(parameter):
                        self._restores.append(_of_tensor(parameter))

    def keep_loader(self, loader: object) -> None:
        """The position and the generators of a loader, its samplers and its data set, where they keep any."""
        sampler = getattr(loader, "batch_sampler", None)
        parts = [loader, getattr(loader, "sampler", None), sampler, getattr(sampler, "sampler", None)]
        for part in [*parts, getattr(loader, "dataset", None)]:
            if part is not None:
                self.keep_object(part)
                self.keep_object(getattr(part, "generator", None))

    def keep_object(self, thing: object) -> None:
        """The attributes of any object one level deep, or the content of a container, a generator or a tensor."""
        if isinstance(thing, (*PLAIN, type)):
            return
        if isinstance(thing, nn.Module):
            self.keep_module(thing)
        elif isinstance(thing, torch.optim.Optimizer):
            self.keep_optimizer(thing)
        elif self._is_new(thing):
            restore = _of_value(thing) or _of_attributes(thing)
            if restore is not None:
                self._restores.append(restore)

    def keep(self, restore: Restore) -> None:
        """Something else, given as the function that puts it back."""
        self._restores.append(restore)

    def restore(self) -> None:
        """Put everything back, the random states last."""
        for restore in self._restores:
            restore()
        set_random_state(self._random)

    def _is_new(self, thing: object) -> bool:
        if id(thing) in self._known:
            return False
        self._known[id(thing)] = thing  # held, so that its number is not given to another
        return True


@contextmanager
def untouched(
    model: nn.Module | None = None,
    optimizers: Iterable[torch.optim.Optimizer] = (),
    loaders: Iterable[object] = (),
    others: Iterable[object] = (),
) -> Iterator[Keeper]:
    """Whatever happens inside, all of these are bit-identical afterwards, and so are the random states.

    Those are Python's, NumPy's and PyTorch's, on the CPU and on every GPU in use. What cannot be put back is what no
    copy reaches: files, other processes, and an iterator that was advanced.

    Taught in: book/engineering/a-second-opinion
    """
    keeper = Keeper()
    if model is not None:
        keeper.keep_module(model)
    for optimizer in optimizers:
        keeper.keep_optimizer(optimizer)
    for loader in loaders:
        keeper.keep_loader(loader)
    for other in others:
        keeper.keep_object(other)
    try:
        yield keeper
    finally:
        keeper.restore()


def random_state() -> dict[str, Any]:
    """The states of all global random generators."""
    state: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": np.random.get_state(),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def set_random_state(state: dict[str, Any]) -> None:
    """Put the states of `random_state` back."""
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    if "cuda" in state:
        torch.cuda.set_rng_state_all(state["cuda"])


def seed_everything(seed: int) -> None:
    """Start Python's, NumPy's and PyTorch's global generators from one number."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _of_tensor(tensor: Tensor) -> Restore:
    if not _is_writable(tensor):
        return lambda: None
    storage, copy, wanted = tensor.data, tensor.detach().clone(), tensor.requires_grad
    gradient = tensor.grad
    gradient_copy = None if gradient is None else gradient.detach().clone()

    def restore() -> None:
        with torch.no_grad():
            if tensor.data_ptr() != storage.data_ptr() or tensor.shape != storage.shape:
                tensor.data = storage
            storage.copy_(copy)
            if tensor.is_leaf:
                tensor.requires_grad_(wanted)
                if gradient is not None and _is_writable(gradient):
                    gradient.data.copy_(gradient_copy)
                tensor.grad = gradient

    return restore


def _is_writable(tensor: Tensor) -> bool:
    """Whether each number has its own place: an expanded view has not, and nothing writes into it."""
    return all(step != 0 or size < 2 for step, size in zip(tensor.stride(), tensor.shape, strict=True))


def _of_module(module: nn.Module) -> Restore:
    tables = (module._parameters, module._buffers, module._modules)
    contents = [dict(table) for table in tables]
    attributes = _of_attributes(module)

    def restore() -> None:
        for table, content in zip(tables, contents, strict=True):
            _refill(table, content)
        if attributes is not None:
            attributes()

    return restore


def _of_optimizer(optimizer: torch.optim.Optimizer) -> Restore:
    groups = [(group, list(group["params"]), _Copies(group)) for group in optimizer.param_groups]
    moments = [(parameter, state, _Copies(state)) for parameter, state in optimizer.state.items()]
    attributes = _of_attributes(optimizer)

    def restore() -> None:
        optimizer.param_groups[:] = [group for group, _, _ in groups]
        for group, parameters, copies in groups:
            copies.put_back(group)
            group["params"][:] = parameters
        optimizer.state.clear()
        for parameter, state, copies in moments:
            copies.put_back(state)
            optimizer.state[parameter] = state
        if attributes is not None:
            attributes()

    return restore


class _Copies:
    """A dictionary's values: tensors copied and put back in place, containers copied one level deep."""

    def __init__(
        self, values: dict[Any, Any], skipped: Callable[[Any], bool] = lambda name: False, **limit: int
    ) -> None:
        self.skipped = skipped
        self.values = {name: value for name, value in values.items() if not skipped(name)}
        found = [_of_value(value, **limit) for value in self.values.values()]
        self.restores = [restore for restore in found if restore is not None]

    def put_back(self, values: dict[Any, Any]) -> None:
        for restore in self.restores:
            restore()
        kept = {name: value for name, value in values.items() if self.skipped(name)}
        _refill(values, kept | self.values)


def _of_value(value: object, *, limit: int | None = None) -> Restore | None:
    """How to put a tensor, a container or a generator back; None for everything else, and for more than `limit`."""
    if isinstance(value, Tensor):
        return None if limit is not None and value.numel() > limit else _of_tensor(value)
    if isinstance(value, np.ndarray):
        if limit is not None and value.size > limit:
            return None
        array = value.copy()
        return lambda: np.copyto(value, array)
    if isinstance(value, torch.Generator):
        state = value.get_state()
        return lambda: value.set_state(state)
    if isinstance(value, np.random.Generator):
        numbers = value.bit_generator.state
        return lambda: setattr(value.bit_generator, "state", numbers)
    if isinstance(value, random.Random):
        dice = value.getstate()
        return lambda: value.setstate(dice)
    if isinstance(value, dict):
        return lambda copy=dict(value): _refill(value, copy)
    if isinstance(value, set):
        return lambda copy=set(value): (value.clear(), value.update(copy))
    if isinstance(value, list):
        return lambda copy=list(value): value.__setitem__(slice(None), copy)
    if isinstance(value, deque):
        return lambda copy=list(value): (value.clear(), value.extend(copy))
    return None


def _of_attributes(thing: object) -> Restore | None:
    """The attributes of an object, without what `_is_structure` says others put back, or nobody must."""
    attributes = getattr(thing, "__dict__", None)
    if not isinstance(attributes, dict):
        return None
    copies = _Copies(attributes, _is_structure, limit=MOST_NUMBERS)
    return lambda: copies.put_back(attributes)


def _is_structure(name: str) -> bool:
    return name in STRUCTURE or "_hook" in name


def _refill(table: dict[Any, Any], content: dict[Any, Any]) -> None:
    for name in [name for name in table if name not in content]:
        del table[name]
    for name, value in content.items():
        if name not in table or table[name] is not value:
            table[name] = value
