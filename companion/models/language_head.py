"""The offline encoder's masked-language head: trained on the frozen body, and kept with the book's data.

The encoder came without one. A fresh head knows no word, so that the first hundreds of updates of hybrid fine-tuning
would teach the body nothing but the head's ignorance. `companion experiments language-head` makes the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from companion.errors import ModelError
from companion.models.encoder import OFFLINE, Encoder
from companion.models.offline import HUB_NAME, file_digest, offline_folder

if TYPE_CHECKING:
    from torch import Tensor, nn

    from companion.models.miniature import MiniEncoder

FILE = "language-head/offline.safetensors"
DIGEST = "5e9c0b2d8b6347d26cce24d96f30926abed79baba46b8a987c52a17c2ee566a5"
HEAD = "cls.predictions."
NAMES = (
    "bias",
    "transform.LayerNorm.bias",
    "transform.LayerNorm.weight",
    "transform.dense.bias",
    "transform.dense.weight",
)
"""What is stored; the scores themselves are products with the body's word vectors, which are not."""


def has_language_head(encoder: Encoder | MiniEncoder) -> bool:
    """Whether the stored head belongs to this encoder: the offline one, wherever its files came from, and no other."""
    if encoder.name != OFFLINE or not isinstance(encoder, Encoder):
        return False
    return encoder.location in {HUB_NAME, str(offline_folder())}


def put_language_head(model: nn.Module, path: Path | None = None) -> nn.Module:
    """Give a masked-language model of the offline encoder its trained head, in fp32; the body is left as it is.

    Raises:
        ModelError: the file is missing, or is not byte for byte the one that this version was published with.

    Taught in: book/hybrid/hybrid-fine-tuning
    """
    import torch
    from safetensors.torch import load_file

    if path is None:
        from companion.corpora.location import data_root

        path = data_root() / FILE
    found = file_digest(path) if path.is_file() else "no such file"
    if found != DIGEST:
        raise ModelError(
            f"not the masked-language head that belongs here: sha256 {DIGEST} expected, found {found}",
            file=path,
            remedy="install the package again, or ask for a fresh head: MaskedLMTask(…).model(fresh_head=True)",
        )
    own = model.state_dict(keep_vars=True)
    with torch.no_grad():
        for name, tensor in load_file(path).items():
            own[HEAD + name].copy_(tensor)
    return model


def take_language_head(model: nn.Module) -> dict[str, Tensor]:
    """The head's weights in bf16, by the names they are stored under."""
    import torch

    state: Mapping[str, Tensor] = model.state_dict()
    return {name: state[HEAD + name].detach().to(torch.bfloat16).contiguous() for name in NAMES}
