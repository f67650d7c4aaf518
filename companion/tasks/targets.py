"""What the label of a text means for each kind of text task: its label set, its objective, its target."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from companion.corpora.texts import JOINT, label_parts
from companion.errors import ConfigError, DataError
from companion.objectives.supervised import TokenCrossEntropy
from companion.objectives.targets import MultiLabelCrossEntropy, SquaredError

if TYPE_CHECKING:
    from companion.corpora.texts import Text

PROBLEMS = {
    "single": "single_label_classification",
    "multi": "multi_label_classification",
    "regression": "regression",
}
"""The kinds of task, and what transformers calls them in `config.problem_type`."""


def label_set(labels: Sequence[str], kind: str) -> tuple[str, ...]:
    """The labels of a task: for "multi" the parts of joined labels, for "regression" the name of the number alone.

    Raises:
        ConfigError: too few or too many labels for the kind, one twice, or no such kind.
    """
    if kind not in PROBLEMS:
        raise ConfigError(f"kind is {kind!r}", remedy=f"choose one of {', '.join(PROBLEMS)}")
    if kind == "multi" and any(JOINT in label for label in labels):
        # The labels of a corpus are those of its texts, several of them joined.
        labels = sorted({part for label in labels for part in label_parts(label)})
    wanted = {"single": "two or more different labels", "multi": "one or more different labels"}
    fits = {"single": len(labels) >= 2, "multi": len(labels) >= 1, "regression": len(labels) == 1}[kind]
    if isinstance(labels, str) or not fits or len(set(labels)) != len(labels):
        remedy = f"give {wanted[kind]}, such as corpus.labels" if kind in wanted else 'give its name, such as ["stars"]'
        raise ConfigError(f"the labels are {list(labels)[:6]}", remedy=remedy)
    return tuple(labels)


def check_class_weights(class_weights: Sequence[float] | None, labels: Sequence[str]) -> None:
    """Refuse weights that are no numbers in the order of the labels.

    Raises:
        ConfigError: a dictionary or a word, or not one weight per label.
    """
    if class_weights is None:
        return
    order = f"in the order of the labels: {', '.join(labels[:8])}{', …' if len(labels) > 8 else ''}"
    if isinstance(class_weights, str | Mapping):
        raise ConfigError(
            f"class_weights is {class_weights!r}", remedy=f"give a list with one number per label, {order}"
        )
    if len(class_weights) != len(labels):
        raise ConfigError(
            f"{len(class_weights)} class_weights for {len(labels)} labels", remedy=f"give one weight per label, {order}"
        )


def objective_of(
    kind: str, class_weights: Sequence[float] | None, label_smoothing: float
) -> TokenCrossEntropy | MultiLabelCrossEntropy | SquaredError:
    """Cross-entropy, binary cross-entropy, or the squared error.

    Raises:
        ConfigError: an option that the kind has no use for, or that is outside its range.
    """
    if kind == "single":
        return TokenCrossEntropy(class_weights=class_weights, label_smoothing=label_smoothing)
    if label_smoothing:
        raise ConfigError(f'label_smoothing is {label_smoothing}, but kind is "{kind}"', remedy='use kind="single"')
    if kind == "multi":
        return MultiLabelCrossEntropy(class_weights=class_weights)
    if class_weights is not None:
        raise ConfigError("class_weights are given, but a regression has no classes", remedy="leave them out")
    return SquaredError()


def target_of(text: Text, place: str, label_ids: Mapping[str, int], kind: str) -> int | float | list[float]:
    """What the objective compares with: the label's number, a 0 or 1 for each label, or a number.

    Raises:
        DataError: a label is none of the task's, or no number for a regression.
    """
    if kind == "regression":
        return number_of(text, place)
    given = label_parts(text.label) if kind == "multi" else (text.label,)
    for label in given:
        if label not in label_ids:
            raise DataError(
                f"{place}: the label {label!r} is none of the task's",
                remedy=f"The task knows {', '.join(list(label_ids)[:8])}.",
            )
    return [float(label in given) for label in label_ids] if kind == "multi" else label_ids[text.label]


def number_of(text: Text, place: str) -> float:
    """The number that is the label of a text in a regression.

    Raises:
        DataError: the label is no finite number.
    """
    try:
        value = float(text.label)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{place}: the label {text.label!r} is no number", remedy="A regression needs one per text.")
    return value
