"""The look of the pages: text stands out from its ground in light and in dark, and folded cells say what they fold."""

import json
import re
from pathlib import Path

import pytest

from fold_cells import PROMPTS, fold

ROOT = Path(__file__).resolve().parents[2]
CSS = (ROOT / "book" / "_static" / "companion.css").read_text(encoding="utf-8")

PAIRS = [
    *((text, ground) for text in ("ink", "muted", "accent", "link") for ground in ("paper", "surface", "raised")),
    *((name, f"{name}-surface") for name in ("good", "bad", "note")),
]


def tokens(css: str, theme: str) -> dict[str, str]:
    """The colours that a theme names."""
    block = re.search(rf'html\[data-theme="{theme}"\] \{{(.*?)\}}', css, flags=re.S).group(1)
    return dict(re.findall(r"--companion-([\w-]+): (#[0-9a-f]{6})", block))


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_from_its_ground(theme):
    colours = tokens(CSS, theme)
    ratios = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in PAIRS}
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < 4.5} == {}
    assert len(ratios) == 15


def test_both_themes_name_the_same_colours():
    assert tokens(CSS, "light").keys() == tokens(CSS, "dark").keys()
    assert len(tokens(CSS, "light")) == 14


def test_contrast_is_measured_right():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01), "the well-known grey that just fails"


def test_the_style_sheet_loads_nothing():
    assert re.findall(r"url\(|@import", CSS) == []


def _cell(kind: str, *tags: str, **mystnb: str) -> dict:
    return {"cell_type": kind, "source": "1", "metadata": {"tags": list(tags), "mystnb": dict(mystnb)}}


def test_cells_with_a_role_are_folded_and_named():
    cells = [_cell("code", tag) for tag in PROMPTS] + [_cell("code"), _cell("markdown", "claim"), _cell("code", "show")]
    folded = json.loads(fold(json.dumps({"cells": cells})))["cells"]
    assert [("hide-input" in cell["metadata"]["tags"]) for cell in folded] == [True] * len(PROMPTS) + [False] * 3
    prompts = [cell["metadata"]["mystnb"].get("code_prompt_show", "") for cell in folded]
    assert all(prompt.startswith(name) for prompt, name in zip(prompts, PROMPTS.values(), strict=False))
    assert len(PROMPTS) == 5


def test_a_prompt_of_its_own_is_kept():
    cell = _cell("code", "claim", code_prompt_show="Look here")
    folded = json.loads(fold(json.dumps({"cells": [cell]})))["cells"][0]
    assert folded["metadata"]["mystnb"]["code_prompt_show"] == "Look here"
