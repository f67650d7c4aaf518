import json
import math
import subprocess

import numpy as np
import pytest

from companion.errors import ConfigError
from companion.teaching import Explore
from companion.teaching.scales import linear, logarithmic, rounded
from tests.chromium import CHROMIUM

STEPS = [1, 2, 3]


def figure(**changes):
    arguments = {
        "controls": {"batch size": [4, 8], "order": ["as it comes", "by length"]},
        "x": STEPS,
        "values": lambda size, order: {"loss": [size / step for step in STEPS], "kept": [1, len(order), math.nan]},
        "x_label": "epoch",
        "y_label": "loss",
    }
    return Explore("What padding costs", **{**arguments, **changes})


def numbers(outline, piece):
    page = outline(piece.html())
    return page, json.loads(next(value for _, name, value in page.attributes if name == "data-ftc-numbers"))


def test_every_setting_travels_in_the_order_of_the_controls(outline):
    page, data = numbers(outline, figure())
    assert data["series"] == ["loss", "kept"]
    assert data["controls"] == [["4", "8"], ["as it comes", "by length"]]
    assert [setting["values"][0][0] for setting in data["settings"]] == [4, 4, 8, 8]
    assert data["settings"][3]["values"] == [[8, 4, 2.67], [1, 9, None]]
    assert (
        data["settings"][0]["says"] == "loss: lowest 1.33 at 3, highest 4 at 1; kept: lowest 1 at 1, highest 11 at 2."
    )
    assert page.tags.count("input") == page.tags.count("select") == 1
    assert page.tags.count("label") == 2


def test_the_axes_are_the_same_for_all_settings(outline):
    _, data = numbers(outline, figure())
    assert data["y"]["range"] == [0, 12]
    assert data["x"]["range"] == [1, 3]
    assert [label for _, label in data["y"]["ticks"]] == ["0", "2", "4", "6", "8", "10", "12"]


def test_a_mapping_a_bare_option_and_plain_arrays_will_do(outline):
    one = figure(
        controls={"seed": [0, 1]}, values={0: np.array([1, 2, 3]), 1: np.array([3, 2, 1.5])}, x=np.array(STEPS)
    )
    _, data = numbers(outline, one)
    assert data["series"] == ["loss"]
    assert data["x"]["values"] == STEPS
    assert (
        one.html()
        == figure(controls={"seed": [0, 1]}, values=lambda seed: {"loss": [[1, 2, 3], [3, 2, 1.5]][seed]}).html()
    )


def test_what_is_said_can_be_written_by_the_author(outline):
    piece = figure(say=lambda size, order: f"{size} {order}", start=(8, "by length"))
    _, data = numbers(outline, piece)
    assert [setting["says"] for setting in data["settings"]][1:3] == ["4 by length", "8 as it comes"]
    assert numbers(outline, figure(controls={"a": [1, 2]}, values=lambda a: STEPS, start=2))[0]
    assert piece.text().endswith("At batch size 8, order by length: 8 by length")


def test_bars_start_at_zero_and_keep_their_names(outline):
    bars = figure(controls={"seed": [0, 1]}, x=["a", "b"], values={0: [3, 5], 1: [-2, 4]}, kind="bar", y_label="")
    _, data = numbers(outline, bars)
    assert data["y"]["range"] == [-2, 6]
    assert data["x"]["names"] == ["a", "b"]
    assert data["settings"][1]["says"] == "a -2, b 4."


def test_controls_speak_and_keep_jupyters_shortcuts_away(outline):
    page, _ = numbers(outline, figure())
    suppressed = [tag for tag, name, _ in page.attributes if name == "data-lm-suppress-shortcuts"]
    assert suppressed == ["input", "select", "div"]
    assert ("p", "aria-live", "polite") in page.attributes
    assert ("div", "role", "slider") in page.attributes
    assert "At batch size 4, order as it comes: loss: lowest 1.33" in "".join(page.text)


