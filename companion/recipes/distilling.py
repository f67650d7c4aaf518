"""A large model teaches a small one, in one call: the same loop, with the teacher's answers beside the labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from companion.adaptation.apply import adapt
from companion.adaptation.methods import Full
from companion.corpora.records import Sentence
from companion.errors import ConfigError
from companion.objectives.distillation import Distillation
from companion.recipes.supervised import FineTuned
from companion.training.config import TrainConfig
from companion.training.loop import train

if TYPE_CHECKING:
    from torch import nn

    from companion.corpora.records import Corpus
    from companion.corpora.texts import Text, TextCorpus
    from companion.tasks.texts import TextTask
    from companion.tasks.tokens import TokenTask


def distil(
    task: TokenTask | TextTask,
    teacher: nn.Module,
    student: nn.Module,
    corpus: Corpus | TextCorpus,
    config: TrainConfig | None = None,
    *,
    weight: float = 1.0,
    temperature: float = 2.0,
    unlabelled: Sequence[Any] = (),
    batch_size: int = 32,
    say: Callable[[str], None] = print,
) -> FineTuned:
    """Train a student on the labels of a corpus and, beside them, on the teacher's softened answers.

    The student reads the same word pieces as the teacher: fewer layers of it (`drop_layers`), or a small body with its
    tokenizer (`mini_encoder_like`). Sentences or texts of `unlabelled` get the teacher's answers as their labels and
    join the rows of training: their own labels are not read. The best weights by the task's score on dev are kept,
    where there is a dev part.

    Raises:
        ConfigError: the corpus has no rows, the task is a regression, or the weight or temperature is out of range.
        ObjectiveError: the student has fewer classes than the teacher.

    Follows: Hinton, Vinyals and Dean (2015); Sanh et al. (2019), "DistilBERT".
    Taught in: book/engineering/compression
    """
    if getattr(task.settings, "kind", "single") != "single":
        raise ConfigError(
            "the task gives no single label", remedy="distil a tagger, or a classifier with one label per text"
        )
    if student is teacher:
        raise ConfigError("the student is the teacher itself", remedy="give a smaller model, or a copy")
    rows = [*corpus.train, *answered(task, teacher, unlabelled)]
    run = train(
        adapt(student, Full()),
        task.batches(rows, batch_size=batch_size),
        Distillation(task.objective, teacher, weight=weight, temperature=temperature),
        config or TrainConfig(),
        evaluate=task.evaluator(corpus.dev) if len(corpus.dev) else None,
        say=say,
    )
    return FineTuned(run=run, task=task, corpus=corpus)


def answered(
    task: TokenTask | TextTask, teacher: nn.Module, rows: Sequence[Sentence] | Sequence[Text]
) -> list[Sentence] | list[Text]:
    """The rows with the teacher's answers as their labels."""
    if not rows:
        return []
    found = task.predict(teacher, rows)
    if isinstance(rows[0], Sentence):
        return [replace(row, tags=tuple(said.tags)) for row, said in zip(rows, found, strict=True)]
    return [replace(row, label=said.label) for row, said in zip(rows, found, strict=True)]
