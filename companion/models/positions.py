"""How many word pieces a body has positions for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PretrainedConfig

RESERVING = {
    "camembert",
    "data2vec-text",
    "esm",
    "ibert",
    "longformer",
    "luke",
    "mpnet",
    "roberta",
    "roberta-prelayernorm",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
}
"""Models that keep the positions up to the padding id for themselves, as RoBERTa does."""


def positions_of(config: PretrainedConfig | None) -> int | None:
    """The longest input in word pieces, special tokens included; None where nothing is said, or there is no end."""
    positions = getattr(config, "max_position_embeddings", None)
    # XLNet, whose positions are relative, says -1.
    if positions is None or positions < 1:
        return None
    if getattr(config, "model_type", None) in RESERVING:
        positions -= (getattr(config, "pad_token_id", None) or 0) + 1
    return positions
