"""What λ trades: how well names are tagged against how much of the language is kept, in a world that is known.

A small BERT reads a micro-language by masked-language training and is then fine-tuned on a few labelled sentences. It
is judged on names that were never labelled. In the world "read", the text of the hybrid arms is more of the text that
it was pre-trained on. In the world "new", the pre-training text lacked those names, and only the text of the hybrid
arms has them: the encoder meets a new domain.

Arms: "joint" minimises supervised + λ · masked-LM, λ = 0 being plain fine-tuning, all for the same number of supervised
steps; "longer" is plain fine-tuning for as many word pieces as a hybrid arm reads; "frozen" trains the head alone;
"sequence" reads the text first, for as many updates as "joint" reads it, and is then fine-tuned.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from companion.adaptation.apply import adapt
from companion.adaptation.methods import Full, HeadOnly
from companion.corpora.microlanguage import MicroLanguage
from companion.encoding.mixing import JointBatches
from companion.experiments.records import Cell, run_cells
from companion.models.miniature import MiniEncoder, mini_encoder
from companion.models.shared import SharedBody
from companion.objectives.masked_lm import MaskedLMCrossEntropy
from companion.objectives.mixture import Mixture
from companion.recipes.hybrid import pieces_read, take_body, updates_for
from companion.tasks.masked_lm import MaskedLMTask
from companion.tasks.tokens import TokenTask
from companion.training.config import TrainConfig
from companion.training.loop import train

if TYPE_CHECKING:
    from torch import nn

    from companion.corpora.records import Sentence

NAME = "lambda-front"
WORLDS = ("read", "new")
WEIGHTS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)
OTHERS = ("longer", "frozen", "sequence")
SEEDS = range(5)
RATE, SHARE = 3e-3, 0.3
TEXT, LABELLED, BATCH, TEXT_BATCH = 4000, 64, 32, 64
LABELLED_PART, TEXT_PART = "labelled", "unlabelled"


class Sizes(NamedTuple):
    """How much of everything; the defaults are the record's."""

    pretraining: int = 600
    """Updates of masked-language training beforehand."""
    steps: int = 80
    """Supervised steps of every arm but "longer"."""
    test: int = 300
    """Judged sentences."""
    held_out: int = 200
    """Held-out sentences for the language."""


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record; the fast profile is one seed and two λ, and two updates for each model."""
    full = profile == "full"
    arms = [("joint", weight) for weight in (WEIGHTS if full else (0.0, 1.0))]
    arms += [(arm, 1.0 if arm == "sequence" else 0.0) for arm in (OTHERS if full else ())]
    cells = [
        {"world": world, "arm": arm, "weight": weight, "seed": seed}
        for seed in (SEEDS if full else SEEDS[:1])
        for world in WORLDS
        for arm, weight in arms
    ]
    command = f"companion experiments {NAME} --profile {profile}"
    return run_cells(NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say)


def measure(*, world: str, arm: str, weight: float, seed: int, full: bool) -> dict[str, Any]:
    """F1 on the judged names, the masked-language loss on held-out text before and after, and what it cost."""
    size = Sizes() if full else Sizes(pretraining=2, steps=2, test=20, held_out=20)
    language, speaker = MicroLanguage(seed=seed), pretrained(world, seed, size.pretraining)
    encoder = bare(seed).with_body(speaker)
    corpus, masking = language.corpus(train=LABELLED, dev=1, test=1), MaskedLMTask(encoder, share=SHARE)
    tagging = TokenTask(corpus.labels, encoder)
    labelled = tagging.batches(corpus.train, batch_size=BATCH)
    text = masking.batches(language.text(TEXT), batch_size=TEXT_BATCH)
    both = JointBatches({LABELLED_PART: labelled, TEXT_PART: text})
    judge = masking.evaluator(language.text(size.held_out, purpose="held out"))
    speaker, tagger, read = copy.deepcopy(speaker), tagging.model(seed=seed), 0
    before = judge(speaker)["masked_lm_loss"]
    if arm == "sequence":
        _train(speaker, text, masking.objective, seed, size.steps)
        read = pieces_read(text, size.steps, seed)
        take_body(tagger, speaker)
    if arm == "joint" and weight:
        shared = SharedBody({LABELLED_PART: tagger, TEXT_PART: speaker})
        objective = Mixture(tagging.objective, MaskedLMCrossEntropy(weight=weight))
        _train(shared, both, objective, seed, size.steps)
        read = pieces_read(both, size.steps, seed)
    else:
        steps = size.steps
        if arm == "longer":
            steps = updates_for(labelled, pieces_read(both, steps, seed), seed)
        method = HeadOnly() if arm == "frozen" else Full()
        _train(adapt(tagger, method), labelled, tagging.objective, seed, steps)
        read += pieces_read(labelled, steps, seed)
        # The language head that the encoder was pre-trained with, on the body as it is now.
        take_body(speaker, tagger)
    found = tagging.evaluator(judged(language, size.test)).report(tagger, bootstrap=0)
    return {
        "f1": round(found.entity_f1 or 0.0, 6),
        "loss_before": round(before, 6),
        "loss": round(judge(speaker)["masked_lm_loss"], 6),
        "word_pieces": read,
    }


def late_names(language: MicroLanguage) -> set[str]:
    """Every other name of those that are never labelled: what the pre-training text of the world "new" lacks."""
    edge = language.labelled_per_category
    return {name for names in language.names.values() for name in names[edge::2]}


def judged(language: MicroLanguage, count: int) -> list[Sentence]:
    """Test sentences about those names, the same in both worlds."""
    late = late_names(language)
    rows = language.sentences(3 * count, purpose="test", names="unlabelled")
    return [row for row in rows if row.meta["name"] in late][:count]


@cache
def pretrained(world: str, seed: int, updates: int) -> nn.Module:
    """A small BERT with its language head after so many updates on the text of its world."""
    language = MicroLanguage(seed=seed)
    late = late_names(language) if world == "new" else set()
    text = [row for row in language.text(TEXT, purpose="pre-training") if row.meta["name"] not in late]
    task = MaskedLMTask(bare(seed), share=SHARE)
    model = task.model(seed=seed)
    _train(model, task.batches(text, batch_size=TEXT_BATCH), task.objective, seed, updates)
    return model.eval()


def bare(seed: int) -> MiniEncoder:
    """The encoder of a world, with random weights."""
    return mini_encoder(MicroLanguage(seed=seed).vocabulary, dropout=0.0)


def _train(model: nn.Module, source: Any, objective: Any, seed: int, updates: int) -> None:
    config = TrainConfig(
        epochs=updates,
        max_updates=updates,
        learning_rate=RATE,
        seed=seed,
        precision="fp32",
        device="cpu",
        progress=False,
    )
    train(model, source, objective, config, say=lambda line: None)
