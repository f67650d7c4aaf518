"""Labels as directions: a sentence for each label, or the mean of a few examples, and the nearest one is the answer.

No weight is trained. What is compared are the mean-pooled vectors of an encoder, by their cosine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from companion.errors import ConfigError, DataError, EvaluationError
from companion.randomness import permutation

if TYPE_CHECKING:
    from companion.corpora.texts import Text
    from companion.models.encoder import Encoder


class VectorReader:
    """A function from texts to the mean of the encoder's output over their word pieces, shape [texts, width], in fp32.

    Raises:
        ConfigError: `max_length` does not fit the encoder.
        DataError: an item is no text, or holds nothing that the tokenizer knows.

    Follows: the pooling of Reimers and Gurevych (2019), Sentence-BERT.
    Taught in: book/constraints/prompting
    """

    def __init__(self, encoder: Encoder, *, max_length: int | None = None) -> None:
        from torch import nn

        from companion.tasks.texts import TextTask

        # A classifier whose last layer does nothing gives the vector that it would have read.
        self.task = TextTask(("one", "other"), encoder, max_length=max_length)
        self.model = self.task.model().eval()
        self.model.classifier = nn.Identity()

    def __call__(self, texts: Sequence[Text] | Sequence[str]) -> np.ndarray:
        """One row for each text, in order, independent of which texts stand beside it up to rounding."""
        from companion.tasks.inference import forward_by_length

        rows = self.task.encode(texts)
        found = np.zeros((len(rows), self.task.encoder.config.hidden_size), dtype=np.float32)
        for places, vectors_BD in forward_by_length(self.model, rows, self.task.pad_token_id):
            found[places] = vectors_BD.float().numpy()
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class NearestLabel:
    """A classifier that has one direction for each label and answers with the one of highest cosine.

    Raises:
        ConfigError: fewer than two labels, a label twice, or not one direction for each.

    Taught in: book/constraints/prompting
    """

    labels: tuple[str, ...]
    """The labels; of equal cosines the first of them wins."""
    directions_CD: np.ndarray
    """One vector of length 1 for each label, shape [labels, width]."""

    def __post_init__(self) -> None:
        if len(set(self.labels)) != len(self.labels) or len(self.labels) < 2:
            raise ConfigError(f"the labels are {self.labels}", remedy="give at least two, each once")
        if self.directions_CD.ndim != 2 or len(self.directions_CD) != len(self.labels):
            raise ConfigError(
                f"directions of shape {self.directions_CD.shape} for {len(self.labels)} labels",
                remedy="give one row for each label",
            )

    def scores(self, vectors_ND: np.ndarray) -> np.ndarray:
        """The cosine of every text with every label, shape [texts, labels], from -1 to 1.

        Raises:
            EvaluationError: the vectors have another width.
        """
        width = self.directions_CD.shape[1]
        if vectors_ND.ndim != 2 or vectors_ND.shape[1] != width:
            raise EvaluationError(
                f"vectors of shape {vectors_ND.shape} against labels of width {width}",
                remedy="read the texts and the label sentences with the same VectorReader",
            )
        return unit(vectors_ND) @ self.directions_CD.T

    def predict(self, vectors_ND: np.ndarray) -> list[str]:
        """The nearest label of each text."""
        return [self.labels[place] for place in self.scores(vectors_ND).argmax(1)]


def label_sentences(
    reader: Callable[[Sequence[str]], np.ndarray], sentences: Mapping[str, str | Sequence[str]]
) -> NearestLabel:
    """A zero-shot classifier: each label is the direction of its sentence, or of the mean of its sentences.

    `reader` gives the vectors of texts, as a `VectorReader` does.

    Raises:
        ConfigError: fewer than two labels.
        DataError: a label without a sentence, or an empty one, with its name.

    Follows: Yin, Hay and Roth (2019), who compare a text with a sentence made from each label.
    Taught in: book/constraints/prompting
    """
    owners, plain = [], []
    for label, given in sentences.items():
        own = [given] if isinstance(given, str) else list(given)
        if not own or not all(isinstance(one, str) and one.strip() for one in own):
            raise DataError(
                f"the label {label!r} has no sentence, or an empty one: {given!r}",
                remedy="write at least one sentence that says what the label means",
            )
        owners += [label] * len(own)
        plain += own
    if len(sentences) < 2:
        raise ConfigError(f"sentences for {len(sentences)} label(s)", remedy="give at least two labels to choose from")
    return centroids(reader(plain), owners)


def centroids(vectors_ND: np.ndarray, labels: Sequence[str]) -> NearestLabel:
    """A k-shot classifier: each label is the direction of the mean of its examples' unit vectors.

    The labels of the result are in the order in which they first occur.

    Raises:
        ConfigError: fewer than two different labels.
        DataError: not one label for each vector.

    Follows: Snell, Swersky and Zemel (2017), prototypical networks, here with the cosine and nothing trained.
    Taught in: book/constraints/prompting
    """
    if len(vectors_ND) != len(labels):
        raise DataError(
            f"{len(vectors_ND)} vectors and {len(labels)} labels", remedy="give one label for each example, in order"
        )
    units_ND, names = unit(np.asarray(vectors_ND)), tuple(dict.fromkeys(labels))
    own = np.array([names.index(label) for label in labels], dtype=int)
    means = [units_ND[own == place].mean(0) for place in range(len(names))]
    return NearestLabel(labels=names, directions_CD=unit(np.array(means).reshape(len(names), -1)))


def unit(vectors_ND: np.ndarray) -> np.ndarray:
    """Every row divided by its length; a row of zeros stays zeros.

    Taught in: book/constraints/prompting
    """
    lengths_N1 = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    return vectors_ND / np.maximum(lengths_N1, np.finfo(np.float32).tiny)


def draw_evenly(texts: Sequence[Text], count: int, seed: int) -> list[Text]:
    """`count` texts at random, every label as often as the others, or once more: k of each where count is k × labels.

    A smaller draw of the same seed is the beginning of a larger one.

    Raises:
        ConfigError: `count` is below the number of labels, so that some label would have no example.
        DataError: a label has too few texts, with its name.

    Taught in: book/constraints/prompting
    """
    members: dict[str, list[int]] = defaultdict(list)
    for place in permutation(len(texts), seed, "evenly"):
        members[texts[place].label].append(place)
    if not members or count < len(members):
        raise ConfigError(
            f"{count} texts for {len(members)} labels", remedy="draw at least one of each; without any, use sentences"
        )
    # Which labels get one more is part of the draw: the order is that of their first texts.
    order = sorted(
        (rank, first, label, place)
        for first, (label, places) in enumerate(members.items())
        for rank, place in enumerate(places)
    )[:count]
    given = {label: sum(other == label for *_, other, _ in order) for label in members}
    if len(order) < count or max(given.values()) - min(given.values()) > 1:
        label = min(given, key=lambda name: len(members[name]))
        raise DataError(
            f"{label!r} has {len(members[label])} texts, too few for {count} spread evenly over {len(members)} labels",
            remedy=f"draw at most {len(members[label]) * len(members)} texts, or label more of {label!r}",
        )
    return [texts[place] for *_, place in order]
