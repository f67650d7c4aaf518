"""The error browser: groups on the page, relabelling and saving in a live notebook."""

import json

import pytest

from companion.corpora import TextCorpus
from companion.errors import ConfigError
from companion.teaching import error_browser
from tests.chromium import CHROMIUM, logged

TEXTS = ["fine", "poor", "so so", "great", "dull"]
GOLD = ["pos", "neg", "neu", "pos", "neg"]
PREDICTED = ["pos", "pos", "neg", "neg", "neu"]
SURE = [0.9, 0.6, 0.5, 0.8, 0.7]


@pytest.fixture
def browser():
    return error_browser(TEXTS, GOLD, PREDICTED, SURE)


def test_text_and_page_show_the_errors_and_only_them_the_surest_first(browser, outline):
    said, *rows = browser.text().splitlines()
    assert said == "1 of 5 texts are right (0.200)."
    assert [row.split(": ")[1] for row in rows] == ["great", "dull", "poor", "so so"]
    page = outline(browser.html())
    assert page.tags.count("details") == 4 and page.tags.count("li") == 4
    shown = "".join(page.text)
    assert "fine" not in shown and "pos → neg" in shown


def test_a_reader_who_judges_sees_the_score_change_and_can_save_it_once(browser, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pair, _, item, shown, verdict, label, sentence, name, save = browser.widget().children
    save.click()
    assert "nothing is judged yet" in sentence.value and not [*tmp_path.iterdir()]
    assert "great" in shown.value and verdict.value == "not judged"
    label.value = "neg"
    assert verdict.value == "the label is wrong"
    assert "2 of 5 texts are right (0.400). 1 label changed by you." in sentence.value
    pair.value = "neg → neu"
    assert [text for text, _ in item.options] == ["dull"] and "dull" in shown.value and label.value == "neg"
    verdict.value = "the label is wrong"
    assert label.value == "neu", "a wrong label is taken to be the predicted one, until another is chosen"
    assert "3 of 5 texts are right (0.600). 2 labels changed by you." in sentence.value
    pair.value = "neu → neg"
    verdict.value = "ambiguous"
    assert "3 of 4 texts are right (0.750). 2 labels changed by you, 1 ambiguous text left out." in sentence.value
    pair.value = "pos → neg"
    assert (verdict.value, label.value) == ("the label is wrong", "neg"), "a judgement must be kept"
    save.click()
    assert "3 judgements written" in sentence.value
    rows = [json.loads(line) for line in (tmp_path / name.value).read_text(encoding="utf-8").splitlines()]
    assert rows == [
        {"text": "so so", "label": "neu", "was": "neu", "predicted": "neg", "verdict": "ambiguous"},
        {"text": "great", "label": "neg", "was": "pos", "predicted": "neg", "verdict": "the label is wrong"},
        {"text": "dull", "label": "neu", "was": "neg", "predicted": "neu", "verdict": "the label is wrong"},
    ]
    texts = TextCorpus.from_jsonl(name.value, split=False).train
    assert [(text.text, text.label) for text in texts] == [("so so", "neu"), ("great", "neg"), ("dull", "neu")]
    save.click()
    assert "cannot be written" in sentence.value, "an earlier file must not be overwritten"
    assert len((tmp_path / name.value).read_text(encoding="utf-8").splitlines()) == 3


def test_a_judgement_can_be_taken_back_and_changed(browser):
    _, _, _, _, verdict, label, sentence, *_ = browser.widget().children
    verdict.value = "the label is wrong"
    assert label.value == "neg" and "2 of 5" in sentence.value
    label.value = "neu"
    assert verdict.value == "the label is wrong" and "1 of 5 texts are right (0.200). 1 label" in sentence.value
    verdict.value = "the model is wrong"
    assert label.value == "pos" and "1 of 5 texts are right (0.200).<" in sentence.value
    label.value = "neg"
    label.value = "pos"
    assert verdict.value == "not judged" and "1 of 5 texts are right (0.200).<" in sentence.value


def test_to_look_at_a_text_is_no_judgement(browser, tmp_path):
    pair, _, item, *_, name, save = (board := browser.widget()).children
    name.value = str(tmp_path / "judged.jsonl")
    seen = 0
    for choice in pair.options:
        pair.value = choice
        for _, place in item.options:
            item.value = place
            seen += 1
    save.click()
    assert seen == 8 and "nothing is judged yet" in board.children[6].value


def test_least_probability_and_pair_choose_together(browser):
    pair, least, item, shown, verdict, label, *_ = browser.widget().children

    def texts():
        return [text for text, _ in item.options]

    least.value = 0.6
    assert texts() == ["great", "dull", "poor"], "0.60 itself must stay"
    pair.value = "neg → pos"
    assert texts() == ["poor"] and not verdict.disabled
    least.value = 0.65
    assert texts() == [] and shown.value == "" and verdict.disabled and label.disabled
    pair.value = "every pair"
    assert texts() == ["great", "dull"] and "great" in shown.value and not label.disabled


def test_without_an_error_there_is_nothing_to_choose():
    browser = error_browser(["a"], ["x"], ["x"], [1.0])
    _, _, item, _, verdict, _, sentence, *_ = browser.widget().children
    assert item.value is None and verdict.disabled and "1 of 1" in sentence.value


def test_when_every_text_is_ambiguous_none_is_counted():
    browser = error_browser(["a"], ["x"], ["y"], [1.0])
    assert browser.sentence({0: ("ambiguous", "x")}) == "0 of 0 texts are right. 1 ambiguous text left out."


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_the_page_leaves_the_errors_that_are_sure_enough(tmp_path):
    browser = error_browser([*TEXTS, "grand"], [*GOLD, "pos"], [*PREDICTED, "neg"], [*SURE, 0.65])
    script = """<pre id="log"></pre><script>
    const root = document.querySelector(".ftc"), slider = root.querySelector("input"), log = [];
    for (const value of [0, 70, 95]) {
      slider.value = value;
      slider.dispatchEvent(new Event("input"));
      log.push([
        [...root.querySelectorAll("li")].filter((item) => !item.hidden).map((item) => item.firstChild.data.trim()),
        [...root.querySelectorAll("details")].filter((group) => !group.hidden).length,
        [...root.querySelectorAll("details:not([hidden]) .ftc-count")].map((count) => count.textContent).join(),
        root.querySelector("output").textContent,
        root.querySelector(".ftc-sentence").textContent,
        getComputedStyle(root.querySelector("label")).display,
      ]);
    }
    document.getElementById("log").textContent = JSON.stringify(log);
    </script>"""
    everything, sure, none = logged(browser.html() + script, tmp_path)
    assert sorted(everything[0]) == ["dull", "grand", "great", "poor", "so so"]
    assert everything[1:] == [4, "2,1,1,1", "0.00", "", "flex"]
    assert sorted(sure[0]) == ["dull", "great"]
    assert sure[1:5] == [2, "1 of 2,1", "0.70", "2 of the 5 errors here have a probability of 0.70 or more."]
    assert none[:2] == [[], 0]


def test_a_page_has_the_surest_forty_and_says_so(outline):
    shown = "".join(outline(error_browser(["t"] * 50, ["a"] * 50, ["b"] * 50, [0.5] * 50).html()).text)
    assert "50, the 40 surest here" in shown


def test_markup_in_texts_and_labels_is_escaped(outline, hostile):
    page = outline(error_browser([hostile], [hostile], ["x"], [0.5]).html())
    assert "img" not in page.tags and page.tags.count("script") == 1


@pytest.mark.parametrize(
    ("texts", "probabilities"), [([], []), (["a"], [1.5]), (["a"], [float("nan")]), (["a", "b"], [0.5])]
)
def test_what_cannot_be_shown_is_refused(texts, probabilities):
    with pytest.raises(ConfigError):
        error_browser(texts, ["x"] * len(texts), ["y"] * len(texts), probabilities)
