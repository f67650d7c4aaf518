"""What pre-training buys: the category of names that no label was ever spent on.

One small BERT per cell reads a micro-language by masked-language training, or does not, and is then fine-tuned on 400
labelled sentences that hold 8 of the 60 names of each category. It is judged on the 52 others. Mask rate and number of
updates vary; first weights, text and labels depend on the seed alone. Where nothing was pre-trained, a second question
is asked: what do labels for *every* name buy, as many as before and eight times as many?

Taught in: book/foundations/a-bert-from-scratch
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.experiments.records import Cell, run_cells

if TYPE_CHECKING:
    from torch import nn

    from companion.corpora.microlanguage import MicroLanguage
    from companion.corpora.records import Sentence
    from companion.models.miniature import MiniEncoder
    from companion.training.outcome import Run

NAME = "what-pretraining-buys"
SEEDS = range(5)
GRID_SEEDS = range(2)
SHARES = (0.05, 0.15, 0.3, 0.6)
"""Of a sentence's words, the share that is hidden."""
UPDATES = (200, 400, 600, 800)
SHARE, MASKED = 0.3, 0.8
"""The mask rate of the chapter, and BERT's 80 % of hidden words that become `[MASK]`."""
RATE = 3e-3
TEXT, LABELLED, EPOCHS, BATCH = 4000, 400, 5, 64


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record: all arms and the grid, or (fast) one seed and little pre-training."""
    if profile == "full":
        grid = [(0, SHARE, MASKED), (UPDATES[-1], SHARE, MASKED), (UPDATES[-1], SHARE, 1.0)]
        grid += [cell for cell in product(UPDATES, SHARES, [MASKED]) if cell != grid[1]]
        # What the chapter's sentences rest on is measured first, for all seeds.
        order = [(chosen, seed) for chosen in grid[:3] for seed in SEEDS]
        order += [(chosen, seed) for seed in GRID_SEEDS for chosen in grid[3:]]
    else:
        order = [((updates, SHARE, MASKED), 0) for updates in (0, 20)]
    cells = [
        {"updates": updates, "share": share, "masked": masked, "seed": seed} for (updates, share, masked), seed in order
    ]
    return run_cells(
        NAME, cells, measure, root=root, command=f"companion experiments {NAME} --profile {profile}", say=say
    )


def measure(*, updates: int, share: float, masked: float, seed: int) -> dict[str, Any]:
    """F1 on names never labelled and on labelled ones, the masked-language loss, and how names sit together."""
    from companion.corpora.microlanguage import MicroLanguage

    language = MicroLanguage(seed=seed)
    pretrained, judged = pretrain(language, updates=updates, share=share, masked=masked)
    corpus = language.corpus(train=LABELLED)
    new, known = fine_tuned_f1(
        pretrained, corpus.train, corpus.test, language.sentences(LABELLED, purpose="test"), seed=seed
    )
    result = {
        "never_labelled_f1": new,
        "labelled_f1": known,
        "neighbours_of_one_category": neighbours_of_one_category(language, pretrained),
        "pretraining_rows": updates * BATCH,
        "fine_tuning_rows": EPOCHS * LABELLED,
        **judged,
    }
    if not updates:
        for count in (LABELLED, 8 * LABELLED):
            every_name = language.sentences(count, purpose="every name", names="all")
            [result[f"every_name_f1_{count}"]] = fine_tuned_f1(pretrained, every_name, corpus.test, seed=seed)
    return result


def pretrain(
    language: MicroLanguage, *, updates: int, share: float = SHARE, masked: float = MASKED
) -> tuple[MiniEncoder, dict[str, float]]:
    """An encoder that has read the language's text for so many updates, and its loss and accuracy on fixed masks.

    What is hidden and does not become `[MASK]` is halved: one half becomes a random word, the other stays.

    Taught in: book/foundations/a-bert-from-scratch
    """
    from companion.encoding.masking import Masking
    from companion.models.miniature import mini_encoder
    from companion.tasks.masked_lm import MaskedLMTask

    fresh = mini_encoder(language.vocabulary, dropout=0.0)
    # One rate judges all, so that the losses of different arms can be compared.
    judge = MaskedLMTask(fresh, share=SHARE).evaluator(language.text(200, purpose="held out"))
    task = MaskedLMTask(fresh, share=share)
    task.masking = Masking(share=share, masked=masked, random=(1 - masked) / 2)
    model = task.model(seed=language.seed)
    if updates:
        batches = task.batches(language.text(TEXT), batch_size=BATCH)
        epochs = -(-updates // batches.updates(0))
        model = _train(model, batches, task.objective, language.seed, epochs=epochs, max_updates=updates).model
    return fresh.with_body(model), judge(model)


def fine_tuned_f1(
    encoder: MiniEncoder, labelled: Sequence[Sentence], *judged: Sequence[Sentence], seed: int = 0
) -> list[float]:
    """Entity F1 on each of `judged` after five epochs of fine-tuning on `labelled`; 0 where no entity is found.

    Taught in: book/foundations/a-bert-from-scratch
    """
    from companion.corpora.microlanguage import MicroLanguage
    from companion.tasks.tokens import TokenTask

    task = TokenTask(MicroLanguage().corpus(train=1, dev=1, test=1).labels, encoder)
    run = _train(task.model(seed=seed), task.batches(labelled), task.objective, seed, epochs=EPOCHS)
    return [task.evaluator(part).report(run.model, bootstrap=0).entity_f1 or 0.0 for part in judged]


def neighbours_of_one_category(language: MicroLanguage, encoder: MiniEncoder) -> float:
    """The share of names whose nearest name, by the cosine of word embeddings, is of their own category."""
    import torch

    names = list(language.category_of)
    rows = encoder.tokenizer.convert_tokens_to_ids(names)
    table_VD = encoder.body.embeddings.word_embeddings.weight.detach()
    unit_ND = torch.nn.functional.normalize(table_VD[rows], dim=1)
    nearest = (unit_ND @ unit_ND.T).fill_diagonal_(-2).argmax(1).tolist()
    same = [
        language.category_of[names[n]] == kind for n, kind in zip(nearest, language.category_of.values(), strict=True)
    ]
    return sum(same) / len(same)


def _train(model: nn.Module, batches: Any, objective: Any, seed: int, **settings: Any) -> Run:
    from companion.training.config import TrainConfig
    from companion.training.loop import train

    config = TrainConfig(precision="fp32", device="cpu", seed=seed, learning_rate=RATE, progress=False, **settings)
    return train(model, batches, objective, config, say=lambda line: None)
