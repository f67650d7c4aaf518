"""Score a tagger or a classifier: one number for the loop, the full report for the reader."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, overload

from companion.corpora.texts import label_parts
from companion.errors import ConfigError, EvaluationError
from companion.evaluation.classification import ClassificationReport, score_labels
from companion.evaluation.entities import score_entities, surface_forms
from companion.evaluation.regression import RegressionReport, score_numbers
from companion.tasks.entries import check_roles, check_rows, place_of
from companion.tasks.inference import predict_tags
from companion.tasks.targets import number_of

if TYPE_CHECKING:
    from torch import nn

    from companion.corpora.records import Sentence
    from companion.corpora.texts import Text
    from companion.evaluation.report import EntityReport
    from companion.tasks.texts import TextTask
    from companion.tasks.tokens import TokenTask


class TokenEvaluator:
    """A function of the model: entity F1, precision and recall on fixed sentences, aligned once.

    A score that is 0/0 counts as 0 here, because a run must be able to compare it.

    Taught in: book/walkthroughs/train-a-tagger
    """

    metric = "entity_f1"
    greater_is_better = True

    def __init__(self, task: TokenTask, sentences: Sequence[Sentence], *, strict: bool = True) -> None:
        check_rows(sentences, ("words", "tags"))
        if not len(sentences):
            raise EvaluationError("there is no sentence to evaluate on", remedy="give a development or test split")
        self.task, self.sentences, self.strict = task, sentences, strict
        self.alignments, _ = task.align(sentences, labelled=False)

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """The scores of the model as it is now."""
        report = self.report(model, bootstrap=0)
        scores = {"entity_f1": report.entity_f1, "precision": report.precision, "recall": report.recall}
        return {name: value or 0.0 for name, value in scores.items()}

    def report(
        self, model: nn.Module, *, train: Iterable[Sentence] | None = None, bootstrap: int = 1000, seed: int = 0
    ) -> EntityReport:
        """The full report; with `train`, names seen there are told apart from names never seen."""
        predictions = predict_tags(model, self.alignments, self.task.labels, pad_token_id=self.task.pad_token_id)
        return score_entities(
            [sentence.tags for sentence in self.sentences],
            [prediction.tags for prediction in predictions],
            strict=self.strict,
            words=[sentence.words for sentence in self.sentences],
            seen_surfaces=None if train is None else surface_forms(train),
            bootstrap=bootstrap,
            seed=seed,
        )


class TextEvaluator:
    """A function of the model: macro F1 and accuracy on fixed texts, or the errors of a regression; encoded once.

    Taught in: book/reference/helpdesk
    """

    def __init__(self, task: TextTask, texts: Sequence[Text]) -> None:
        check_rows(texts, ("text", "label"))
        if not len(texts):
            raise EvaluationError("there is no text to evaluate on", remedy="give a development or test split")
        regression = task.settings.kind == "regression"
        self.task, self.texts, self.rows = task, texts, task.encode(texts)
        self.metric = "mean_squared_error" if regression else "macro_f1"
        self.greater_is_better = not regression
        self.gold = [_gold(text, place_of(text, number), task.settings.kind) for number, text in enumerate(texts)]

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """The scores of the model as it is now; one that is 0/0 counts as 0, because a run must be able to compare."""
        report = self.report(model, bootstrap=0)
        if isinstance(report, RegressionReport):
            return {name: getattr(report, name).mean for name in ("mean_squared_error", "mean_absolute_error")}
        return {"macro_f1": report.macro_f1.mean or 0.0, "accuracy": report.accuracy.mean or 0.0}

    def report(
        self, model: nn.Module, *, bootstrap: int = 1000, seed: int = 0
    ) -> ClassificationReport | RegressionReport:
        """The full report."""
        predictions = self.task.predict_rows(model, self.rows)
        if self.task.settings.kind == "regression":
            return score_numbers(self.gold, [row.score for row in predictions], bootstrap=bootstrap, seed=seed)
        multi = self.task.settings.kind == "multi"
        predicted = [label_parts(row.label) if multi else row.label for row in predictions]
        return score_labels(self.gold, predicted, bootstrap=bootstrap, seed=seed)


@overload
def evaluate(model: nn.Module, task: TokenTask, sentences: Sequence[Sentence], **options: Any) -> EntityReport: ...
@overload
def evaluate(
    model: nn.Module, task: TextTask, sentences: Sequence[Text], **options: Any
) -> ClassificationReport | RegressionReport: ...
def evaluate(
    model: nn.Module, task: TokenTask | TextTask, sentences: Sequence[Sentence] | Sequence[Text], **options: Any
) -> EntityReport | ClassificationReport | RegressionReport:
    """What a model is worth on these sentences or texts, with 95 % intervals.

    A tagger gets entity F1 by sentence, per type, and its errors by kind; options are `train` (its names are then told
    apart from new ones), `strict`, `bootstrap` and `seed`. A classifier gets accuracy and F1 per class, a regression
    its errors; options are `bootstrap` and `seed`.

    Raises:
        ConfigError: an option that the task has no use for; a model that is none, or a task.
        DataError: a row is of another kind.
        EvaluationError: there are no sentences.

    Taught in: book/walkthroughs/train-a-tagger
    """
    check_roles(model, task)
    known = {"bootstrap", "seed"} | ({"train", "strict"} if task.name == "tokens" else set())
    if unknown := sorted(set(options) - known):
        raise ConfigError(
            f"evaluate has no option {unknown[0]!r} for {task.name}", remedy=f"choose among {', '.join(sorted(known))}"
        )
    settings = {"strict": options.pop("strict")} if "strict" in options else {}
    return task.evaluator(sentences, **settings).report(model, **options)  # type: ignore[arg-type]


def _gold(text: Text, place: str, kind: str) -> Any:
    if kind == "regression":
        return number_of(text, place)
    return label_parts(text.label) if kind == "multi" else text.label
