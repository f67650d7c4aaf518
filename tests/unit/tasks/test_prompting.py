"""Labels as directions: cosines by hand, sentences and centroids as one classifier, and draws that are even."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from companion.corpora.texts import Text
from companion.errors import ConfigError, DataError, EvaluationError
from companion.models import load_encoder
from companion.models.pooling import mean_pool
from companion.tasks import NearestLabel, VectorReader, centroids, draw_evenly, label_sentences
from companion.tasks.prompting import unit

AXES = {"up": [0.0, 2.0], "down": [0.0, -1.0], "right": [3.0, 0.0]}


def by_axis(texts) -> np.ndarray:
    """A reader that knows four words."""
    known = {**AXES, "nothing": [0.0, 0.0]}
    return np.array([known[text] for text in texts])


def test_the_vector_is_the_mean_over_real_pieces_whatever_stands_beside_it(model_folders) -> None:
    encoder = load_encoder(str(model_folders["wordpiece"]))
    reader, texts = VectorReader(encoder), ["Merkel visited Wolfsburg.", "left", "New York City left."]
    together, alone = reader(texts), np.concatenate([reader([text]) for text in texts])
    assert together.shape == (3, encoder.config.hidden_size) and together.dtype == np.float32
    assert np.abs(together - alone).max() < 1e-5
    inputs = encoder.tokenizer(texts, padding=True, return_tensors="pt")
    hidden_BTD = encoder.model_with_head("", seed=0).eval()(**inputs).last_hidden_state.detach()
    assert np.abs(together - mean_pool(hidden_BTD, inputs["attention_mask"]).numpy()).max() < 1e-5
    # The twin: a mean that counts the padding gives another vector to the shortest text.
    assert np.abs(together - hidden_BTD.mean(1).numpy())[1].max() > 1e-3


def test_the_answer_is_the_label_of_highest_cosine_whatever_the_length() -> None:
    judge = label_sentences(by_axis, {label: label for label in AXES})
    vectors_ND = np.array([[0.1, 5.0], [0.0, -0.001], [9.0, 8.0]])
    assert judge.predict(vectors_ND) == ["up", "down", "right"]
    assert judge.scores(vectors_ND)[2] == pytest.approx([8 / 145**0.5, -8 / 145**0.5, 9 / 145**0.5])
    assert judge.predict(1000 * vectors_ND) == judge.predict(vectors_ND)
    # The twin: without dividing by the length, the longest label sentence wins.
    assert (np.array([[4.0, 5.0]]) @ by_axis(AXES).T).argmax() == 2 != judge.scores(np.array([[4.0, 5.0]])).argmax()
    assert not unit(np.zeros((1, 2))).any()


def test_several_sentences_of_a_label_and_several_examples_are_the_same_arithmetic() -> None:
    two = label_sentences(by_axis, {"diagonal": ["up", "right"], "down": "down"})
    same = centroids(by_axis(["up", "down", "right"]), ["diagonal", "down", "diagonal"])
    assert two.labels == same.labels == ("diagonal", "down")
    assert np.allclose(two.directions_CD, same.directions_CD) and np.allclose(two.directions_CD[0], [0.5**0.5] * 2)


@pytest.mark.parametrize(
    ("make", "error", "named"),
    [
        (lambda: label_sentences(by_axis, {"up": "up", "down": " "}), DataError, "'down'"),
        (lambda: label_sentences(by_axis, {"up": "up", "down": []}), DataError, "'down'"),
        (lambda: label_sentences(by_axis, {"up": "up"}), ConfigError, "1 label"),
        (lambda: centroids(by_axis(["up"]), ["a", "b"]), DataError, "1 vectors and 2 labels"),
        (lambda: centroids(by_axis(["up"]), ["a"]), ConfigError, "at least two"),
        (lambda: NearestLabel(labels=("a", "a"), directions_CD=np.eye(2)), ConfigError, "each once"),
        (lambda: NearestLabel(labels=("a", "b"), directions_CD=np.eye(3)), ConfigError, "one row for each"),
        (lambda: centroids(by_axis(["up", "down"]), "ab").scores(np.ones((1, 3))), EvaluationError, "width 2"),
    ],
)
def test_what_cannot_be_compared_is_an_error_that_names_it(make, error, named) -> None:
    with pytest.raises(error, match=named):
        make()


def texts_of(**counts: int) -> list[Text]:
    return [
        Text(text=f"{label} {n}", label=label, source=f"x:{n}") for label, count in counts.items() for n in range(count)
    ]


def test_a_draw_is_even_nested_and_keyed() -> None:
    pool = texts_of(a=30, b=9, c=12)
    for count in (3, 4, 8, 27):
        spread = Counter(text.label for text in draw_evenly(pool, count, seed=1)).values()
        assert sum(spread) == count and len(spread) == 3 and max(spread) - min(spread) <= 1
    assert draw_evenly(pool, 27, 1)[:8] == draw_evenly(pool, 8, 1)
    assert draw_evenly(pool, 8, 1) == draw_evenly(pool, 8, 1) != draw_evenly(pool, 8, 2)


@pytest.mark.parametrize("count", [30, 29, 60])
def test_a_draw_that_cannot_be_even_names_the_label(count: int) -> None:
    with pytest.raises(DataError, match="'b' has 8 texts") as caught:
        draw_evenly(texts_of(a=30, b=8, c=12), count, seed=0)
    assert "at most 24" in caught.value.remedy
    with pytest.raises(ConfigError, match="2 texts for 3 labels"):
        draw_evenly(texts_of(a=1, b=1, c=1), 2, seed=0)
