"""The cover says what the book says, and the picture of a link is today's drawing."""

import re
from pathlib import Path

import pytest
from PIL import Image

import cover

BOOK = Path(cover.__file__).parents[1]
STYLE = (BOOK / "_static" / "companion.css").read_text(encoding="utf-8")


def test_the_three_choices_are_those_of_the_cover_page():
    page = " ".join((BOOK / "index.md").read_text(encoding="utf-8").replace(">", " ").split())
    for name, _ in cover.ENGLISH.choices:
        assert f"*{name}*" in page
        assert name in cover.ENGLISH.said


@pytest.mark.parametrize("language", ["en", *cover.LANGUAGES])
def test_both_drawings_hold_every_word_inside_their_edges(language):
    words = cover.LANGUAGES.get(language, cover.ENGLISH)
    for place in (cover.WIDE, cover.TALL):
        drawn = cover.draw(words, place)
        for said in (*sum(words.choices, ()), *words.loop, *filter(None, sum(words.sentence, ()))):
            assert f">{said}</text>" in drawn
        for left, top, wide, high in re.findall(r'<rect [^>]*x="(\S+)" y="(\S+)" width="(\S+)" height="(\S+)"', drawn):
            assert float(left) >= 0 and float(left) + float(wide) <= place.size[0]
            assert float(top) >= 0 and float(top) + float(high) <= place.size[1]


def test_every_part_of_the_drawing_has_a_rule():
    drawn = cover.draw(cover.ENGLISH, cover.WIDE)
    for name in set(re.findall(r'class="([^"]+)"', drawn)) - {"wide"}:
        assert f".cover .{name}" in STYLE, name


def test_the_picture_of_a_link_is_todays_drawing():
    picture = Image.open(cover.CARD)
    assert picture.size == cover.CARD_SIZE
    assert picture.text[cover.MARK] == cover.digest(STYLE), "draw it again: python book/_ext/cover.py"


def test_another_colour_or_word_makes_another_drawing():
    assert cover.digest(STYLE.replace("#a63a25", "#a63a26")) != cover.digest(STYLE)
    assert cover.digest(STYLE + "\n/* a remark */\n") == cover.digest(STYLE)
