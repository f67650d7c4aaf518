"""How deep each parameter of a model lies, read from its name: embeddings deepest, then the layers, the head on top.

Layer-wise learning-rate decay (Howard and Ruder 2018 as discriminative fine-tuning; Clark et al. 2020 for BERT-like
models) gives what lies deeper a lower rate: the lowest layers carry what is general and should move least.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from companion.errors import ConfigError

LAYER = re.compile(r"^(.*?)\b(?:layers?|h|blocks?)\.(\d+)\.")


def depths_of(names: Iterable[str]) -> dict[str, int]:
    """For each parameter's name its depth from the top: 0 the head, 1 the top layer, and the embeddings below layer 0.

    Layers are what is called `layer.N.`, `layers.N.`, `h.N.` or `block.N.`; the first number in a name counts. What
    stands before the first layer belongs to the embeddings, and so does a table within the body (DeBERTa's positions);
    what follows the last one is the head.

    Raises:
        ConfigError: there are no layers, or two stacks of them.
    """
    names = list(names)
    found = {name: match for name in names if (match := LAYER.match(name))}
    stems = sorted({match[1] for match in found.values()})
    if len(stems) != 1:
        problem = f"has {len(stems)} stacks of them" if stems else "trains nothing called layer.N"
        raise ConfigError(
            f"layer_decay needs layers with a depth, but this model {problem}",
            remedy="set layer_decay=1.0, or train layers named layer.N, layers.N, h.N or block.N",
        )
    first = next(place for place, name in enumerate(names) if name in found)
    layers = 1 + max(int(match[2]) for match in found.values())
    depths = {}
    for place, name in enumerate(names):
        if name in found:
            depths[name] = layers - int(found[name][2])
        else:
            embeds = place < first or (name.startswith(stems[0]) and "embed" in name)
            depths[name] = layers + 1 if embeds else 0
    return depths


def describe_decay(names: Iterable[str], learning_rate: float, decay: float) -> str:
    """The peak rate of each depth, from the head down, for people."""
    depths = sorted(set(depths_of(names).values()))
    rates = ", ".join(f"{learning_rate * decay**depth:.2g}" for depth in depths)
    return f"{len(depths)} depths from the head down to the embeddings, peak rates {rates}"
