"""Anyone's batch: which of its tensors are the word pieces, the mask and the labels, and how to change one of them.

A batch may be a dictionary (of Hugging Face or anyone), a tuple or list, nested in either way, or the companion's
`{part: {name: tensor}}`. Names decide where there are names; in a tuple the tensors are told apart by what they hold.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from companion.doctor.probe import CannotCheck
from companion.encoding.contract import IGNORE_INDEX

if TYPE_CHECKING:
    from torch import Tensor

Path = tuple[str | int, ...]
NAMES = {
    "ids": ("input_ids", "ids", "token_ids", "tokens", "inputs", "x"),
    "mask": (
        *("attention_mask", "attn_mask", "mask", "masks", "input_mask"),
        *("padding_mask", "key_padding_mask", "src_key_padding_mask", "pad_mask", "padding"),
    ),
    "labels": ("labels", "label", "label_ids", "targets", "target", "tags", "ner_tags", "y"),
    "label_mask": ("label_mask", "labels_mask", "loss_mask", "valid_mask", "valid"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """A batch, and where its parts are."""

    batch: Any
    """The batch as the loader gave it."""
    paths: Mapping[str, Path]
    """Where the word pieces (`ids`), the `mask`, the `labels` and the `label_mask` stand, if they are there."""

    def get(self, name: str) -> Tensor | None:
        """One of the parts, or None."""
        return _at(self.batch, self.paths[name]) if name in self.paths else None

    @property
    def ids(self) -> Tensor:
        """The word pieces, shape (rows, positions)."""
        return _at(self.batch, self.paths["ids"])

    @property
    def labels(self) -> Tensor | None:
        """The labels: (rows, positions) for words, (rows,) for whole texts."""
        return self.get("labels")

    @property
    def kind(self) -> str:
        """ "tokens" (a label on each position), "texts" (one on each row), or "none"."""
        labels = self.labels
        if labels is None:
            return "none"
        return "tokens" if labels.shape == self.ids.shape and not labels.is_floating_point() else "texts"

    @property
    def is_all_tensors(self) -> bool:
        """Whether nothing but tensors and single values goes with the rows: no list of words, no list of names."""
        leaves = {id(leaf) for _, leaf in _leaves(self.batch, ())}
        return not _has_lists(self.batch, leaves)

    def scored(self) -> Tensor:
        """Which labels count by the batch's own conventions: not -100, and not masked; shaped like the labels."""
        keep = self.labels != IGNORE_INDEX
        mask = self.get("label_mask")
        return keep if mask is None else keep & mask.bool()

    def padding(self, pad_id: int | None) -> Tensor | None:
        """Which positions are padding, shape (rows, positions); None where nothing says so."""
        mask = self.get("mask")
        if mask is not None:
            return mask != 0 if _marks_padding(self.ids, mask) else mask == 0
        return None if pad_id is None else self.ids == pad_id

    def with_part(self, name: str, value: Tensor) -> Any:
        """The same batch with another tensor in one place; the original is not touched."""
        return _put(self.batch, self.paths[name], value)

    def rows(self, chosen: Sequence[int]) -> Any:
        """The same batch with some of its rows."""
        import torch

        count, index = self.ids.shape[0], torch.tensor(list(chosen), device=self.ids.device)
        return _map(self.batch, lambda tensor: tensor[index] if tensor.dim() and tensor.shape[0] == count else tensor)


def view_of(batch: Any, fields: Mapping[str, str | int] | None = None) -> View:
    """Find the parts of a batch; `fields` names them where guessing fails, such as `{"ids": 0, "labels": 2}`.

    Raises:
        CannotCheck: there are no word pieces in it, or its tensors cannot be told apart.
    """
    leaves = dict(_leaves(batch, ()))
    if not leaves:
        raise CannotCheck(f"a batch is a {type(batch).__name__} without tensors")
    named = {name: path for name, path in ((name, _named(leaves, name)) for name in NAMES) if path is not None}
    for name, key in (fields or {}).items():
        path = next((path for path in leaves if key in path), None)
        if path is None:
            raise CannotCheck(f"fields names {key!r} for the {name}, and a batch has no such place")
        named[name] = path
    if "ids" not in named:
        named = _guess(leaves, named) | named
    elif "labels" not in named:
        # Labels often stand beside a dictionary of inputs, without a name.
        guessed = _guess(leaves, named)
        named |= {name: path for name, path in guessed.items() if name == "labels" and isinstance(path[-1], int)}
    if "ids" not in named or leaves[named["ids"]].dim() != 2:
        raise CannotCheck("no word pieces (whole numbers, rows × positions) are found in a batch; name them: fields=")
    return View(batch=batch, paths=named)


def to_device(batch: Any, device: Any) -> Any:
    """The batch with its tensors on a device."""
    return _map(batch, lambda tensor: tensor.to(device))


def model_inputs(view: View) -> dict[str, Any]:
    """What a model is called with: the named tensors of a dictionary without labels, or word pieces and mask."""
    home = _at(view.batch, view.paths["ids"][:-1])
    if isinstance(home, Mapping):
        skipped = {path[-1] for name, path in view.paths.items() if name in ("labels", "label_mask")}
        return {name: value for name, value in home.items() if name not in skipped and hasattr(value, "dim")}
    mask = view.get("mask")
    if mask is not None and _marks_padding(view.ids, mask):
        mask = (mask == 0).long()
    return {"input_ids": view.ids} | ({} if mask is None else {"attention_mask": mask})


