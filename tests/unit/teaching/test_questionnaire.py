"""The self-test: sound HTML, reasons without a script, and a count that follows first choices."""

import pytest

from companion.errors import ConfigError
from companion.teaching import self_test
from companion.teaching.questionnaire import questionnaire
from tests.chromium import CHROMIUM, logged

QUESTIONS = {
    "vectors": [("`2 · 3`?", ["6", "5"], "6", "Twice three."), ("`1 · 1`?", ["2", "1"], "1", "Once one.")],
    "chance": [("A fair coin?", ["1/2", "1", "2"], "1/2", "Two sides.")],
}
ADVICE = {"vectors": "read part one", "chance": "read part two"}


def asked():
    return questionnaire(QUESTIONS, advice=ADVICE, onward="Go on.")


def test_the_text_holds_questions_answers_and_advice():
    assert asked().text().splitlines() == [
        "Self-test",
        "1. 2 · 3? (vectors)",
        "  ( ) 6",
        "  ( ) 5",
        "2. 1 · 1? (vectors)",
        "  ( ) 2",
        "  ( ) 1",
        "3. A fair coin? (chance)",
        "  ( ) 1/2",
        "  ( ) 1",
        "  ( ) 2",
        "",
        "Answers",
        "1. 6: Twice three.",
        "2. 1: Once one.",
        "3. 1/2: Two sides.",
        "",
        "vectors missed: read part one",
        "chance missed: read part two",
        "nothing missed: Go on.",
    ]


def test_every_question_is_a_group_of_radios_of_its_own(outline):
    page = outline(asked().html())
    assert page.tags.count("fieldset") == page.tags.count("legend") == 3
    radios = [value for tag, name, value in page.attributes if (tag, name) == ("input", "name")]
    assert [radios.count(name) for name in dict.fromkeys(radios)] == [2, 2, 3]
    keys = [value for tag, name, value in page.attributes if (tag, name) == ("input", "class")]
    assert keys == ["ftc-key", "ftc-other", "ftc-other", "ftc-key", "ftc-key", "ftc-other", "ftc-other"]
    areas = [value for tag, name, value in page.attributes if (tag, name) == ("fieldset", "data-ftc-area")]
    assert areas == ["0", "0", "1"]
    assert page.tags.count("label") == 7 and page.text.count("vectors") == 2
    assert asked().html() == asked().html()


def test_reasons_open_by_css_alone_and_advice_stands_there_without_a_script():
    page = asked().html()
    assert "fieldset:has(.ftc-key:checked) .ftc-yes{display:block}" in page
    assert "fieldset:has(.ftc-other:checked) .ftc-off{display:block}" in page
    assert page.count('class="ftc-reason ftc-yes"') == page.count('class="ftc-reason ftc-off"') == 3
    before_script = page.split("<script>")[0]
    assert "If you missed one of these:" in before_script and "read part two" in before_script
    assert "<li hidden" not in before_script and page.count('aria-live="polite"') == 4


def test_it_is_shown_and_returns_nothing(capsys):
    assert self_test(QUESTIONS, advice=ADVICE, onward="Go on.") is None
    assert capsys.readouterr().out == asked().text() + "\n"


@pytest.mark.parametrize(
    ("questions", "advice", "onward", "told"),
    [
        ({}, {}, "on", "no question"),
        ({**QUESTIONS, "empty": []}, {**ADVICE, "empty": "x"}, "on", "no question for 'empty'"),
        (QUESTIONS, {"vectors": "x"}, "on", "advice for"),
        (QUESTIONS, {**ADVICE, "more": "x"}, "on", "advice for"),
        (QUESTIONS, {"vectors": " ", "chance": "x"}, "on", "empty advice"),
        (QUESTIONS, ADVICE, " ", "empty advice"),
        ({"a": [("q", ["1", "2"], "1")]}, {"a": "x"}, "on", "write|Write"),
        ({"a": [("q", ["1"], "1", "w")]}, {"a": "x"}, "on", "at least two"),
        ({"a": [("q", ["`1`", "1"], "1", "w")]}, {"a": "x"}, "on", "all different"),
        ({"a": [("q", "12", "1", "w")]}, {"a": "x"}, "on", "at least two"),
        ({"a": [("q", ["1", "2"], "3", "w")]}, {"a": "x"}, "on", "is not an option"),
        ({"a": [("q", ["1", "2"], "1", " ")]}, {"a": "x"}, "on", "no reason"),
    ],
)
def test_an_incomplete_self_test_is_refused(questions, advice, onward, told):
    with pytest.raises(ConfigError, match=told):
        self_test(questions, advice=advice, onward=onward)


DRIVE = """<script>
const root = document.querySelector(".ftc-questions"), radios = [...root.querySelectorAll("input")];
const seen = (at) => [...root.querySelectorAll(at)].filter((e) => e.offsetParent !== null).map((e) => e.textContent);
const log = [], note = () => log.push([root.querySelector(".ftc-sentence").textContent,
  seen(".ftc-advice li").join("|"), seen(".ftc-reason").join("|"), seen("button").length]);
const choose = (at) => { radios[at].click(); note(); };
note(); choose(1); choose(0); choose(3); choose(4);
root.querySelector("button").click(); note();
choose(0); choose(3); choose(4);
document.body.insertAdjacentHTML("beforeend", "<pre id=log></pre>");
document.getElementById("log").textContent = JSON.stringify(log);
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine to run the piece's script")
def test_the_script_counts_first_choices_and_opens_advice(tmp_path):
    log = logged(f"{asked().html()}{DRIVE}", tmp_path)
    opening = ["Your first choice counts, and only this page sees it.", "", "", 0]
    assert log[0] == opening
    assert log[1] == ["1 of 3 answered, 0 right.", "vectors: read part one", "✗ It is 6. Twice three.", 1]
    assert log[2] == ["1 of 3 answered, 0 right.", "vectors: read part one", "✓ 6. Twice three.", 1]
    assert log[4][:2] == ["3 of 3 answered, 2 right.", "vectors: read part one"]
    assert log[5] == opening
    assert log[8][:2] == ["3 of 3 answered, 3 right. Go on.", ""]
    assert log[8][2] == "✓ 6. Twice three.|✓ 1. Once one.|✓ 1/2. Two sides."
