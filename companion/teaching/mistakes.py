"""Read the errors of a classifier one by one, and put right the labels that were wrong.

On the page the errors stand in groups that open, one for each pair of gold and predicted label; a small script leaves
those that the model was sure enough of, and without it all are there. In a live notebook the reader judges each text,
accuracy is counted again, and the judgements can be saved.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from companion.errors import ConfigError
from companion.teaching.compact import compacted
from companion.teaching.markup import same_length
from companion.teaching.surface import NO_SHORTCUTS, Piece, digest, escape
from companion.teaching.theme import style

if TYPE_CHECKING:
    from ipywidgets import Widget

LIMIT = 40
"""Errors that travel with a page; a live notebook has them all."""
EVERY = "every pair"
UNJUDGED, MODEL, LABEL, AMBIGUOUS = "not judged", "the model is wrong", "the label is wrong", "ambiguous"
_CSS = """
.ftc.ftc-mistakes{padding:.7em .9em;border:1px solid var(--ftc-line);border-radius:.4em}
.ftc.ftc-mistakes .ftc-title{margin:0 0 .4em;font-weight:600}
.ftc.ftc-mistakes label{display:flex;align-items:center;gap:.6em;margin:0 0 .3em;font-weight:400}
.ftc.ftc-mistakes:not(.ftc-live) label{display:none}
.ftc.ftc-mistakes input{flex:0 1 12em;min-width:4em;min-height:1.9em;margin:0;accent-color:var(--ftc-accent)}
.ftc.ftc-mistakes label *{white-space:nowrap}
.ftc.ftc-mistakes output{font-weight:600;font-variant-numeric:tabular-nums}
.ftc.ftc-mistakes details{margin:.2em 0;padding:0;border:0;border-top:1px solid var(--ftc-line);background:none}
.ftc.ftc-mistakes summary{cursor:pointer;padding:.35em 0;min-height:2em;font-weight:600}
.ftc.ftc-mistakes :focus-visible{outline:2px solid var(--ftc-accent);outline-offset:2px}
.ftc.ftc-mistakes ul{margin:.1em 0 .5em 1.2em;padding:0}
.ftc.ftc-mistakes li{margin:.2em 0}
.ftc.ftc-mistakes [hidden]{display:none}
.ftc.ftc-mistakes .ftc-share{color:var(--ftc-muted);font-size:.88em;white-space:nowrap}
.ftc.ftc-mistakes p{margin:.4em 0 0}
"""

Judgements = Mapping[int, tuple[str, str]]
"""For each text that was judged, by its place: the verdict, and the label that it should have."""


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
        shown = self.order[:LIMIT]
        lines = [f"{self._pair(place)} ({self.probabilities[place]:.2f}): {self.texts[place]}" for place in shown]
        return "\n".join([self.sentence(), *lines])

    def html(self) -> str:
        groups: dict[str, list[int]] = {}
        for place in self.order[:LIMIT]:
            groups.setdefault(self._pair(place), []).append(place)
        everywhere = Counter(map(self._pair, self.order))
        parts = "".join(
            f"<details><summary {NO_SHORTCUTS}>{escape(pair)} · {_counted(len(places), everywhere[pair])}</summary>"
            f"<ul>{''.join(map(self._item, places))}</ul></details>"
            for pair, places in sorted(groups.items(), key=lambda group: (-everywhere[group[0]], group[0]))
        )
        name = digest(*self.texts, *self.gold, *self.predicted, *self.probabilities)
        return (
            f'<div class="ftc ftc-mistakes" data-ftc-mistakes="{name}" role="group" aria-label="The errors">'
            f'{style(_CSS)}<p class="ftc-title">The errors, by gold → predicted label</p>'
            '<label><span>probability at least</span> <input type="range" min="0" max="95" step="5" value="0" '
            f'{NO_SHORTCUTS}><output>0.00</output></label>{parts}<p class="ftc-sentence" aria-live="polite"></p>'
            f"<p>{escape(self.sentence())} In a live notebook you can relabel them.</p>"
            f'<script>(function(){{{compacted("mistakes.js")}ftcMistakes("{name}");}})();</script></div>'
        )

    def widget(self) -> Widget | None:
        """The same with ipywidgets, to judge.

        `children` are the pair, the least probability, the text, what is known of it, verdict, label, sentence, file
        name and button.
        """
        try:
            import ipywidgets
        except ImportError:
            return None
        wide = ipywidgets.Layout(width="100%", max_width="46em")
        pair = ipywidgets.Dropdown(options=[EVERY, *sorted(set(map(self._pair, self.order)))], description="show")
        least = ipywidgets.FloatSlider(min=0, max=0.95, step=0.05, description="at least", readout_format=".2f")
        item = ipywidgets.Dropdown(options=self._choices(EVERY, 0), description="text", layout=wide)
        verdict = ipywidgets.Dropdown(options=[UNJUDGED, MODEL, LABEL, AMBIGUOUS], description="verdict")
        label = ipywidgets.Dropdown(options=sorted({*self.gold, *self.predicted}), description="label")
        shown, sentence = ipywidgets.HTML(), ipywidgets.HTML()
        name = ipywidgets.Text(value="judgements.jsonl", description="save as")
        save = ipywidgets.Button(description="Save")
        judged: dict[int, tuple[str, str]] = {}
        # Showing another text sets verdict and label too; what the reader did not do is no judgement.
        reading = True

        def list_texts(_change: object = None) -> None:
            item.options = self._choices(pair.value, least.value)
            # After an empty list, ipywidgets chooses nothing.
            item.index = 0 if item.options else None

        def show_text(_change: object = None) -> None:
            nonlocal reading
            reading = False
            place = item.value
            shown.value = "" if place is None else self._card(place)
            for control in (verdict, label):
                control.disabled = place is None
            if place is not None:
                verdict.value, label.value = judged.get(place, (UNJUDGED, self.gold[place]))
            sentence.value = _said(self.sentence(judged))
            reading = True

        def decide(_change: object = None) -> None:
            if reading:
                place = item.value
                # Whoever says that the label is wrong most often means that the model was right.
                other = self.predicted[place] if label.value == self.gold[place] else label.value
                judged[place] = (verdict.value, other if verdict.value == LABEL else self.gold[place])
                keep(place)

        def relabel(_change: object = None) -> None:
            if reading:
                place = item.value
                judged[place] = (UNJUDGED if label.value == self.gold[place] else LABEL, label.value)
                keep(place)

        def keep(place: int) -> None:
            if judged[place][0] == UNJUDGED:
                del judged[place]
            show_text()

        def write(_button: object = None) -> None:
            try:
                count = self.save(name.value, judged)
                said = f"{count} judgement{'s' * (count != 1)} written to {name.value}."
            except ConfigError as error:
                said = str(error)
            sentence.value = _said(said)

        for control in (pair, least):
            control.observe(list_texts, names="value")
        item.observe(show_text, names="value")
        verdict.observe(decide, names="value")
        label.observe(relabel, names="value")
        save.on_click(write)
        show_text()
        return ipywidgets.VBox([pair, least, item, shown, verdict, label, sentence, name, save])

    def sentence(self, judged: Judgements | None = None) -> str:
        """How many answers are right by these judgements, and what the reader changed; ambiguous texts do not count."""
        judged = judged or {}
        unsure = {place for place, (verdict, _) in judged.items() if verdict == AMBIGUOUS}
        moved = sum(label != self.gold[place] for place, (_, label) in judged.items())
        labels = {
            place: judged.get(place, ("", gold))[1] for place, gold in enumerate(self.gold) if place not in unsure
        }
        right = sum(self.predicted[place] == label for place, label in labels.items())
        share = f" ({right / len(labels):.3f})" if labels else ""
        notes = [
            f"{moved} label{'s' * (moved != 1)} changed by you" if moved else "",
            f"{len(unsure)} ambiguous text{'s' * (len(unsure) != 1)} left out" if unsure else "",
        ]
        told = ", ".join(filter(None, notes))
        return f"{right:,} of {len(labels):,} texts are right{share}." + (
            f" {told[0].upper()}{told[1:]}." if told else ""
        )

    def save(self, path: str | Path, judged: Judgements) -> int:
        """Write the texts that were judged as JSONL, in their order, and return how many.

        The keys are `text`, `label` (the one it should have), `was`, `predicted` and `verdict`, so the file is also one
        of labelled texts, to be read by `TextCorpus.from_jsonl`.

        Raises:
            ConfigError: nothing was judged, or the file is there already or cannot be written.
        """
        if not judged:
            raise ConfigError("nothing is judged yet", remedy="Choose a verdict or another label first.")
        rows = [
            {
                "text": self.texts[place],
                "label": judged[place][1],
                "was": self.gold[place],
                "predicted": self.predicted[place],
                "verdict": judged[place][0],
            }
            for place in sorted(judged)
        ]
        try:
            with Path(path).open("x", encoding="utf-8", newline="\n") as stream:
                stream.writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror}", remedy="Choose another name.") from error
        return len(rows)

    def _choices(self, pair: str, least: float) -> list[tuple[str, int]]:
        chosen = (place for place in self.order if pair in (EVERY, self._pair(place)))
        # Of the probability as it is shown, like the page's script.
        sure_enough = (place for place in chosen if round(self.probabilities[place], 2) >= round(least, 2))
        return [(self.texts[place][:90], place) for place in sure_enough]

    def _pair(self, place: int) -> str:
        return f"{self.gold[place]} → {self.predicted[place]}"

    def _card(self, place: int) -> str:
        known = f"gold {self.gold[place]}, predicted {self.predicted[place]} with {self.probabilities[place]:.2f}"
        return f"<p>{escape(self.texts[place])}</p><p>{escape(known)}</p>"

    def _item(self, place: int) -> str:
        sure = f"{self.probabilities[place]:.2f}"
        share = f'<span class="ftc-share">({sure})</span>'
        return f'<li data-ftc-sure="{sure}">{escape(self.texts[place])} {share}</li>'


def error_browser(
    texts: Sequence[str], gold: Sequence[str], predicted: Sequence[str], probabilities: Sequence[float]
) -> ErrorBrowser:
    """The errors of a classifier to read, by pair of labels and by probability; live, to judge, recount and save.

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


def _counted(shown: int, there: int) -> str:
    told = f"{there}" if shown == there else f"{there}, the {shown} surest here"
    return f'<span class="ftc-count" data-ftc-all="{told}">{told}</span>'


def _said(text: str) -> str:
    return f'<p role="status">{escape(text)}</p>'
