"""A masked-language head for the offline encoder, trained on Newsroom's unlabelled text while the body stands still.

The head has the shape of BERT's: a dense layer, a layer norm, a bias for every piece of the vocabulary; scores are
products with the body's own word vectors. A tenth of the articles is held out and never trained on. Short trials on the
others choose the rate, with and without a bias that starts from how often each piece occurs; the judge is the held-out
tenth, so its loss is slightly flattering. The last cell trains on with the better choice and writes the file that the
book ships: beside the records, `language-head/offline.safetensors`.

Taught in: book/hybrid/hybrid-fine-tuning
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from companion.experiments.fixed_steps import fit
from companion.experiments.records import Cell, run_cells
from companion.experiments.text_systems import rounded
from companion.randomness import permutation

if TYPE_CHECKING:
    from torch import Tensor, nn

    from companion.tasks.masked_lm import MaskedLMEvaluator, MaskedLMTask

NAME = "language-head"
TRIALS = (("frequency", 3e-3), ("zero", 3e-3), ("frequency", 1e-2))
TRIAL_EPOCHS, EPOCHS, SEED, BATCH = 1, 5, 0, 32
SMOOTHING = 0.1
"""What is added to the count of every piece: of the values from 0.01 to 1, the one whose unigram guesses best."""
HELD_OUT = 0.1


class Sides(NamedTuple):
    """Unlabelled sentences, split by article."""

    train: list[str]
    """Nine tenths of the articles."""
    held_out: list[str]
    """The others; no experiment or chapter trains on them."""


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record and write the head; the fast profile makes two updates in each cell."""
    command = f"companion experiments {NAME} --profile {profile}"

    def go(cells: Sequence[tuple[str, float, int]]) -> list[Cell]:
        named = [{"bias": bias, "rate": rate, "epochs": epochs, "seed": SEED} for bias, rate, epochs in cells]
        return run_cells(NAME, named, measure_with, root=root, command=command, say=say)

    def measure_with(**factors: Any) -> dict[str, Any]:
        out = root.parent / NAME if factors["epochs"] == EPOCHS else None
        return measure(**factors, updates=None if profile == "full" else 2, out=out)

    tried = go([(bias, rate, TRIAL_EPOCHS) for bias, rate in TRIALS])
    if len(tried) < len(TRIALS):
        return tried
    best = min(tried, key=lambda cell: cell.result["loss"]).factors
    return [*tried, *go([(best["bias"], best["rate"], EPOCHS)])]


def measure(*, bias: str, rate: float, epochs: int, seed: int, updates: int | None, out: Path | None) -> dict[str, Any]:
    """Held-out loss (nats a hidden piece) and accuracy, fresh and trained, and the loss of guessing by frequency."""
    from companion.adaptation.apply import adapt
    from companion.adaptation.methods import HeadOnly
    from companion.models.encoder import load_encoder
    from companion.tasks.masked_lm import MaskedLMTask

    task, text = MaskedLMTask(load_encoder()), sides()
    held_out = text.held_out if updates is None else text.held_out[:20]
    judge, frequencies = task.evaluator(held_out), log_frequencies(task, text.train)
    # The body stands still, so its dropout would only make its hidden states noisy.
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    model = adapt(task.encoder.model_with_head("ForMaskedLM", seed=seed, **still), HeadOnly())
    before = judge(model)
    if bias == "frequency":
        start_from(model, frequencies)
    source = task.batches(text.train, batch_size=BATCH)
    steps = epochs * source.updates(0) if updates is None else updates
    run = fit(model, source, task.objective, steps=steps, rate=rate, seed=seed, weight_decay=0.0)
    after = judge(run.model)
    found = {
        "loss": after["masked_lm_loss"],
        "accuracy": after["masked_accuracy"],
        "fresh_loss": before["masked_lm_loss"],
        "fresh_accuracy": before["masked_accuracy"],
        "unigram_loss": unigram_loss(judge, frequencies),
    }
    facts = {
        "parameters": sum(one.numel() for one in run.model.parameters() if one.requires_grad),
        "updates": run.steps,
        "train_sentences": len(text.train),
        "held_out_sentences": len(held_out),
    }
    written = {} if out is None else write_head(run.model, out, found)
    return {**rounded(found), **facts, **written}


@cache
def sides(topic: str = "") -> Sides:
    """Newsroom's unlabelled sentences in two parts, of one topic or of all; none of them is a labelled sentence.

    Taught in: book/hybrid/hybrid-fine-tuning
    """
    from companion.corpora.unlabelled import load_unlabelled

    stories = load_unlabelled()
    apart = set(permutation(len(stories), SEED, NAME)[: round(HELD_OUT * len(stories))])
    parts: tuple[list[str], list[str]] = ([], [])
    for place, story in enumerate(stories):
        if topic in {"", story.topic}:
            parts[place in apart].extend(story.sentences)
    return Sides(*parts)


def log_frequencies(task: MaskedLMTask, texts: Sequence[str]) -> Tensor:
    """The smoothed log-probability of every piece of the vocabulary in these texts, shape (vocabulary,)."""
    import torch

    special = set(task.encoder.tokenizer.all_special_ids)
    counts = Counter(piece for row in task.rows(texts) for piece in row if piece not in special)
    size = task.encoder.config.vocab_size
    total = sum(counts.values()) + SMOOTHING * size
    return torch.tensor([math.log((counts[piece] + SMOOTHING) / total) for piece in range(size)])


def unigram_loss(judge: MaskedLMEvaluator, frequencies_V: Tensor) -> float:
    """The loss, on the judge's masks, of a guess that knows how often each piece occurs and nothing else."""
    import torch

    from companion.encoding.contract import IGNORE_INDEX

    gold = []
    for update in range(judge.source.updates(0)):
        [(part, ids)] = judge.source.window(0, update).items()
        labels_BT = judge.source.collate(part, ids)["labels"]
        gold.append(labels_BT[labels_BT != IGNORE_INDEX])
    return -float(frequencies_V[torch.cat(gold)].mean())


def start_from(model: nn.Module, frequencies_V: Tensor) -> None:
    """Put the log-frequencies into the head's bias."""
    import torch

    with torch.no_grad():
        model.cls.predictions.bias.copy_(frequencies_V)


def write_head(model: nn.Module, folder: Path, found: dict[str, float]) -> dict[str, Any]:
    """Write the head in bf16 and a page about it; returns the file's digest and size."""
    from safetensors.torch import save_file

    from companion.models.language_head import FILE, take_language_head
    from companion.models.offline import file_digest

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / Path(FILE).name
    save_file(take_language_head(model), path)
    digest = file_digest(path)
    (folder / "README.md").write_text(CARD.format(digest=digest, **found), encoding="utf-8", newline="\n")
    return {"sha256": digest, "bytes": path.stat().st_size}


CARD = """\
# A masked-language head for the offline encoder

`offline.safetensors` holds a dense layer, a layer norm and a bias for every word piece, in bf16, under the names that
BERT's head has in transformers. It belongs to all-MiniLM-L6-v2, which was published without such a head. The scores are
products with that encoder's own word vectors, which are not part of this file.

Made by `companion experiments language-head --profile full`: the body frozen, the head trained on nine tenths of the
articles in `newsroom/unlabelled`. On the tenth that was held out it loses {loss:.3f} nats a hidden piece, a fresh head
{fresh_loss:.3f}, and a guess by frequency alone {unigram_loss:.3f}; it guesses {accuracy:.1%} of the hidden pieces.

Licence: CC0-1.0, as the text it was trained on. sha256 {digest}
"""
