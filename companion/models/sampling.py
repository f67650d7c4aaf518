"""From the scores of the next piece to the probabilities it is drawn with: temperature, then the nucleus."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from companion.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor


def next_piece_probabilities(logits_V: Tensor, *, temperature: float = 1.0, top_p: float = 1.0) -> Tensor:
    """What the next piece is drawn with, shape (vocabulary,): softmax of logits / temperature, its tail cut to 0.

    Kept are the most probable pieces, as few as reach `top_p` together, and they are scaled to sum to 1 again.
    Temperature 0 stands for greedy decoding: the best piece has probability 1.

    Raises:
        ConfigError: the temperature is negative, or `top_p` no share above 0.

    Follows: Holtzman et al. (2020), nucleus sampling.
    Taught in: book/outlook/from-encoders-to-generation
    """
    import torch

    check_sampling(temperature, top_p)
    if temperature == 0:
        return torch.zeros_like(logits_V).index_fill(0, logits_V.argmax(), 1.0)
    probabilities_V, order_V = (logits_V / temperature).softmax(-1).sort(descending=True)
    before_V = probabilities_V.cumsum(-1) - probabilities_V
    kept_V = torch.where(before_V < top_p, probabilities_V, 0.0)
    return torch.zeros_like(logits_V).scatter(0, order_V, kept_V / kept_V.sum())


def check_sampling(temperature: float, top_p: float) -> None:
    """Raise unless these two can be sampled with.

    Raises:
        ConfigError: the temperature is negative or no number, or `top_p` is not above 0 and at most 1.
    """
    if not 0.0 <= temperature < math.inf:
        raise ConfigError(f"temperature is {temperature!r}", remedy="choose 0 (greedy) or a number above it")
    if not 0.0 < top_p <= 1.0:
        raise ConfigError(f"top_p is {top_p!r}", remedy="choose a share above 0, 1.0 keeps every piece")