def _named(leaves: Mapping[Path, Tensor], name: str) -> Path | None:
    for wanted in NAMES[name]:
        for path in leaves:
            if str(path[-1]).lower() == wanted:
                return path
    return None


def _guess(leaves: Mapping[Path, Tensor], named: Mapping[str, Path]) -> dict[str, Path]:
    """Tell the tensors of a tuple apart: pieces are the largest whole numbers, a mask is a block of ones."""
    grids = [path for path, tensor in leaves.items() if tensor.dim() == 2 and not tensor.is_floating_point()]
    masks = [path for path in grids if _is_mask(leaves[path])]
    others = [path for path in grids if path not in masks]
    found: dict[str, Path] = {}
    pieces = [path for path in others if int(leaves[path].min()) >= 0]
    if not pieces:
        return {}
    found["ids"] = named.get("ids") or max(pieces, key=lambda path: int(leaves[path].max()))
    shape = leaves[found["ids"]].shape
    same = [path for path in others if path != found["ids"] and leaves[path].shape == shape]
    turned = [path for path in same if _in_blocks(leaves[path]) and _may_mark(leaves[found["ids"]], leaves[path])]
    counted = [path for path in same if _is_bool(leaves[path]) and path not in turned]
    same = [path for path in same if path not in (*turned, *counted)]
    attention = [path for path in masks if leaves[path].shape == shape] or turned
    if attention:
        found["mask"] = attention[0]
    filled = [path for path in same if bool(leaves[path].ne(0).any())]
    flat = [path for path, tensor in leaves.items() if tensor.dim() == 1 and tensor.shape[0] == shape[0]]
    if filled or same:
        found["labels"] = (filled or same)[-1]
        if len(attention) > 1:
            found["label_mask"] = attention[-1]
        elif counted:
            found["label_mask"] = counted[-1]
    elif flat:
        found["labels"] = flat[-1]
    return found


def _is_mask(tensor: Tensor) -> bool:
    """Only zeros and ones, and in every row one block of ones that touches an end."""
    if tensor.dtype.is_floating_point or int(tensor.min()) < 0 or int(tensor.max()) != 1:
        return False
    return _in_blocks(tensor) and bool((tensor.int().sum(1) > 0).all())


def _in_blocks(tensor: Tensor) -> bool:
    """Whether every row changes its value once at most."""
    return bool(((tensor.int().diff(dim=1) != 0).sum(1) <= 1).all())


def _is_bool(tensor: Tensor) -> bool:
    return str(tensor.dtype) == "torch.bool"


def _may_mark(ids: Tensor, mask: Tensor) -> bool:
    """Whether a block may mark padding: where it is set one and the same piece stands, or it is set nowhere."""
    return _marks_padding(ids, mask) and (_is_bool(mask) or bool(mask.any())) and int(mask.max()) <= 1


def _marks_padding(ids: Tensor, mask: Tensor) -> bool:
    """Whether a mask is set where padding is, as PyTorch's `key_padding_mask`, and not where words are.

    Where it is set one and the same piece stands, and elsewhere others do; a mask that is set nowhere marks none.
    """
    if mask.shape != ids.shape:
        return False
    where, elsewhere = ids[mask != 0].unique(), ids[mask == 0].unique()
    return len(where) == 0 or (len(where) == 1 and len(elsewhere) > 1)


def _leaves(batch: Any, path: Path) -> Iterator[tuple[Path, Tensor]]:
    if hasattr(batch, "dim") and hasattr(batch, "dtype"):
        yield path, batch
    elif isinstance(batch, Mapping):
        for name, value in batch.items():
            yield from _leaves(value, (*path, name))
    elif isinstance(batch, list | tuple):
        for place, value in enumerate(batch):
            yield from _leaves(value, (*path, place))


def _has_lists(batch: Any, leaves: set[int]) -> bool:
    """Whether a list of something else than tensors stands in a batch."""
    if id(batch) in leaves or isinstance(batch, str | int | float | bool | type(None)):
        return False
    if isinstance(batch, Mapping):
        return any(_has_lists(value, leaves) for value in batch.values())
    if isinstance(batch, list | tuple):
        plain = [value for value in batch if isinstance(value, str | int | float)]
        return bool(plain) or any(_has_lists(value, leaves) for value in batch)
    return True


def _at(batch: Any, path: Path) -> Any:
    for key in path:
        batch = batch[key]
    return batch


def _put(batch: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    return _with(batch, path[0], _put(batch[path[0]], path[1:], value))


def _with(batch: Any, key: str | int, value: Any) -> Any:
    if isinstance(batch, tuple):
        items = (*batch[:key], value, *batch[key + 1 :])
        return type(batch)(*items) if hasattr(batch, "_fields") else items
    changed = copy.copy(batch) if isinstance(batch, MutableMapping | list) else dict(batch)
    if hasattr(changed, "data") and changed.data is getattr(batch, "data", None):
        changed.data = dict(batch.data)  # a UserDict, as tokenizers give it, shares its content with its copy
    changed[key] = value
    return changed


def _map(batch: Any, change: Any) -> Any:
    for path, tensor in list(_leaves(batch, ())):
        batch = _put(batch, path, change(tensor))
    return batch


def join(batches: Sequence[Any], together: Any) -> Any:
    """Batches of one form as one, their tensors put together row by row by `together(tensors)`."""
    joined = batches[0]
    for path, _ in list(_leaves(joined, ())):
        joined = _put(joined, path, together([_at(batch, path) for batch in batches]))
    return joined
