"""The logit dragger: the same numbers in Python, in the widget and in the page's own script."""

import pytest
import torch

from companion.errors import ConfigError
from companion.teaching import logit_dragger
from companion.teaching.logits import measures
from tests.chromium import CHROMIUM, logged

LABELS = ["O", "B-PER", "I-PER"]


def dragger():
    return logit_dragger(LABELS, [2.0, 0.5, -1.0], gold="B-PER")


@pytest.mark.parametrize("logits", [[0.0, 0.0], [2.0, 0.5, -1.0], [6.0, -6.0, 6.0, 0.1], [500.0, -500.0]])
def test_the_numbers_are_those_of_torch(logits):
    for gold in range(len(logits)):
        tensor = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
        loss = torch.nn.functional.cross_entropy(tensor[None], torch.tensor([gold]))
        loss.backward()
        p, gradient, own = measures(logits, gold)
        assert p == pytest.approx(tensor.softmax(0).tolist(), abs=1e-12)
        assert gradient == pytest.approx(tensor.grad.tolist(), abs=1e-12)
        assert own == pytest.approx(loss.item(), abs=1e-12)


def test_text_and_page_say_where_it_starts(outline):
    piece = dragger()
    assert piece.text().splitlines() == [
        "Drag the logits:",
        "O: logit 2.0, p 0.786, gradient +0.786",
        "B-PER: logit 0.5, p 0.175, gradient −0.825",
        "I-PER: logit −1.0, p 0.039, gradient +0.039",
        "Gold label B-PER: p = 0.175, loss −ln p = 1.741.",
    ]
    page = outline(piece.html())
    assert page.tags.count("input") == page.tags.count("output") == 3
    assert page.tags.count("select") == 1 and page.tags.count("option") == 3
    assert ("option", "selected", None) in page.attributes
    assert [value for tag, name, value in page.attributes if (tag, name) == ("input", "aria-label")] == [
        f"logit of {label}" for label in LABELS
    ]
    assert ("p", "aria-live", "polite") in page.attributes
    assert "Gold label B-PER: p = 0.175" in "".join(page.text)
    assert piece.html() == dragger().html()


def test_the_widget_follows_every_control():
    gold, *rows, sentence = dragger().widget().children
    assert [row.children[0].description for row in rows] == LABELS
    assert "p = 0.175, loss −ln p = 1.741" in sentence.value
    before = [row.children[1].value for row in rows]
    rows[1].children[0].value = 6.0
    assert "p = 0.981, loss −ln p = 0.019" in sentence.value
    assert all(row.children[1].value != old for row, old in zip(rows, before, strict=True))
    assert "−0.019" in rows[1].children[1].value and "+0.018" in rows[0].children[1].value
    gold.value = 0
    assert "Gold label O: p = 0.018, loss −ln p = 4.019" in sentence.value
    assert "+0.981" in rows[1].children[1].value and "gold" in rows[0].children[1].value


def test_left_alone_all_logits_are_zero_and_the_last_label_is_gold():
    assert logit_dragger(["a", "b"]).text().endswith("Gold label b: p = 0.500, loss −ln p = 0.693.")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((["O"],), "two to eight"),
        ((["O", "O"],), "two to eight"),
        (([str(n) for n in range(9)],), "two to eight"),
        ((LABELS, [0.0, 1.0]), "3 numbers"),
        ((LABELS, [0.0, 1.0, 7.0]), "3 numbers"),
        ((LABELS, [0.0, 1.0, float("nan")]), "3 numbers"),
        ((LABELS, None, "B-LOC"), "none of"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, told):
    with pytest.raises(ConfigError, match=told):
        logit_dragger(*arguments)


def test_labels_are_escaped(outline, hostile):
    page = outline(logit_dragger([hostile, "b"]).html())
    assert "img" not in page.tags
    assert page.tags.count("script") == 1


DRIVE = """<script>
const root = document.querySelector(".ftc-logits"), rows = [...root.querySelectorAll(".ftc-row")];
const state = () => [root.querySelector(".ftc-sentence").textContent, ...rows.map((row) =>
  [".ftc-p-number", ".ftc-g-number", ".ftc-gold", "output"].map((at) => row.querySelector(at).textContent).join(" "))];
const log = [state()];
const slider = rows[1].querySelector("input"), menu = root.querySelector("select");
slider.value = "6"; slider.dispatchEvent(new Event("input")); log.push(state());
menu.value = "0"; menu.dispatchEvent(new Event("input")); log.push(state());
document.body.insertAdjacentHTML("beforeend", "<pre id=log></pre>");
document.getElementById("log").textContent = JSON.stringify(log);
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine to run the piece's script")
def test_the_script_computes_what_python_computes(tmp_path):
    start, dragged, regilded = logged(f"{dragger().html()}{DRIVE}", tmp_path)
    said = dragger().text().splitlines()
    assert start[0] == said[-1]
    assert start[1:] == ["0.786 +0.786  2.0", "0.175 −0.825 gold 0.5", "0.039 +0.039  −1.0"]
    assert dragged[0] == "Gold label B-PER: p = 0.981, loss −ln p = 0.019."
    assert regilded[0] == "Gold label O: p = 0.018, loss −ln p = 4.019."
    assert regilded[1:3] == ["0.018 −0.982 gold 2.0", "0.981 +0.981  6.0"]
