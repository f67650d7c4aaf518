import itertools
import re

import numpy as np
import pytest

from companion.teaching.figures import INK, PALETTE
from companion.teaching.theme import TOKENS, style

GROUNDS = ("surface", "raised", *(f"type-{number}" for number in range(6)))
MARKS = tuple(name for name in TOKENS if name.startswith("series-") or name == "strong-line")


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
SEEN_AS = {
    "full colour": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def lab(colour: str, vision: str) -> np.ndarray:
    """CIE Lab of a colour as it is seen."""
    rgb = np.array([int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(SEEN_AS[vision]) @ linear, 0, 1)
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = matrix @ seen / np.array([0.9505, 1, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


PALETTES = {
    "figures": PALETTE,
    "light": [TOKENS[f"series-{number}"][0] for number in range(6)],
    "dark": [TOKENS[f"series-{number}"][1] for number in range(6)],
}


@pytest.mark.parametrize("vision", SEEN_AS)
@pytest.mark.parametrize("palette", PALETTES)
def test_lines_can_be_told_apart_by_everyone(palette, vision):
    pairs = list(itertools.combinations(PALETTES[palette], 2))
    assert len(pairs) == 15
    assert min(np.linalg.norm(lab(one, vision) - lab(other, vision)) for one, other in pairs) >= 15


def test_the_measure_of_difference_sees_what_is_too_close():
    assert np.linalg.norm(lab("#2f7fc4", "protanopia") - lab("#a968c9", "protanopia")) < 15


def test_the_measure_itself():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#777777") == 1


@pytest.mark.parametrize("side", [0, 1], ids=["light", "dark"])
def test_text_can_be_read_on_every_ground(side):
    pairs = [("text", ground) for ground in GROUNDS] + [("bad", ground) for ground in GROUNDS]
    plain = [name for name in TOKENS if name.startswith("code-") or name in ("muted", "good", "wait", "accent")]
    pairs += [(name, ground) for name in plain for ground in ("surface", "raised")]
    assert len(pairs) == 34
    weak = {pair: contrast(TOKENS[pair[0]][side], TOKENS[pair[1]][side]) for pair in pairs}
    assert {pair: value for pair, value in weak.items() if value < 4.5} == {}


@pytest.mark.parametrize("side", [0, 1], ids=["light", "dark"])
def test_lines_and_bars_can_be_seen(side):
    assert len(MARKS) == 7
    assert all(contrast(TOKENS[mark][side], TOKENS["surface"][side]) >= 3 for mark in MARKS)


def test_figures_can_be_read_on_white_and_on_dark_paper():
    assert len(set(PALETTE)) == 6
    for colour in (*PALETTE, INK):
        assert contrast(colour, "#ffffff") >= 3 and contrast(colour, "#181715") >= 3


def test_a_style_carries_only_the_tokens_it_uses_in_every_theme():
    css = style(".ftc.ftc-x{color:var(--ftc-good)}")
    declared = re.findall(r"--ftc-good:(#[0-9a-f]{6})", css)
    assert declared == [TOKENS["good"][0], TOKENS["good"][1], TOKENS["good"][1]]
    assert "--ftc-bad:" not in css
    for selector in (
        'html[data-theme="dark"] .ftc',
        'html[theme="dark"] .ftc',
        'body[data-jp-theme-light="false"] .ftc',
    ):
        assert selector in css
    assert "@media (prefers-color-scheme:dark)" in css
    assert css.count("{") == css.count("}")


def test_every_rule_stays_inside_its_piece():
    css = style(".ftc.ftc-x{color:red}")
    rules = re.sub(r"@media[^{]*\{(.*?)\}\}", r"\1}", css.removeprefix("<style>").removesuffix("</style>"))
    selectors = [selector for rule in rules.split("}")[:-1] for selector in rule.partition("{")[0].split(",")]
    assert len(selectors) >= 8
    assert [selector for selector in selectors if ".ftc" not in selector] == []


def test_an_unknown_token_is_an_error():
    with pytest.raises(KeyError):
        style(".ftc.ftc-x{color:var(--ftc-nothing)}")


def test_rules_for_what_a_piece_does_not_hold_are_left_out():
    css = ".ftc.ftc-x{margin:0}.ftc.ftc-x .ftc-note,.ftc.ftc-x .ftc-value{color:var(--ftc-muted)}"
    bare = style(css, '<p class="ftc ftc-x"><b class="ftc-value"></b></p>')
    assert ".ftc.ftc-x{margin:0}.ftc.ftc-x .ftc-value{color:var(--ftc-muted)}" in bare
    assert "ftc-note" not in bare and "ftc-unseen" not in bare and " code{" not in bare
    assert "--ftc-text:" in bare and ".ftc,.ftc *{box-sizing:border-box}" in bare
    full = '<p class="ftc ftc-x ftc-value ftc-note ftc-unseen"><code>'
    assert style(css, full) == style(css)
    assert "--ftc-muted" not in style(css, '<p class="ftc ftc-x">')
