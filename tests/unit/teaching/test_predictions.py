import pytest

from companion.errors import ConfigError
from companion.teaching import predict
from companion.teaching.predictions import prediction

QUESTION = "How many of nine labels stay right?"
OPTIONS = {
    "all nine": "Words are pieces: a tokenizer cuts names.",
    "one": None,
    "none, and it crashes": "Wrong means loud: nothing checks a label.",
}
WHY = "only `.` keeps its own"


def test_both_forms_give_the_same_question():
    listed = prediction(QUESTION, list(OPTIONS), "one", {**OPTIONS, "one": WHY})
    assert listed == prediction(QUESTION, OPTIONS, "one", WHY)
    assert [(option.name, option.right) for option in listed.options] == [
        ("Words are pieces", False),
        ("", True),
        ("Wrong means loud", False),
    ]


def test_the_page_has_a_labelled_radio_and_a_reason_for_each_option(outline):
    page = outline(prediction(QUESTION, OPTIONS, "one", WHY).html())
    assert page.tags.count("fieldset") == page.tags.count("legend") == 1
    assert page.tags.count("input") == page.tags.count("label") == 3
    labelled = {value for _, name, value in page.attributes if name == "for"}
    assert labelled == set(page.ids) and len(labelled) == 3
    assert len({value for tag, name, value in page.attributes if (tag, name) == ("input", "name")}) == 1
    assert "script" not in page.tags
    assert "✓ Yes." in page.text and "✗ Words are pieces." in page.text


def test_a_reason_stands_after_its_own_radio_so_that_css_alone_opens_it():
    html = prediction(QUESTION, OPTIONS, "one", WHY).html()
    rows = html.split('<div class="ftc-option">')[1:]
    assert len(rows) == 3
    for row in rows:
        assert row.index("<input") < row.index("<label") < row.index('class="ftc-slot"') < row.index("ftc-reason")
    assert "input:checked~.ftc-slot .ftc-reason{display:block}" in html


def test_the_live_widget_answers_what_is_chosen():
    heading, choice, feedback = prediction(QUESTION, OPTIONS, "one", WHY).widget().children
    assert QUESTION in heading.value
    assert choice.value is None and feedback.value == ""
    choice.value = "all nine"
    assert "Words are pieces." in feedback.value and "ftc-right" not in feedback.value.partition("</style>")[2]
    choice.value = "one"
    assert "Yes." in feedback.value and "Words are pieces." not in feedback.value
    assert "<code>.</code>" in feedback.value
    choice.value = None
    assert feedback.value == ""


def test_predict_displays_and_returns_nothing(capsys):
    assert predict(QUESTION, OPTIONS, "one", WHY) is None
    said = capsys.readouterr().out
    assert said.startswith(f"Predict: {QUESTION}\n  ( ) all nine\n")
    assert "one: right. only . keeps its own" in said


@pytest.mark.parametrize(
    ("options", "answer", "why", "told"),
    [
        (OPTIONS, "two", WHY, "is not an option"),
        ({"one": None}, "one", WHY, "at least two"),
        (["one", "one"], "one", {"one": "a: b"}, "all different"),
        ({"`a`": "Name: x", "a": None}, "a", WHY, "all different"),
        ({**OPTIONS, "all nine": None}, "one", WHY, "has no reason"),
        ({**OPTIONS, "all nine": "  "}, "one", WHY, "has no reason"),
        (OPTIONS, "one", " ", "has no reason"),
        ({**OPTIONS, "all nine": "no name here"}, "one", WHY, "names no misconception"),
        ({**OPTIONS, "all nine": "Only a name:"}, "one", WHY, "names no misconception"),
        ({**OPTIONS, "all nine": "n" * 81 + ": too long a name"}, "one", WHY, "names no misconception"),
        ({**OPTIONS, "one": "another reason"}, "one", WHY, "two reasons for the answer"),
        (list(OPTIONS), "one", WHY, "a reason each"),
        (list(OPTIONS), "one", {"one": WHY}, "has no reason"),
        (list(OPTIONS), "one", {**OPTIONS, "one": WHY, "ten": "Name: x"}, "which is no option"),
        (OPTIONS, "one", {"one": WHY}, "reasons in options and in why"),
    ],
)
def test_an_incomplete_question_is_refused(options, answer, why, told):
    with pytest.raises(ConfigError, match=told):
        predict(QUESTION, options, answer, why)