def test_two_figures_have_two_names_and_a_twin_has_the_same():
    assert figure().html() == figure().html()
    names = {piece.html().split('data-ftc-explore="')[1][:10] for piece in (figure(), figure(start=(8, "by length")))}
    assert len(names) == 2


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"controls": {}}, "one to three controls"),
        ({"controls": {name: [1, 2] for name in "abcd"}}, "one to three controls"),
        ({"controls": {"a": [1]}}, "two or more different options"),
        ({"controls": {"a": [1, 1]}}, "two or more different options"),
        ({"controls": {"a": ["x", "y", "x"]}}, "two or more different options"),
        ({"kind": "pie"}, "unknown kind"),
        ({"x_scale": "square"}, "unknown kind or scale"),
        ({"start": (5, "by length")}, "which is no setting"),
        ({"values": {(4, "as it comes"): [1, 2, 3]}}, "no values for setting"),
        (
            {"controls": {"a": [1, 2]}, "values": {1: STEPS, 2: STEPS, 3: STEPS}},
            "values for \\(3,\\), which is no setting",
        ),
        ({"controls": {"a": [1, 2]}, "values": {1: STEPS, 2: STEPS}, "say": {1: "x"}}, "no say for setting"),
        ({"values": lambda size, order: {"loss": [1, 2]}}, "2 values for 3 points"),
        ({"values": lambda size, order: {order: STEPS}}, "has series"),
        ({"values": lambda size, order: {str(n): STEPS for n in range(7)}}, "7 series"),
        ({"values": lambda size, order: {}}, "0 series"),
        ({"x": []}, "over 0 points"),
        ({"x": ["a", "b", "c"]}, "finite numbers"),
        ({"x": [0, 1, 2], "x_scale": "log"}, "log axis"),
        ({"values": lambda size, order: [math.nan] * 3}, "nothing to draw"),
        ({"values": lambda size, order: [-1, 1, 2], "y_scale": "log"}, "log axis"),
        ({"x": list(range(4000)), "values": lambda size, order: list(np.linspace(0, 1, 4000))}, "kB, at most 60"),
    ],
)
def test_a_figure_that_cannot_be_drawn_is_refused(changes, told):
    with pytest.raises(ConfigError, match=told):
        figure(**changes)


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0.12, 2.65, ["0", "1", "2", "3"]),
        (-3, 40, ["-10", "0", "10", "20", "30", "40"]),
        (0.001, 0.0042, ["0.001", "0.002", "0.003", "0.004", "0.005"]),
        (5, 5, ["2", "3", "4", "5", "6", "7", "8"]),
        (0, 0, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0, 12000, ["0", "5,000", "10,000", "15,000"]),
    ],
)
def test_linear_ticks_are_round_and_cover_the_range(low, high, labels):
    start, end, ticks = linear(low, high)
    assert [label for _, label in ticks] == labels
    assert start <= low
    assert end >= high


def test_logarithmic_ticks():
    assert [label for _, label in logarithmic([1e-5, 3e-2])[2]] == ["10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²"]
    assert [label for _, label in logarithmic([1, 1000])[2]] == ["1", "10", "10²", "10³"]
    assert [label for _, label in logarithmic([2, 60])[2]] == ["2", "5", "10", "20", "50"]


def test_rounding_keeps_significant_digits_and_drops_what_is_not_finite():
    assert [rounded(value, 3) for value in (0.123456, 1234.5, 2.0, 1e-7, math.nan, math.inf)] == [
        0.123,
        1230,
        2,
        1e-7,
        None,
        None,
    ]


DRIVE = """<script>
const root = document.querySelector(".ftc-explore"), plot = root.querySelector(".ftc-plot");
const state = () => [root.querySelector("output").textContent, root.querySelector(".ftc-sentence").textContent,
  root.querySelector(".ftc-readout").textContent, plot.getAttribute("aria-valuetext"),
  [...plot.querySelectorAll("path")].map((path) => path.getAttribute("d").split("L").length)];
const press = (key) => plot.dispatchEvent(new KeyboardEvent("keydown", {key: key, bubbles: true}));
const log = [state()];
const slider = root.querySelector("input"), menu = root.querySelector("select");
slider.value = "1"; slider.dispatchEvent(new Event("input")); menu.value = "1"; menu.dispatchEvent(new Event("input"));
log.push(state());
press("ArrowRight"); press("ArrowRight"); log.push(state());
press("End"); log.push(state());
press("Escape"); log.push(state());
document.body.insertAdjacentHTML("beforeend", "<pre id=log></pre>");
document.getElementById("log").textContent = JSON.stringify(log);
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine to run the figure's script")
def test_the_script_draws_follows_its_controls_and_reads_values(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><meta charset=utf-8><body>{figure().html()}{DRIVE}", encoding="utf-8")
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--user-data-dir={tmp_path}/u",
    ]
    done = subprocess.run(
        [*command, "--dump-dom", page.as_uri()], capture_output=True, check=True, encoding="utf-8", timeout=120
    )
    import html

    log = json.loads(html.unescape(done.stdout.split('<pre id="log">')[1].split("</pre>")[0]))
    hint = "Point at the figure, or focus it and use the arrow keys, to read its values."
    first, moved, second_point, last_point, none = log
    assert first[0] == "4"
    assert first[1].startswith("loss: lowest 1.33 at 3, highest 4 at 1")
    assert first[2:] == [hint, "no point chosen", [3, 2]]
    assert moved[0] == "8"
    assert moved[1].startswith("loss: lowest 2.67 at 3, highest 8 at 1; kept: lowest 1 at 1, highest 9 at 2")
    assert second_point[2] == second_point[3] == "epoch 2: loss 4, kept 9"
    assert last_point[2] == "epoch 3: loss 2.67, kept no value"
    assert none[2:4] == [hint, "no point chosen"]
