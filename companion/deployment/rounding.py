"""Weights by hand in fewer bits: whole numbers and one scale for each row, as int8 files hold them."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from companion.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, kw_only=True, slots=True)
class Rounded:
    """A matrix as whole numbers from -(2^(bits-1) - 1) to 2^(bits-1) - 1, and the scale of each row."""

    values: Tensor
    """The whole numbers, int8, shape (rows, columns)."""
    scale: Tensor
    """What one step is worth, fp32, shape (rows, 1)."""
    bits: int
    """How many bits a whole number needs."""

    def restore(self) -> Tensor:
        """The matrix that the numbers stand for, fp32; every entry is within half a step of the original."""
        return self.values.to(torch.float32) * self.scale

    @property
    def bytes(self) -> int:
        """What values (packed) and scales take."""
        return -(-self.values.numel() * self.bits // 8) + self.scale.numel() * self.scale.element_size()


def round_matrix(weight: Tensor, *, bits: int = 8) -> Rounded:
    """Round each row of a matrix to whole multiples of a step: its largest absolute value over 2^(bits-1) - 1.

    The range is symmetric, so that zero stays zero exactly. `(weight - restored).abs() <= scale / 2` for every entry,
    up to the rounding of the arithmetic itself.

    Raises:
        ConfigError: the weight is no matrix, is not finite, or bits is outside 2 to 8.

    Follows: symmetric quantisation with one scale per output channel, as onnxruntime's `quantize_dynamic` stores it.
    Taught in: book/engineering/compression
    """
    if isinstance(bits, bool) or not isinstance(bits, int) or not 2 <= bits <= 8:
        raise ConfigError(f"bits is {bits!r}", remedy="give a whole number from 2 to 8")
    if weight.dim() != 2 or not bool(torch.isfinite(weight).all()):
        raise ConfigError(
            f"a weight of shape {tuple(weight.shape)} cannot be rounded row by row", remedy="give a finite matrix"
        )
    most = 2 ** (bits - 1) - 1
    largest = weight.detach().float().abs().amax(dim=1, keepdim=True)
    # A row of zeros has no step; any step restores it.
    scale = torch.where(largest > 0, largest / most, torch.ones_like(largest))
    values = (weight.detach().float() / scale).round().clamp(-most, most)
    return Rounded(values=values.to(torch.int8), scale=scale, bits=bits)


def round_weights(model: nn.Module, *, bits: int = 8) -> tuple[nn.Module, int]:
    """A copy whose matrices and tables hold rounded values only, and the bytes that all its weights would take.

    It computes in fp32, no faster than before: this shows what rounding the *weights* does to the answers, and nothing
    of the speed. Vectors (biases, normalisations) stay as they are.

    Raises:
        ConfigError: bits is outside 2 to 8.

    Taught in: book/engineering/compression
    """
    rounded, size = copy.deepcopy(model), 0
    tables = {part.weight for part in rounded.modules() if isinstance(part, nn.Linear | nn.Embedding)}
    for parameter in rounded.parameters():
        if parameter in tables:
            found = round_matrix(parameter, bits=bits)
            parameter.data, size = found.restore(), size + found.bytes
        else:
            size += parameter.numel() * parameter.element_size()
    return rounded, size


def sparse_bytes(weights: Iterable[Tensor]) -> int:
    """What tensors take where a bit says of each entry whether it is zero, and only the others are stored."""
    return sum(-(-weight.numel() // 8) + int((weight != 0).sum()) * weight.element_size() for weight in weights)
