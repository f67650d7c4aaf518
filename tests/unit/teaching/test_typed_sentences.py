"""Typed label sentences: judged after every change, counted, and safe to mistype."""

import pytest

from companion.errors import ConfigError, DataError
from companion.teaching import sentence_editor

GIVEN = {"yes": "It is so.", "no": "It is not."}


def judge(sentences) -> float:
    for label, own in sentences.items():
        if not own.strip():
            raise DataError(f"the label {label!r} has no sentence")
    return min(len(own) for own in sentences.values()) / 10


def test_text_and_page_show_the_sentences_with_their_score(outline):
    piece = sentence_editor(GIVEN, judge, metric="macro F1")
    assert piece.text() == "yes: It is so.\nno: It is not.\nmacro F1 0.900"
    page = outline(piece.html())
    assert page.tags.count("dt") == page.tags.count("dd") == 2 and "script" not in page.tags
    assert "macro F1 0.900." in "".join(page.text) and "live notebook" in "".join(page.text)


def test_the_widget_judges_what_is_typed_and_counts(outline):
    yes, no, verdict = sentence_editor(GIVEN, judge, metric="macro F1").widget().children
    assert yes.value == "It is so." and "macro F1 0.900. Wordings tried: 1" in verdict.value
    no.value = "No."
    assert "macro F1 0.300. Wordings tried: 2; the best so far 0.900." in verdict.value
    yes.value = " "
    assert "&#x27;yes&#x27; has no sentence" in verdict.value and "tried" not in verdict.value
    yes.value, no.value = "It is so, I am sure.", "It is not so, I am sure."
    assert "macro F1 2.000. Wordings tried: 4; the best so far 2.000." in verdict.value


def test_typed_markup_is_escaped(outline, hostile):
    page = outline(sentence_editor({hostile: hostile, "no": "no"}, judge).html())
    assert "img" not in page.tags and "script" not in page.tags


@pytest.mark.parametrize("count", [0, 1, 9])
def test_too_few_and_too_many_labels_are_refused(count):
    with pytest.raises(ConfigError, match=f"{count} labels"):
        sentence_editor({str(n): "x" for n in range(count)}, judge)
