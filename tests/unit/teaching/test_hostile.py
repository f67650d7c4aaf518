"""Text from a corpus or a reader never becomes markup: every piece, with text that takes over an unescaped page."""

import html
import json

import pytest

from companion.teaching import Explore, label_table, tagged_sentence, token_strip
from companion.teaching.listing import Listing
from companion.teaching.predictions import prediction
from companion.teaching.questionnaire import questionnaire
from companion.teaching.seal import Seal
from companion.teaching.surface import plain


def pieces(text):
    question = prediction(text, {text: f"{text[:20]}: {text}", "b": None}, "b", text)
    asked = questionnaire({text: [(text, [text, "b"], text, text)]}, advice={text: text}, onward=text)
    return {
        "seal": Seal(sentence=text, value=text, note=text, opening=text),
        "prediction": question,
        "listing": Listing(file=text, first=1, source=text),
        "strip": token_strip([text, text], [text, f"B-{text}"], right=["O", text], words=[text, text]),
        "sentence": tagged_sentence([text, text], [f"B-{text}", "O"], ["O", f"B-{text}"]),
        "table": label_table({text: [text, 1]}, wrong=[0], caption=text),
        "explore": Explore(
            text,
            controls={text: [text, "b"]},
            x=[text, "b"],
            values=lambda _: {text: [1, 2]},
            kind="bar",
            x_label=text,
            y_label=text,
            say=lambda _: text,
        ),
        "questionnaire": asked,
    }


KINDS = ("seal", "prediction", "listing", "strip", "sentence", "table", "explore", "questionnaire")


def test_every_kind_is_covered():
    assert tuple(pieces("text")) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_text_stays_text(kind, hostile, outline):
    piece = pieces(hostile)[kind]
    page = outline(piece.html())
    assert page.tags.count("script") == (1 if kind in ("explore", "questionnaire") else 0)
    assert "img" not in page.tags
    assert page.tags.count("style") == 1
    shown = "".join(page.text)
    assert hostile in shown or hostile in shown.replace("\u2212", "-")


@pytest.mark.parametrize("kind", KINDS)
def test_a_piece_is_the_same_twice(kind):
    assert pieces("a `b` c")[kind].html() == pieces("a `b` c")[kind].html()
    assert pieces("a `b` c")[kind].text() == pieces("a `b` c")[kind].text()


@pytest.mark.parametrize("kind", KINDS)
def test_a_piece_has_a_plain_text(kind, hostile):
    said = pieces(hostile)[kind].text()
    assert plain(hostile) in said
    assert "ftc-" not in said


def test_the_live_widget_escapes_too(hostile, outline):
    heading, choice, feedback = pieces(hostile)["prediction"].widget().children
    choice.value = choice.options[0]
    for part in (heading, feedback):
        assert not {"script", "img"} & set(outline(part.value).tags)
    assert choice.options[0] == hostile


def test_the_numbers_of_a_figure_survive_the_attribute(hostile, outline):
    page = outline(pieces(hostile)["explore"].html())
    data = json.loads(next(value for _, name, value in page.attributes if name == "data-ftc-numbers"))
    assert data["series"] == [hostile]
    assert data["settings"][0] == {"values": [[1, 2]], "says": hostile}
    assert html.escape(hostile) in pieces(hostile)["explore"].html()
