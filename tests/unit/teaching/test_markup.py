import pytest

from companion.errors import ConfigError, DataError
from companion.teaching import label_table, tagged_sentence, token_strip
from companion.teaching.markup import colour

PIECES = ["[CLS]", "ada", "berg", "##mann", "left", "[SEP]"]
WORDS = [None, 0, 1, 1, 2, None]
RIGHT = [None, "B-PER", "I-PER", None, "O", None]


def test_a_right_strip_shows_pieces_labels_and_ignored_places(outline):
    strip = token_strip(PIECES, RIGHT, words=WORDS)
    assert strip.text() == "[CLS]/−100 ada/B-PER berg/I-PER ##mann/−100 left/O [SEP]/−100"
    page = outline(strip.html())
    assert page.tags.count("li") == 5
    assert page.tags.count("code") == 6
    assert "✗" not in strip.html()


def test_a_wrong_label_has_a_mark_a_word_and_the_right_label(outline):
    strip = token_strip(PIECES, ["B-PER", "I-PER", "O", -100, "-100", None], right=RIGHT, words=WORDS)
    assert strip.text() == (
        "[CLS]/✗B-PER→−100 ada/✗I-PER→B-PER berg/✗O→I-PER ##mann/−100 left/✗−100→O [SEP]/−100\n✗ 4 of 6 labels wrong"
    )
    page = outline(strip.html())
    body = strip.html().partition("</style>")[2]
    assert body.count("ftc-wrong") == body.count("ftc-wavy") == body.count(" wrong: ") == body.count("should be ") == 4
    assert "".join(page.text).count("✗") == 5


def test_verdicts_may_be_given_without_the_right_label():
    strip = token_strip(["a", "b"], ["O", "B-PER"], right=[True, False])
    assert strip.text() == "a/O b/✗B-PER\n✗ 1 of 2 labels wrong"
    assert token_strip(["a"], ["O"], right=["O"]).text() == "a/O\n0 of 1 labels wrong"


@pytest.mark.parametrize("broken", [{"labels": ["O"]}, {"right": ["O"]}, {"words": [0]}])
def test_sequences_of_different_length_are_refused(broken):
    arguments = {"pieces": ["a", "b"], "labels": ["O", "O"], **broken}
    with pytest.raises(ConfigError, match=r"2 pieces"):
        token_strip(**arguments)


def test_an_empty_strip_is_still_sound(outline):
    outline(token_strip([], []).html())
    outline(tagged_sentence([], [], []).html())


def test_a_sentence_shows_its_entities(outline):
    drawn = tagged_sentence(["Ada", "Berg", "left", "Oslo"], ["B-PER", "I-PER", "O", "B-LOC"])
    assert drawn.text() == "[Ada Berg]PER left [Oslo]LOC"
    page = outline(drawn.html())
    assert page.tags.count("mark") == 2
    assert page.tags.count("p") == 1


def test_a_prediction_names_every_kind_of_error(outline):
    words = ["Ada", "Berg", "of", "Norvik", "Bank", "saw", "Oslo", "and", "Rome", "in", "May", "with", "Kari"]
    gold = ["B-PER", "I-PER", "O", "B-ORG", "I-ORG", "O", "B-LOC", "O", "B-LOC", "O", "O", "O", "B-PER"]
    predicted = ["B-PER", "I-PER", "O", "B-ORG", "O", "O", "B-PER", "O", "B-ORG", "I-ORG", "B-MISC", "O", "O"]
    drawn = tagged_sentence(words, gold, predicted)
    assert drawn.text() == (
        "gold: [Ada Berg]PER of [Norvik Bank]ORG saw [Oslo]LOC and [Rome]LOC in May with [Kari]PER ✗ missed\n"
        "predicted: [Ada Berg]PER ✓ of [Norvik]ORG ✗ boundary Bank saw [Oslo]PER ✗ type and "
        "[Rome in]ORG ✗ boundary and type [May]MISC ✗ spurious with Kari"
    )
    assert outline(drawn.html()).tags.count("mark") == 10
    assert drawn.html().partition("</style>")[2].count("ftc-wrong") == 5


def test_a_lone_inside_tag_is_not_lost():
    assert tagged_sentence(["Oslo"], ["I-LOC"]).text() == "[Oslo]LOC"
    assert tagged_sentence(["Oslo"], ["I-LOC"], ["I-LOC"]).text() == "gold: [Oslo]LOC\npredicted: [Oslo]LOC ✓"


def test_chinese_words_have_no_spaces_between_them():
    assert (
        tagged_sentence(list("王明在北京。"), ["B-PER", "I-PER", "O", "B-LOC", "I-LOC", "O"]).text()
        == "[王明]PER在[北京]LOC。"
    )
    assert tagged_sentence(["用", "BERT", "好"], ["O", "O", "O"]).text() == "用 BERT 好"


def test_what_is_no_tag_is_refused():
    with pytest.raises(DataError):
        tagged_sentence(["Oslo"], ["LOC"])
    with pytest.raises(ConfigError, match="1 words, 2 gold"):
        tagged_sentence(["Oslo"], ["O", "O"])


def test_the_types_of_the_books_corpora_have_colours_of_their_own():
    conll = [colour(kind) for kind in ("PER", "LOC", "ORG", "MISC")]
    wnut = [colour(kind) for kind in ("person", "location", "corporation", "product", "group", "creative-work")]
    assert len(set(conll)) == 4
    assert len(set(wnut)) == 6
    assert colour("PER") == colour("person")
    assert {colour(kind) for kind in ("时间", "song", "date")} <= {3, 4, 5}


def test_a_table_is_named_and_marks_wrong_rows(outline):
    table = label_table({"word": ["Ada", "Berg"], "tag": ["B-PER", "O"]}, wrong=[1], caption="Two words")
    assert table.text() == "Two words\nword\ttag\nAda\tB-PER\nBerg\tO\t✗"
    page = outline(table.html())
    assert page.tags.count("tr") == 3
    assert "caption" in page.tags
    assert ("div", "aria-label", "Two words") in page.attributes
    assert "✗" not in label_table({"word": ["Ada"]}).html()


@pytest.mark.parametrize(
    ("columns", "wrong", "told"),
    [({}, [], "no column"), ({"a": [1], "b": []}, [], "1 a, 0 b"), ({"a": [1]}, [1], "wrong row 1 of 1")],
)
def test_a_table_that_cannot_be_is_refused(columns, wrong, told):
    with pytest.raises(ConfigError, match=told):
        label_table(columns, wrong=wrong)
