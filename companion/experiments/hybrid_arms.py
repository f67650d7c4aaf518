"""The arms that the experiments on hybrid fine-tuning compare, all with the same rows, first weights and seed.

"joint" minimises supervised + λ · masked-LM, λ = 0 being plain fine-tuning. "longer" is plain fine-tuning for as many
word pieces as a joint arm reads. "frozen" trains the head alone, also at several times everybody's learning rate, since
a head alone wants a larger one. "sequence" reads the text first, for as many updates as "joint" reads it, and is then
fine-tuned. The number of supervised steps is the same in all but "longer".

Taught in: book/hybrid/hybrid-fine-tuning
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from companion.adaptation.apply import adapt
from companion.adaptation.methods import Full, HeadOnly
from companion.encoding.mixing import JointBatches
from companion.experiments.fixed_steps import fit
from companion.models.shared import SharedBody
from companion.objectives.masked_lm import MaskedLMCrossEntropy
from companion.objectives.mixture import Mixture
from companion.recipes.hybrid import LABELLED, UNLABELLED, pieces_read, take_body, updates_for

if TYPE_CHECKING:
    from torch import nn

    from companion.encoding.source import RowBatches

HEAD_ALONE = {"frozen": 1, "frozen-3": 3, "frozen-10": 10, "frozen-30": 30}
"""The arms that train the head alone, each with how many times everybody's learning rate it takes."""
OTHERS = ("longer", *HEAD_ALONE, "sequence")


def fit_arm(
    arm: str,
    weight: float,
    *,
    models: tuple[nn.Module, nn.Module],
    sources: tuple[RowBatches, RowBatches],
    objective: Any,
    steps: int,
    rate: float,
    seed: int,
    after_text: Callable[[], None] | None = None,
) -> int:
    """Train a labelled model and a masked-language model, in place, as the arm says; returns the word pieces read.

    `models` and `sources` are those of the labelled rows and of the text, `objective` is that of the labelled rows.
    Where an arm does not train the language model, it gets the body that the arm made, under the head it came with.
    `after_text` is called between the two stages of "sequence", when the language model has read and not yet changed.

    Taught in: book/hybrid/hybrid-fine-tuning
    """
    (tagger, speaker), (labelled, text) = models, sources
    both, read = JointBatches({LABELLED: labelled, UNLABELLED: text}), 0
    if arm == "joint" and weight:
        shared = SharedBody({LABELLED: tagger, UNLABELLED: speaker})
        fit(shared, both, Mixture(objective, MaskedLMCrossEntropy(weight=weight)), steps=steps, rate=rate, seed=seed)
        return pieces_read(both, steps, seed)
    if arm == "sequence":
        fit(speaker, text, MaskedLMCrossEntropy(), steps=steps, rate=rate, seed=seed)
        read = pieces_read(text, steps, seed)
        if after_text is not None:
            after_text()
        take_body(tagger, speaker)
    if arm == "longer":
        steps = updates_for(labelled, pieces_read(both, steps, seed), seed)
    method = HeadOnly() if arm in HEAD_ALONE else Full()
    rate *= HEAD_ALONE.get(arm, 1)
    fit(adapt(tagger, method), labelled, objective, steps=steps, rate=rate, seed=seed)
    take_body(speaker, tagger)
    return read + pieces_read(labelled, steps, seed)
