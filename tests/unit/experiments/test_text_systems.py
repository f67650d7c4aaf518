"""The four systems: labels in, probabilities out; scores that a reader can compute again from a record."""

from __future__ import annotations

import numpy as np

from companion.corpora.catalog import load_corpus
from companion.corpora.texts import Text
from companion.evaluation.calibration import calibration_report
from companion.experiments.search_table import from_hex
from companion.experiments.text_systems import (
    compact_scores,
    frozen,
    frozen_features,
    majority,
    tfidf,
    tuned,
)
from companion.training.config import TrainConfig

TOLD = [Text(text=f"the {word} of {n}", label=word) for n in range(10) for word in ("goal", "bank")]


def test_the_majority_guess_is_the_most_frequent_label_with_its_share() -> None:
    system = majority([*TOLD, Text(text="one more", label="goal")])
    assert system.predict(TOLD) == ["goal"] * 20
    np.testing.assert_allclose(system.answer(TOLD[:1]), [[10 / 21, 11 / 21]])


def test_tfidf_finds_the_word_that_tells_and_dev_decides_its_strength() -> None:
    texts = [Text(text="that bank", label="bank"), Text(text="a goal", label="goal")]
    system = tfidf(TOLD, (), (10.0,))
    assert system.predict(texts) == ["bank", "goal"]
    assert system.facts == {"strength": 10.0}
    # So weak a fit that the more frequent label wins everywhere, against one that reads the word.
    chosen = tfidf([*TOLD, *TOLD[:1]], texts, (1e-6, 10.0))
    assert chosen.facts == {"strength": 10.0, "dev_accuracy": 1.0}


def test_frozen_features_do_not_depend_on_what_stands_beside_a_text() -> None:
    texts = load_corpus("newsroom").texts("sentiment").test[:6]
    both = {pooling: frozen_features(texts, pooling) for pooling in ("cls", "mean")}
    assert both["cls"].shape == both["mean"].shape == (6, 384)
    assert np.abs(both["cls"] - both["mean"]).max() > 0.1
    marked = Text(text=texts[2].text + " ", label="x")
    np.testing.assert_allclose(frozen_features([marked], "mean")[0], both["mean"][2], atol=1e-5)
    assert frozen(TOLD, TOLD, (1.0,)).facts == {"strength": 1.0, "dev_accuracy": 1.0}


def test_fine_tuning_tells_what_it_did() -> None:
    config = TrainConfig(epochs=1, max_updates=1, precision="fp32", device="cpu")
    with_dev = tuned(TOLD, TOLD[:4], config, batch_size=4)
    assert with_dev.facts.keys() >= {"steps", "dev_macro_f1", "best_step", "learning_rate"}
    assert with_dev.facts["steps"] == 1
    assert "dev_macro_f1" not in tuned(TOLD, (), config, batch_size=4, pooling="cls").facts
    np.testing.assert_allclose(with_dev.answer(TOLD[:3]).sum(1), 1.0, atol=1e-6)


def test_a_record_holds_which_texts_were_right() -> None:
    texts = [Text(text=f"text {n}", label="ab"[n % 2]) for n in range(10)]
    answers = np.array([[0.9, 0.1]] * 7 + [[0.2, 0.8]] * 3)
    scores = compact_scores(texts, answers, ("a", "b"))
    right = from_hex(scores["right"], scores["texts"])
    assert right == [True, False, True, False, True, False, True, True, False, True]
    assert scores["accuracy"] == sum(right) / 10 == 0.6
    assert scores["accuracy_low"] < 0.6 < scores["accuracy_high"]


def test_a_records_calibration_error_is_the_reports() -> None:
    texts = [Text(text=f"text {n}", label="ab"[n % 2]) for n in range(12)]
    # 0.6 and 0.8 lie on the edge of two of fifteen bins.
    answers = np.array([[0.6, 0.4], [0.2, 0.8], [0.75, 0.25], [1.0, 0.0]] * 3)
    report = calibration_report(answers, [n % 2 for n in range(12)], bins=15)
    assert compact_scores(texts, answers, ("a", "b"))["calibration_error"] == round(report.error, 6)
