"""The threshold explorer: counts and scores are scikit-learn's at every threshold, and the page moves between them."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from companion.errors import ConfigError
from companion.teaching import Explore, threshold_explorer
from companion.teaching.threshold import STEPS
from tests.chromium import CHROMIUM, logged


def texts():
    generator = np.random.default_rng(0)
    gold = generator.random(200) < 0.3
    return np.clip(gold * 0.3 + generator.random(200) * 0.7, 0, 0.93), gold


def test_counts_and_scores_are_those_of_scikit_learn():
    scores, gold = texts()
    piece = threshold_explorer(scores, gold, name="negative")
    assert isinstance(piece, Explore) and piece.start == (0.5,) and "negative" in piece.title
    for line, setting in zip(STEPS, piece.settings, strict=True):
        predicted = scores >= line
        (silent, false), (missed, found) = confusion_matrix(gold, predicted)
        assert setting["values"] == [[found, missed, false, silent]]
        precision, recall, f1, _ = precision_recall_fscore_support(
            gold, predicted, average="binary", zero_division=np.nan
        )
        told = "precision undefined" if np.isnan(precision) else f"precision {precision:.3f}"
        assert told in setting["says"] and f"recall {recall:.3f}" in setting["says"]
        assert f"F1 {f1:.3f}" in setting["says"]
    assert "undefined" in piece.settings[-1]["says"], "a threshold that nothing reaches must have been among them"


def test_a_score_that_equals_the_threshold_gets_the_label():
    piece = threshold_explorer([0.5, 0.4], [True, False], thresholds=[0.4, 0.5, 0.6], start=0.52)
    assert piece.start == (0.5,)
    assert [setting["values"] for setting in piece.settings] == [[[1, 0, 1, 0]], [[1, 0, 0, 1]], [[0, 1, 0, 1]]]


@pytest.mark.parametrize(
    ("scores", "gold", "told"),
    [
        ([0.5], [True, False], "1 scores, 2 gold"),
        ([0.5, 1.5], [True, False], "outside 0 to 1"),
        ([0.5, float("nan")], [True, False], "outside 0 to 1"),
        ([0.5, 0.4], [2, 0], "not true or false"),
        ([0.5, 0.4], [1, 1], "all or none"),
        ([], [], "all or none"),
    ],
)
def test_what_has_no_precision_and_recall_is_refused(scores, gold, told):
    with pytest.raises(ConfigError, match=told):
        threshold_explorer(scores, gold)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_moving_the_slider_on_the_page_changes_counts_and_sentence(tmp_path):
    piece = threshold_explorer(*texts())
    script = """<pre id="log"></pre><script>
    const root = document.querySelector(".ftc"), slider = root.querySelector("input"), log = [];
    for (const value of [0, 18]) {
      slider.value = value;
      slider.dispatchEvent(new Event("input"));
      log.push([[...root.querySelectorAll(".ftc-number")].map((text) => Number(text.textContent.replace(",", ""))),
                root.querySelector(".ftc-sentence").textContent]);
    }
    document.getElementById("log").textContent = JSON.stringify(log);
    </script>"""
    seen = logged(piece.html() + script, tmp_path)
    assert seen == [[piece.settings[at]["values"][0], piece.settings[at]["says"]] for at in (0, 18)]
