"""The piece explorer: what the tokenizer says, on the page and under the fingers."""

import pytest

from companion.errors import ConfigError
from companion.teaching import piece_explorer
from companion.teaching.pieces import LONGEST
from tests.tokenizers import make_tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer("wordpiece")


def test_text_and_page_show_every_piece_with_its_number_word_and_label(tokenizer, outline):
    explorer = piece_explorer(tokenizer, "Zwingmannia visited Wolfsburg.")
    encoding = tokenizer(["Zwingmannia", "visited", "Wolfsburg", "."], is_split_into_words=True)
    words = encoding.word_ids()
    said, *rows = (line.split("  ") for line in explorer.text().splitlines())
    assert said == [f"4 words, {len(words)} word pieces, 2 of them special."]
    assert [row[:2] for row in rows] == [
        [p, str(n)] for p, n in zip(encoding.tokens(), encoding["input_ids"], strict=True)
    ]
    assert [row[2] for row in rows] == ["no word" if word is None else f"word {word}" for word in words]
    assert [n for n, row in enumerate(rows) if row[3] == "label"] == [words.index(word) for word in range(4)]
    assert words.count(0) > 1, "the first word must be cut for this to test anything"
    page = outline(explorer.html())
    assert page.tags.count("li") == 6 and page.tags.count("code") == len(words)
    assert "script" not in page.tags
    assert "you can type" in "".join(page.text)


def test_the_widget_follows_what_is_typed(tokenizer):
    field, strip = piece_explorer(tokenizer, "visited Wolfsburg.").widget().children
    assert "3 words" in strip.value and "Wolfsburg" in strip.value
    field.value = "Zwingmann"
    assert "1 word, " in strip.value
    assert "Zwingmann" in strip.value and "Wolfsburg" not in strip.value
    field.value = ""
    assert "0 words, 2 word pieces, 2 of them special" in strip.value


def test_typed_markup_is_escaped_and_a_long_text_is_cut(tokenizer, outline, hostile):
    page = outline(piece_explorer(tokenizer, hostile).html())
    assert "img" not in page.tags and "script" not in page.tags
    long = piece_explorer(tokenizer, "left " * LONGEST).text()
    assert long.startswith(f"{LONGEST // 5} words")


def test_a_tokenizer_without_words_is_refused():
    class Slow:
        is_fast = False

    with pytest.raises(ConfigError, match="word_ids"):
        piece_explorer(Slow(), "text")
