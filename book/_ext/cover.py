"""The cover, drawn by code: three choices go into one loop, and a text comes out with its names found.

`{cover}` puts it on the page as SVG in the page's own colours, once wide and once for a phone. `python
book/_ext/cover.py` draws the picture that a link to the book shows elsewhere, with the system's Chromium; a test
compares the drawing that it bears with the one of today.
"""

import hashlib
import html
import math
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

CARD = Path(__file__).parents[1] / "_static" / "cover.png"
CARD_SIZE = (1200, 630)
MARK = "Drawing"
"""Under this name the picture bears the digest of its drawing."""


@dataclass(frozen=True, kw_only=True)
class Words:
    """What the cover says, in one language; of the sentence, each word with what it names, if anything."""

    said: str = (
        "Three choices go into one training loop: what is in the batch, what is minimised, and what is trainable. What "
        "comes out tags a sentence: Zwingmann is a person, Wolfsburg a place."
    )
    choices: tuple[tuple[str, str], ...] = (
        ("what is in the batch", "labelled, unlabelled, mixed, replayed"),
        ("what is minimised", "cross-entropy, + λ · masked words"),
        ("what is trainable", "everything, the top layers, LoRA, a prompt"),
    )
    loop: tuple[str, str] = ("one loop", "that never changes")
    sentence: tuple[tuple[str, str], ...] = (("Zwingmann", "person"), ("visited", ""), ("Wolfsburg", "place"))


