"""What λ trades: how well names are tagged against how much of the language is kept, in a world that is known.

A small BERT reads a micro-language by masked-language training and is then fine-tuned on a few labelled sentences. It
is judged on names that were never labelled. In the world "read", the text of the hybrid arms is more of the text that
it was pre-trained on. In the world "new", the pre-training text lacked those names, and only the text of the hybrid
arms has them: the encoder meets a new domain.

The arms are those of `hybrid_arms`.

Taught in: book/hybrid/hybrid-fine-tuning
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from companion.corpora.microlanguage import MicroLanguage
from companion.experiments.fixed_steps import fit
from companion.experiments.hybrid_arms import OTHERS, fit_arm
from companion.experiments.records import Cell, run_cells
from companion.models.miniature import MiniEncoder, mini_encoder
from companion.tasks.masked_lm import MaskedLMTask
from companion.tasks.tokens import TokenTask

if TYPE_CHECKING:
    from torch import nn

    from companion.corpora.records import Sentence

NAME = "lambda-front"
WORLDS = ("read", "new")
WEIGHTS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)
SEEDS = range(10)
RATE, SHARE = 3e-3, 0.3
TEXT, LABELLED, BATCH, TEXT_BATCH = 4000, 64, 32, 64


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
    judge = masking.evaluator(language.text(size.held_out, purpose="held out"))
    speaker, tagger = copy.deepcopy(speaker), tagging.model(seed=seed)
    before = judge(speaker)["masked_lm_loss"]
    read = fit_arm(
        arm,
        weight,
        models=(tagger, speaker),
        sources=(labelled, text),
        objective=tagging.objective,
        steps=size.steps,
        rate=RATE,
        seed=seed,
    )
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
    batches = task.batches(text, batch_size=TEXT_BATCH)
    fit(model, batches, task.objective, steps=updates, rate=RATE, seed=seed)
    return model.eval()


def bare(seed: int) -> MiniEncoder:
    """The encoder of a world, with random weights."""
    return mini_encoder(MicroLanguage(seed=seed).vocabulary, dropout=0.0)
