"""The error browser: groups on the page, relabelling and saving in a live notebook."""

import json

import pytest

from companion.errors import ConfigError
from companion.teaching import error_browser

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
    assert page.tags.count("details") == 4 and page.tags.count("li") == 4 and "script" not in page.tags
    shown = "".join(page.text)
    assert "fine" not in shown and "pos → neg" in shown


def test_a_reader_who_relabels_sees_the_score_change_and_can_save_it_once(browser, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pair, item, shown, label, sentence, name, save = browser.widget().children
    assert "great" in shown.value and "1 of 5" in sentence.value
    label.value = "neg"
    assert "2 of 5 texts are right (0.400). 1 label changed by you." in sentence.value
    pair.value = "neg → neu"
    assert [text for text, _ in item.options] == ["dull"] and "dull" in shown.value and label.value == "neg"
    label.value = "neu"
    assert "3 of 5" in sentence.value
    pair.value = "pos → neg"
    assert label.value == "neg", "a judgement must be kept"
    save.click()
    assert "2 judgements written" in sentence.value
    rows = [json.loads(line) for line in (tmp_path / name.value).read_text(encoding="utf-8").splitlines()]
    assert rows == [{"text": "great", "label": "neg", "was": "pos"}, {"text": "dull", "label": "neu", "was": "neg"}]
    save.click()
    assert "cannot be written" in sentence.value, "an earlier file must not be overwritten"


def test_without_an_error_there_is_nothing_to_choose():
    browser = error_browser(["a"], ["x"], ["x"], [1.0])
    _, item, _, label, sentence, *_ = browser.widget().children
    label.value = "x"
    assert item.value is None and "1 of 1" in sentence.value


def test_a_page_has_the_surest_forty_and_says_so(outline):
    shown = "".join(outline(error_browser(["t"] * 50, ["a"] * 50, ["b"] * 50, [0.5] * 50).html()).text)
    assert "50, the 40 surest here" in shown


def test_markup_in_texts_and_labels_is_escaped(outline, hostile):
    page = outline(error_browser([hostile], [hostile], ["x"], [0.5]).html())
    assert "img" not in page.tags and "script" not in page.tags


@pytest.mark.parametrize(
    ("texts", "probabilities"), [([], []), (["a"], [1.5]), (["a"], [float("nan")]), (["a", "b"], [0.5])]
)
def test_what_cannot_be_shown_is_refused(texts, probabilities):
    with pytest.raises(ConfigError):
        error_browser(texts, ["x"] * len(texts), ["y"] * len(texts), probabilities)