ENGLISH = Words()
LANGUAGES = {
    "zh_CN": Words(
        said="三个选择进入同一个训练循环：批次里放什么、最小化什么、训练哪些参数。训练出的模型给句子标注实体："
        "Zwingmann 是人名，Wolfsburg 是地名。",
        choices=(
            ("批次里放什么", "有标签、无标签、混合、回放"),
            ("最小化什么", "交叉熵、+ λ · 掩码词"),
            ("训练哪些参数", "全部、顶部几层、LoRA、提示"),
        ),
        loop=("一个循环", "始终不变"),
        sentence=(("Zwingmann", "人名"), ("visited", ""), ("Wolfsburg", "地名")),
    )
}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where things stand: the upper left corner of each choice, the middle of the loop, of each word its middle."""

    size: tuple[int, int]
    choices: tuple[tuple[int, int], ...]
    box: tuple[int, int]
    loop: tuple[int, int]
    radius: int
    words: tuple[tuple[int, int], ...]


WIDE = Layout(
    size=(880, 300),
    choices=((4, 12), (4, 112), (4, 212)),
    box=(330, 76),
    loop=(514, 150),
    radius=92,
    words=((800, 62), (800, 150), (800, 238)),
)
TALL = Layout(
    size=(360, 576),
    choices=((4, 4), (4, 88), (4, 172)),
    box=(352, 72),
    loop=(180, 376),
    radius=94,
    words=((64, 540), (180, 540), (296, 540)),
)


def draw(words: Words, place: Layout) -> str:
    """The cover as one SVG element, in classes that companion.css colours."""
    (width, height), (x, y), radius = place.size, place.loop, place.radius
    tall = height > width
    parts = [f'<svg class="{"tall" if tall else "wide"}" viewBox="0 0 {width} {height}" aria-hidden="true">']
    for index, ((left, top), (name, examples)) in enumerate(zip(place.choices, words.choices, strict=True)):
        wide, high = place.box
        if not tall:
            start, end = (left + wide, top + high / 2), _on(x, y, radius + 9, 180 + 30 * (1 - index))
            bend = start[0] + 40
            parts.append(_line(start, (bend, start[1]), (end[0] - 34, end[1]), end))
        parts.append(f'<rect class="choice" x="{left}" y="{top}" width="{wide}" height="{high}" rx="8"/>')
        parts.append(_text("name", left + 18, top + high / 2 - 6, name))
        parts.append(_text("examples", left + 18, top + high / 2 + 19, examples))
    if tall:
        parts.append(_line((x, place.choices[-1][1] + place.box[1]), (x, y - radius - 9)))
    begin, end = _on(x, y, radius, 28), _on(x, y, radius, -22)
    parts.append(f'<path class="loop" d="M{_at(begin)}A{radius} {radius} 0 1 1 {_at(end)}"/>')
    tip = [_on(x, y, radius + 17, -22), _on(x, y, radius - 17, -22), _on(x, y, radius, -3)]
    parts.append(f'<path class="tip" d="M{_at(tip[0])}L{_at(tip[1])}L{_at(tip[2])}Z"/>')
    parts.append(_text("once", x, y + 2, words.loop[0]))
    parts.append(_text("never", x, y + 26, words.loop[1]))
    if tall:
        parts.append(_line((x, y + radius + 9), (x, place.words[1][1] - 30)))
    else:
        start = (x + radius + 14, y - 4)
        for middle, high in place.words:
            parts.append(_line(start, (start[0] + 44, y - 4), (middle - 130, high - 4), (middle - 72, high - 4)))
    for (middle, high), (word, kind) in zip(place.words, words.sentence, strict=True):
        if kind:
            parts.append(f'<rect class="found" x="{middle - 60}" y="{high - 21}" width="120" height="34" rx="5"/>')
            parts.append(_text("kind", middle, high + 33, kind))
        parts.append(_text("word", middle, high + 3, word))
    return "".join(parts) + "</svg>"


def cover(language: str = "en") -> str:
    """The figure with both drawings and its words for whoever cannot see it."""
    words = LANGUAGES.get(language, ENGLISH)
    drawings = "".join(draw(words, place) for place in (WIDE, TALL))
    return f'<div class="cover" role="img" aria-label="{html.escape(words.said)}">{drawings}</div>'


def digest(style: str) -> str:
    """The name of today's drawing: of the wide cover and the style sheet's rules for it."""
    rules = [line for line in style.splitlines() if ".cover" in line or "--companion-" in line.split(":")[0]]
    return hashlib.sha256("\n".join([card(style=""), *rules]).encode()).hexdigest()[:16]


def card(style: str) -> str:
    """A page that shows the cover alone, as large as the picture of a link."""
    return (
        f'<!doctype html><html data-theme="light"><style>{style} body {{ margin: 0; background: var(--companion-paper);'
        " font-family: var(--companion-serif); color: var(--companion-ink); }"
        " main { box-sizing: border-box; width: 1200px; height: 630px; padding: 60px 64px; }"
        " h1 { font: 600 56px var(--companion-serif); margin: 0 0 52px; white-space: nowrap; }"
        " .cover { width: 1072px; max-width: none; }"
        f'</style><main><h1>Supervised Fine-Tuning, Executed</h1><div class="cover">{draw(ENGLISH, WIDE)}</div></main>'
    )


def _on(x: float, y: float, radius: float, degrees: float) -> tuple[float, float]:
    """The point of a circle at this angle, from the right and downwards as SVG counts."""
    return x + radius * math.cos(math.radians(degrees)), y + radius * math.sin(math.radians(degrees))


def _at(point: tuple[float, float]) -> str:
    return f"{point[0]:.1f} {point[1]:.1f}"


def _line(*points: tuple[float, float]) -> str:
    """A straight line through two points, or a curve that four points hold."""
    kind = "L" if len(points) == 2 else "C"
    return f'<path class="way" d="M{_at(points[0])}{kind}{" ".join(map(_at, points[1:]))}"/>'


def _text(kind: str, x: float, y: float, said: str) -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{html.escape(said)}</text>'


class Cover(SphinxDirective):
    """The cover at this place; formats other than HTML go without."""

    def run(self):
        return [nodes.raw("", cover(self.config.language), format="html")]


def setup(app):
    app.add_directive("cover", Cover)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def main() -> None:
    """Draw the picture of a link."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo
    from playwright.sync_api import sync_playwright

    style = CARD.with_name("companion.css").read_text(encoding="utf-8")
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": CARD_SIZE[0], "height": CARD_SIZE[1]})
        page.set_content(card(style))
        page.screenshot(path=CARD)
        browser.close()
    mark = PngInfo()
    mark.add_text(MARK, digest(style))
    Image.open(CARD).convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(CARD, optimize=True, pnginfo=mark)


if __name__ == "__main__":
    main()
