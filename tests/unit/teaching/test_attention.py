"""The attention map: what it says, what it refuses, and that its script says what Python says."""

import pytest
import torch

from companion.errors import ConfigError
from companion.teaching import attention_map
from tests.chromium import CHROMIUM, logged

TOKENS = ["[CLS]", "vasodro", "."]
HEADS = [
    [[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.25, 0.5, 0.25]],
    [[0.0, 1.0, 0.0], [0.604, 0.198, 0.198], [0.2, 0.2, 0.6]],
]


def two_heads():
    return attention_map(TOKENS, HEADS, start="vasodro")


def test_text_has_every_weight_and_the_sentence():
    assert two_heads().text().splitlines() == [
        "Who looks at whom:",
        "head 1",
        "[CLS]: 0.50 0.30 0.20",
        "vasodro: 0.10 0.20 0.70",
        ".: 0.25 0.50 0.25",
        "head 2",
        "[CLS]: 0.00 1.00 0.00",
        "vasodro: 0.60 0.20 0.20",
        ".: 0.20 0.20 0.60",
        "Head 1: vasodro looks most at . (0.70), then at vasodro (0.20).",
    ]


def test_a_single_head_may_be_a_matrix_and_has_no_menu(outline):
    piece = attention_map(TOKENS, torch.tensor(HEADS[0]), title="One head")
    assert piece.text().splitlines()[0] == "One head:"
    assert piece.text().splitlines()[-1] == "[CLS] looks most at [CLS] (0.50), then at vasodro (0.30)."
    assert "select" not in outline(piece.html()).tags


def test_the_page_is_a_table_with_headers_buttons_and_a_spoken_sentence(outline):
    page = outline(two_heads().html())
    assert [value for tag, name, value in page.attributes if (tag, name) == ("th", "scope")] == ["col"] * 3 + [
        "row"
    ] * 3
    assert [value for tag, name, value in page.attributes if (tag, name) == ("input", "type")] == ["radio"] * 3
    assert page.tags.count("option") == 2
    assert ("p", "aria-live", "polite") in page.attributes
    assert [value for tag, name, value in page.attributes if (tag, name) == ("i", "style")][3:6] == [
        "width:10%",
        "width:20%",
        "width:70%",
    ]
    assert two_heads().html() == two_heads().html()


def test_tokens_are_escaped(outline, hostile):
    page = outline(attention_map([hostile, "b"], [[0.5, 0.5], [0.5, 0.5]]).html())
    assert "img" not in page.tags
    assert page.tags.count("script") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((["one"], [[1.0]]), "2 to 24 tokens"),
        ((TOKENS, []), "1 to 12 heads"),
        ((TOKENS, [HEADS[0]] * 13), "1 to 12 heads"),
        ((TOKENS, [HEADS[0][:2]]), "one row for each token"),
        ((TOKENS, [[row[:2] for row in HEADS[0]]]), "one row for each token"),
        ((TOKENS, [[[5.0, -1.0, 2.0]] * 3]), "after the softmax"),
        ((TOKENS, [[[1.5, -0.5, 0.0]] * 3]), "after the softmax"),
        ((TOKENS, [[[float("nan"), 0.5, 0.5]] * 3]), "after the softmax"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, told):
    with pytest.raises(ConfigError, match=told):
        attention_map(*arguments)


def test_the_start_is_one_of_the_tokens():
    with pytest.raises(ConfigError, match="none of"):
        attention_map(TOKENS, HEADS, start="vaso")


DRIVE = """<script>
const roots = [...document.querySelectorAll(".ftc-attention")], root = roots[0], menu = root.querySelector("select");
const rows = [...root.querySelectorAll("tbody tr")];
const state = () => [root.querySelector(".ftc-sentence").textContent, rows.findIndex((row) =>
  row.classList.contains("ftc-chosen")), [...root.querySelectorAll("td span")].map((at) => at.textContent).join(" ")];
const log = [state()];
menu.value = "1"; menu.dispatchEvent(new Event("input")); log.push(state());
rows[2].querySelector("input").click(); log.push(state());
rows[0].querySelectorAll("td")[1].click(); log.push(state());
log.push(roots.map((each) => each.querySelectorAll("input:checked").length));
document.body.insertAdjacentHTML("beforeend", "<pre id=log></pre>");
document.getElementById("log").textContent = JSON.stringify(log);
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine to run the piece's script")
def test_the_script_says_what_python_says(tmp_path):
    start, second, last, first, checked = logged(f"{two_heads().html() * 2}{DRIVE}", tmp_path)
    assert start == [two_heads().text().splitlines()[-1], 1, "0.50 0.30 0.20 0.10 0.20 0.70 0.25 0.50 0.25"]
    assert second == [
        "Head 2: vasodro looks most at [CLS] (0.60), then at vasodro (0.20).",
        1,
        "0.00 1.00 0.00 0.60 0.20 0.20 0.20 0.20 0.60",
    ]
    assert last[:2] == ["Head 2: . looks most at . (0.60), then at [CLS] (0.20).", 2]
    assert first[:2] == ["Head 2: [CLS] looks most at vasodro (1.00), then at [CLS] (0.00).", 0]
    assert checked == [1, 1], "each copy keeps its own choice"
