"""Read the errors of a classifier one by one, and put right the labels that were wrong.

On the page the errors stand in groups that open, one for each pair of gold and predicted label, so no kernel and no
script is needed. In a live notebook the reader judges each text, accuracy is counted again, and the judgements can be
saved.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from companion.errors import ConfigError
from companion.teaching.markup import same_length
from companion.teaching.surface import NO_SHORTCUTS, Piece, escape
from companion.teaching.theme import style

if TYPE_CHECKING:
    from ipywidgets import Widget

LIMIT = 40
"""Errors that travel with a page; a live notebook has them all."""
EVERY = "every pair"
_CSS = """
.ftc.ftc-mistakes{padding:.7em .9em;border:1px solid var(--ftc-line);border-radius:.4em}
.ftc.ftc-mistakes .ftc-title{margin:0 0 .4em;font-weight:600}
.ftc.ftc-mistakes details{margin:.2em 0;padding:0;border:0;border-top:1px solid var(--ftc-line);background:none}
.ftc.ftc-mistakes summary{cursor:pointer;padding:.35em 0;min-height:2em;font-weight:600}
.ftc.ftc-mistakes :focus-visible{outline:2px solid var(--ftc-accent);outline-offset:2px}
.ftc.ftc-mistakes ul{margin:.1em 0 .5em 1.2em;padding:0}
.ftc.ftc-mistakes li{margin:.2em 0}
.ftc.ftc-mistakes .ftc-share{color:var(--ftc-muted);font-size:.88em;white-space:nowrap}
.ftc.ftc-mistakes p{margin:.4em 0 0}
"""


class ErrorBrowser(Piece):
    """The texts that a classifier got wrong, the surest errors first.

    Taught in: book/walkthroughs/sentiment
    """

    __slots__ = ("gold", "order", "predicted", "probabilities", "texts")

    def __init__(
        self, texts: Sequence[str], gold: Sequence[str], predicted: Sequence[str], probabilities: Sequence[float]
    ) -> None:
        self.texts, self.gold, self.predicted = list(texts), list(gold), list(predicted)
        self.probabilities = list(map(float, probabilities))
        wrong = [place for place in range(len(gold)) if gold[place] != predicted[place]]
        self.order = sorted(wrong, key=lambda place: -self.probabilities[place])

    def text(self) -> str:
        lines = [f"{self._pair(place)} ({self.probabilities[place]:.2f}): {self.texts[place]}" for place in self._shown]
        return "\n".join([self.sentence(self.gold), *lines])

    def html(self) -> str:
        groups: dict[str, list[int]] = {}
        for place in self._shown:
            groups.setdefault(self._pair(place), []).append(place)
        everywhere = Counter(map(self._pair, self.order))
        parts = "".join(
            f"<details><summary {NO_SHORTCUTS}>{escape(pair)} · {_how_many(len(places), everywhere[pair])}</summary>"
            f"<ul>{''.join(map(self._item, places))}</ul></details>"
            for pair, places in sorted(groups.items(), key=lambda group: (-everywhere[group[0]], group[0]))
        )
        return (
            f'<div class="ftc ftc-mistakes" role="group" aria-label="The errors">{style(_CSS)}'
            f'<p class="ftc-title">The errors, by gold → predicted label</p>{parts}'
            f"<p>{escape(self.sentence(self.gold))} In a live notebook you can relabel them.</p></div>"
        )

    def widget(self) -> Widget | None:
        """The same with ipywidgets: pair, text, label, verdict, sentence, file name and button, as `children`."""
        try:
            import ipywidgets
        except ImportError:
            return None
        labels = sorted({*self.gold, *self.predicted})
        wide = ipywidgets.Layout(width="100%", max_width="46em")
        pair = ipywidgets.Dropdown(options=[EVERY, *sorted(set(map(self._pair, self.order)))], description="show")
        item = ipywidgets.Dropdown(options=self._choices(EVERY), description="text", layout=wide)
        label = ipywidgets.Dropdown(options=labels, description="label")
        shown, sentence = ipywidgets.HTML(), ipywidgets.HTML()
        name = ipywidgets.Text(value="judgements.jsonl", description="save as")
        save = ipywidgets.Button(description="Save")
        judged = list(self.gold)

        def list_texts(_change: object = None) -> None:
            item.options = self._choices(pair.value)

        def show_text(_change: object = None) -> None:
            if item.value is not None:
                shown.value = f"<p>{escape(self.texts[item.value])}</p><p>{escape(self._said(item.value))}</p>"
                label.value = judged[item.value]

        def relabel(_change: object = None) -> None:
            if item.value is not None:
                judged[item.value] = label.value
            sentence.value = f'<p role="status">{escape(self.sentence(judged))}</p>'

        def write(_button: object = None) -> None:
            try:
                count = self.save(name.value, judged)
                said = f"{count} judgements written to {name.value}."
            except ConfigError as error:
                said = str(error)
            sentence.value = f'<p role="status">{escape(said)}</p>'

        pair.observe(list_texts, names="value")
        item.observe(show_text, names="value")
        label.observe(relabel, names="value")
        save.on_click(write)
        show_text()
        relabel()
        return ipywidgets.VBox([pair, item, shown, label, sentence, name, save])

    def sentence(self, labels: Sequence[str]) -> str:
        """How many answers are right when these are the right labels, and how many labels were changed."""
        right = sum(one == other for one, other in zip(labels, self.predicted, strict=True))
        changed = sum(one != other for one, other in zip(labels, self.gold, strict=True))
        note = f" {changed} label{'s' * (changed != 1)} changed by you." if changed else ""
        return f"{right:,} of {len(labels):,} texts are right ({right / len(labels):.3f}).{note}"

    def save(self, path: str | Path, labels: Sequence[str]) -> int:
        """Write the texts whose label was changed as JSONL with `text`, `label` and `was`; return how many.

        Raises:
            ConfigError: the file is there already, or cannot be written.
        """
        changed = [place for place in range(len(labels)) if labels[place] != self.gold[place]]
        rows = [{"text": self.texts[p], "label": labels[p], "was": self.gold[p]} for p in changed]
        try:
            with Path(path).open("x", encoding="utf-8", newline="\n") as stream:
                stream.writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror}", remedy="Choose another name.") from error
        return len(rows)

    @property
    def _shown(self) -> list[int]:
        return self.order[:LIMIT]

    def _choices(self, pair: str) -> list[tuple[str, int]]:
        return [(self.texts[place][:90], place) for place in self.order if pair in (EVERY, self._pair(place))]

    def _pair(self, place: int) -> str:
        return f"{self.gold[place]} → {self.predicted[place]}"

    def _said(self, place: int) -> str:
        return f"gold {self.gold[place]}, predicted {self.predicted[place]} with {self.probabilities[place]:.2f}"

    def _item(self, place: int) -> str:
        return f'<li>{escape(self.texts[place])} <span class="ftc-share">({self.probabilities[place]:.2f})</span></li>'


def error_browser(
    texts: Sequence[str], gold: Sequence[str], predicted: Sequence[str], probabilities: Sequence[float]
) -> ErrorBrowser:
    """The errors of a classifier to read, group by group; live, to relabel, recount and save.

    One entry each for every text of a split, right ones included: the text, its label, the label that was predicted,
    and the probability (0 to 1) that the model gave to its answer. The surest errors come first.

    Raises: ConfigError for lists of different length, no text at all, or a probability outside 0 to 1.
    Taught in: book/walkthroughs/sentiment
    """
    same_length("error_browser", texts=texts, gold=gold, predicted=predicted, probabilities=probabilities)
    if not len(texts) or not all(0 <= float(p) <= 1 for p in probabilities):
        raise ConfigError(
            "error_browser: no texts, or a probability outside 0 to 1", remedy="Give what task.predict returned."
        )
    return ErrorBrowser(texts, gold, predicted, probabilities)


def _how_many(shown: int, there: int) -> str:
    return f"{there}" if shown == there else f"{there}, the {shown} surest here"
