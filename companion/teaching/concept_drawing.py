"""The concept map as a picture, and one concept as a card.

Across stands what is trainable, downward what is in the batch; a frame holds the kinds of what its head names. So the
place of a box is its first and third choice, and nothing is placed by hand. The drawing is narrow enough for a phone
and takes the page's own colours; every definition can be opened below it, and every relation is there as text.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from companion.teaching.concept_table import ANY, BATCHES, BOTH, OBJECTIVE, REPEATS, TEXT, TRAINABLES, Concept, Relation
from companion.teaching.markup import Markup
from companion.teaching.surface import NO_SHORTCUTS, escape
from companion.teaching.theme import style

if TYPE_CHECKING:
    from companion.teaching.concepts import ConceptMap

COLUMN, GAP, LINE, INSIDE, EDGE = 116, 6, 13.5, 5, 2
WIDTH = 3 * COLUMN + 2 * GAP + 2 * EDGE
MODEL = "pre-trained model"
_CSS = """
.ftc.ftc-map{padding:.7em .9em;border:1px solid var(--ftc-line);border-radius:.4em}
.ftc.ftc-map .ftc-sheet{max-width:30em;margin:0 auto}
.ftc.ftc-map svg{display:block;width:100%;height:auto}
.ftc.ftc-map text{fill:var(--ftc-text);font-size:11px;font-family:inherit}
.ftc.ftc-map .ftc-quiet{fill:var(--ftc-muted);font-size:10.5px}
.ftc.ftc-map .ftc-head{font-weight:600}
.ftc.ftc-map .ftc-box{fill:var(--ftc-raised);stroke:var(--ftc-strong-line);stroke-width:1}
.ftc.ftc-map .ftc-frame{fill:none;stroke:var(--ftc-accent);stroke-width:1.2}
.ftc.ftc-map .ftc-model{fill:var(--ftc-type-0);stroke:var(--ftc-strong-line)}
.ftc.ftc-map .ftc-arrow{stroke:var(--ftc-text);stroke-width:1.4;fill:none}
.ftc.ftc-map .ftc-tip{fill:var(--ftc-text)}
.ftc.ftc-map details{margin:.5em 0 0}
.ftc.ftc-map summary{cursor:pointer;font-weight:600}
.ftc.ftc-map summary:focus-visible{outline:2px solid var(--ftc-accent);outline-offset:2px}
.ftc.ftc-map dl,.ftc.ftc-map ul{margin:.3em 0 0;padding:0 0 0 1em;font-size:.94em}
.ftc.ftc-map dt{font-weight:600;margin:.35em 0 0}
.ftc.ftc-map dd{margin:0}
"""
_CARD_CSS = """
.ftc.ftc-concept{padding:.6em .9em;border-radius:.4em;border-left:3px solid var(--ftc-accent)}
.ftc.ftc-concept p{margin:.1em 0}
.ftc.ftc-concept .ftc-name{font-weight:600}
.ftc.ftc-concept .ftc-quiet{color:var(--ftc-muted);font-size:.92em}
"""


def card(concept: Concept, relations: Sequence[Relation]) -> Markup:
    """Name, definition, the three choices of a method, its relations, and the chapter that teaches it."""
    lines = [concept.definition]
    if concept.batch:
        choices = {"in the batch": concept.batch, "minimised": concept.minimised, "trainable": concept.trainable}
        lines.append(" · ".join(f"{name}: {choice}" for name, choice in choices.items()))
    lines.extend(f"{relation}" for relation in relations)
    if concept.chapter:
        lines.append(f"taught in: {concept.chapter}")
    head = f"{concept.name} {concept.chinese}"
    body = "".join(f'<p class="ftc-quiet">{escape(line)}</p>' for line in lines[1:])
    return Markup(
        plain_text="\n".join([head, *lines]),
        markup=f'<div class="ftc ftc-concept">{style(_CARD_CSS)}<p class="ftc-name">{escape(head)}</p>'
        f"<p>{escape(lines[0])}</p>{body}</div>",
    )


def drawing(concepts: ConceptMap) -> str:
    """The map as one HTML element: an SVG, the definitions, the relations."""
    layout = Layout(concepts)
    said = (
        f"A map of {len(layout.boxes)} methods. Across: what is trainable, from nothing to everything. Downward: what "
        "is in the batch. A pre-trained model stands between pre-training above and what starts from it below."
    )
    definitions = "".join(
        f"<dt>{escape(concept.name)} {escape(concept.chinese)}</dt><dd>{escape(concept.definition)}</dd>"
        for concept in concepts.concepts
    )
    relations = "".join(f"<li>{escape(relation)}</li>" for relation in concepts.relations)
    return (
        f'<div class="ftc ftc-map">{style(_CSS)}'
        f'<div class="ftc-sheet"><svg viewBox="0 0 {WIDTH} {layout.height:g}" role="img" aria-label="{escape(said)}">'
        f"{layout.svg()}</svg></div>"
        f"{_folded(f'{len(concepts.concepts)} definitions', f'<dl>{definitions}</dl>')}"
        f"{_folded(f'{len(concepts.relations)} relations', f'<ul>{relations}</ul>')}</div>"
    )


class Layout:
    """Where everything stands: boxes and frames as (x, y, width, height) by concept, and the texts around them."""

    def __init__(self, concepts: ConceptMap) -> None:
        self.map = concepts
        self.boxes: dict[str, tuple[float, float, float, float]] = {}
        self.frames: dict[str, tuple[float, float, float, float]] = {}
        self.texts: list[str] = []
        self.model: tuple[float, float, float, float] | None = None
        self.cursor = [0.0, 0.0, 0.0]
        self._heads()
        for batch in BATCHES:
            roots = self._roots(batch)
            for number, name in enumerate(roots):
                self._place(name, depth=0, title="" if number else batch)
            if batch == TEXT and roots and any(concept.name == MODEL for concept in concepts.concepts):
                self._place_model()
        self.height = max(self.cursor) + EDGE

    def svg(self) -> str:
        """Everything that stands inside the `<svg>`."""
        frames = "".join(_rectangle(place, "ftc-frame") for place in self.frames.values())
        boxes = "".join(
            f"<g><title>{escape(self.map[name].definition)}</title>{_rectangle(place, 'ftc-box')}</g>"
            for name, place in self.boxes.items()
        )
        return frames + boxes + self._model_svg() + "".join(self.texts)

    def _roots(self, batch: str) -> list[str]:
        """The methods of this batch that are no kind of another method."""
        return [
            concept.name
            for concept in self.map.concepts
            if concept.batch == batch and not any(self.map[wider].batch for wider in self.map.above(concept.name)[1:])
        ]

    def _columns(self, name: str) -> tuple[int, int]:
        """First and last column of a method and all its kinds."""
        spans = [
            (1, 2) if trainable == "any" else (TRAINABLES.index(trainable),) * 2
            for trainable in (self.map[kind].trainable for kind in self.map.below(name))
            if trainable
        ]
        return min(first for first, _ in spans), max(last for _, last in spans)

    def _heads(self) -> None:
        said = ["across: what is trainable 可训练的参数 →", "down: what is in the batch 批里有什么 ↓"]
        self._write(EDGE, 0, said, "ftc-quiet", centre=False)
        self.cursor = [2 * LINE + GAP] * 3
        for column, lines in enumerate((["nothing", "不训练"], ["few", "少量参数"], ["everything", "全部参数"])):
            middle = EDGE + column * (COLUMN + GAP) + COLUMN / 2
            self._write(middle, self.cursor[column], lines, "ftc-head")
        self.cursor = [self.cursor[0] + 2 * LINE + GAP] * 3

    def _place(self, name: str, depth: int, title: str = "", inset: float = 0.0) -> None:
        kinds = [kind for kind in self.map.below(name)[1:] if self.map.above(kind)[1] == name and self.map[kind].batch]
        first, last = self._columns(name)
        columns = range(first, last + 1)
        top = max(self.cursor[column] for column in columns)
        left = EDGE + first * (COLUMN + GAP) + inset
        width = (last - first + 1) * (COLUMN + GAP) - GAP - 2 * inset
        if title:
            said = "the batch of another method" if title == ANY else title if title == BOTH else f"batch: {title}"
            lines = textwrap.wrap(said, 21 if width < 130 else 44)
            self._write(left, top, lines, "ftc-quiet", centre=False)
            top += len(lines) * LINE + 2
        concept = self.map[name]
        labels = textwrap.wrap(concept.name, 16 if width < 130 else 40)
        lines = [f"{labels[0]} {concept.chinese}"] if width > 130 else [*labels, concept.chinese]
        notes = [f"{r.verb} {r.end}" for r in self.map.relations if r.start == name and r.verb in (REPEATS, OBJECTIVE)]
        head = len([*lines, *notes]) * LINE + 2 * INSIDE
        self._write(left + width / 2, top + INSIDE, lines, "ftc-head" if kinds else "")
        self._write(left + width / 2, top + INSIDE + len(lines) * LINE, notes, "ftc-quiet")
        if not kinds:
            self.boxes[name] = (left, top, width, head)
            bottom = top + head
        else:
            for column in columns:
                self.cursor[column] = top + head
            before = concept.batch
            for kind in sorted(kinds, key=lambda kind: BATCHES.index(self.map[kind].batch)):
                batch = self.map[kind].batch
                self._place(kind, depth + 1, title="" if batch == before else batch, inset=inset + 4)
                before = batch
            bottom = max(self.cursor[column] for column in columns) - GAP + 4
            self.frames[name] = (left, top, width, bottom - top)
        for column in columns:
            self.cursor[column] = bottom + (GAP if depth else 2 * GAP)

    def _place_model(self) -> None:
        top = max(self.cursor) + GAP
        self.model = (EDGE, top, WIDTH - 2 * EDGE, LINE + 2 * INSIDE)
        self._write(WIDTH / 2, top + INSIDE, [f"{MODEL} {self.map[MODEL].chinese}"], "ftc-head")
        self.cursor = [top + LINE + 2 * INSIDE + 3 * GAP] * 3

    def _model_svg(self) -> str:
        if self.model is None:
            return ""
        _, top, _, height = self.model
        right, down = WIDTH - EDGE - COLUMN / 2, top + height
        arrows = _arrow(right, top - 2.2 * GAP, top)
        arrows += "".join(_arrow(x, down, down + 2.2 * GAP) for x in (EDGE + COLUMN - 14, right))
        return _rectangle(self.model, "ftc-model") + arrows

    def _write(self, x: float, y: float, lines: Sequence[str], kind: str, *, centre: bool = True) -> None:
        anchor = ' text-anchor="middle"' if centre else ""
        for number, line in enumerate(lines):
            baseline = y + number * LINE + LINE - 3.5
            self.texts.append(f'<text x="{x:g}" y="{baseline:g}" class="{kind}"{anchor}>{escape(line)}</text>')


def _folded(summary: str, body: str) -> str:
    return f"<details><summary {NO_SHORTCUTS}>{summary}</summary>{body}</details>"


def _rectangle(place: tuple[float, float, float, float], kind: str) -> str:
    x, y, width, height = place
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="4" class="{kind}"></rect>'


def _arrow(x: float, start: float, end: float) -> str:
    tip = f"{x - 4:g},{end - 6:g} {x + 4:g},{end - 6:g} {x:g},{end:g}"
    return (
        f'<line x1="{x:g}" x2="{x:g}" y1="{start:g}" y2="{end - 5:g}" class="ftc-arrow"></line>'
        f'<polygon points="{tip}" class="ftc-tip"></polygon>'
    )
