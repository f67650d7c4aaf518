"""The same test made harder: typing errors, other capitals, and word vectors moved against the right answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from companion.corpora.augmentation import Capitals, Method, Typos, corrupt
from companion.encoding.source import PART
from companion.errors import ConfigError, EvaluationError
from companion.evaluation.classification import ClassificationReport, accuracy_of
from companion.evaluation.entities import entity_f1_of
from companion.evaluation.intervals import Interval
from companion.evaluation.paired import paired_bootstrap
from companion.evaluation.report import EntityReport
from companion.objectives.adversarial import FGM, PGD, perturbed

if TYPE_CHECKING:
    from torch import Tensor

CLEAN, ATTACK = "clean", "attack"
NOISES: Mapping[str, Method] = {
    "typos": Typos(share=0.2, entities=True),
    "lower": Capitals(writing="lower"),
    "upper": Capitals(writing="upper"),
}
"""The conditions by name: one word in five of four letters or more mistyped, names too; small letters; capitals."""
RESAMPLES = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Robustness:
    """Scores of one model on the same rows as they are and made harder."""

    metric: str
    """"entity_f1" or "accuracy"."""
    reports: Mapping[str, EntityReport | ClassificationReport]
    """The full report of each condition, "clean" first."""
    differences: Mapping[str, Interval]
    """What each condition changes: its score minus the clean one, with the paired bootstrap interval by row."""

    def score(self, condition: str) -> Interval:
        """The score under a condition, with the interval of its report.

        Raises:
            EvaluationError: it was not measured.
        """
        if condition not in self.reports:
            raise EvaluationError(
                f"no condition {condition!r} was measured", remedy=f"there are {', '.join(self.reports)}"
            )
        report = self.reports[condition]
        return report.f1 if isinstance(report, EntityReport) else report.accuracy

    def __str__(self) -> str:
        lines = [f"{'':<8}{self.metric:>24}{'minus clean':>26}"]
        for name in self.reports:
            change = f"{self.differences[name]:+.3f}" if name in self.differences else ""
            lines.append(f"{name:<8}{self.score(name)!s:>24}{change:>26}".rstrip())
        return "\n".join(lines)


class UnderAttack(nn.Module):
    """A model whose word vectors are moved against the right answer of every row before it answers.

    It stands in the model's place in any evaluator of the same rows. The attack sees the model's own gradients and the
    right labels; it is made anew for each row, and no weight is written.

    Raises:
        EvaluationError: it is asked about a row that it has no label for.

    Follows: Goodfellow, Shlens and Szegedy (2015), "Explaining and Harnessing Adversarial Examples", with the
    Euclidean norm over the word vectors of a sentence.
    """

    def __init__(self, model: nn.Module, attack: PGD, source: Any) -> None:
        super().__init__()
        self.model, self.attack, self.source = model, attack, source
        # Rows of the same pieces may have different labels: each is asked about in its turn, as evaluators go through
        # rows of one length in order.
        self.places: dict[tuple[int, ...], deque[int]] = {}
        for place, row in enumerate(source.rows):
            self.places.setdefault(tuple(row), deque()).append(place)
        self.train(model.training)

    @property
    def config(self) -> Any:
        """The configuration of the model."""
        return self.model.config

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **extra: Any) -> Any:
        """What the model says of these rows under attack."""
        real = zip(input_ids.tolist(), attention_mask.sum(1).tolist(), strict=True)
        pieces = [tuple(row[:size]) for row, size in real]
        if not all(row in self.places for row in pieces):
            raise EvaluationError(
                "the attack has no right label for a row it is asked about",
                remedy="attack and evaluate the same rows, encoded by the same task",
            )
        places = [self._next(row) for row in pieces]
        # Evaluators turn gradients off, and the attack needs them.
        with torch.inference_mode(False):
            found = {name: tensor.to(input_ids.device) for name, tensor in self.source.collate(PART, places).items()}
            moved_BTD = self.attack.perturbation(self.model, {PART: found})
            inputs = {name: tensor for name, tensor in found.items() if name != "labels"}
            with torch.no_grad(), perturbed(self.model, moved_BTD):
                return self.model(**extra | inputs)

    def _next(self, row: tuple[int, ...]) -> int:
        """The place of these pieces whose turn it is; after the last one, the first is next again."""
        self.places[row].rotate(-1)
        return self.places[row][-1]


def measure_robustness(
    model: nn.Module,
    task: Any,
    rows: Sequence[Any],
    *,
    noises: Mapping[str, Method] | None = None,
    attack: PGD | float | None = 1.0,
    seed: int = 0,
    bootstrap: int = RESAMPLES,
) -> Robustness:
    """Score a tagger or a classifier on rows as they are, under each noise, and under an attack on its word vectors.

    `task` is a `TokenTask`, or a `TextTask` with one label a text. `noises` are methods of
    `companion.corpora.augmentation` by name (by default `NOISES`), `attack` the radius of an `FGM`, a `PGD`, or None.
    The seed decides the noise, the same for every model.

    Raises:
        ConfigError: a noise has the name of another condition, or the task is of another kind.
        EvaluationError: there are no rows.

    Taught in: book/constraints/augmentation-and-ensembles
    """
    noises = NOISES if noises is None else noises
    if taken := sorted({CLEAN, ATTACK} & noises.keys()):
        raise ConfigError(f"a noise is called {taken[0]!r}", remedy="give it another name")
    if task.name != "tokens" and task.settings.kind != "single":
        raise ConfigError(
            f"robustness is measured of one label a text, and the kind is {task.settings.kind!r}",
            remedy="score each condition with companion.evaluate(model, task, corrupt(rows, noise))",
        )
    reports = {CLEAN: task.evaluator(rows).report(model, bootstrap=bootstrap)}
    for name, noise in noises.items():
        reports[name] = task.evaluator(corrupt(rows, noise, seed=seed)).report(model, bootstrap=bootstrap)
    if attack is not None:
        method = attack if isinstance(attack, PGD) else FGM(task.objective, epsilon=attack)
        attacked = UnderAttack(model, method, task.batches(rows))
        reports[ATTACK] = task.evaluator(rows).report(attacked, bootstrap=bootstrap)
    tables = {name: _table(report) for name, report in reports.items()}
    statistic = entity_f1_of if task.name == "tokens" else accuracy_of
    return Robustness(
        metric="entity_f1" if task.name == "tokens" else "accuracy",
        reports=reports,
        differences={
            name: paired_bootstrap(table, tables[CLEAN], statistic, resamples=bootstrap, seed=seed)
            for name, table in tables.items()
            if name != CLEAN
        },
    )


def _table(report: EntityReport | ClassificationReport) -> np.ndarray:
    """What each row adds: correct, predicted and gold entities; or whether its label is right, and one."""
    if isinstance(report, EntityReport):
        totals = [counts.total for counts in report.counts]
        return np.array([[total.correct, total.predicted, total.gold] for total in totals], dtype=np.float64)
    right = [gold == found for gold, found in zip(report.gold, report.predicted, strict=True)]
    return np.stack([np.array(right, dtype=np.float64), np.ones(len(right))], axis=1)
