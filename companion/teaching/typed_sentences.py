"""Type a sentence for each label and see what it scores; how often you tried is counted, because it matters.

Scores need the encoder, and the encoder needs a kernel. So the page shows the sentences it was given with their score,
and in a live notebook every change is judged anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from companion.errors import CompanionError, ConfigError
from companion.teaching.surface import Piece, escape
from companion.teaching.theme import style

if TYPE_CHECKING:
    from ipywidgets import Widget

Judge = Callable[[Mapping[str, str]], float]
_CSS = """
.ftc.ftc-typed{padding:.7em .9em;border:1px solid var(--ftc-line);border-radius:.4em}
.ftc.ftc-typed dl{display:grid;grid-template-columns:max-content 1fr;gap:.15em 1em;margin:0}
.ftc.ftc-typed dt{font-weight:600;margin:0}
.ftc.ftc-typed dd{margin:0;min-width:0;overflow-wrap:anywhere}
.ftc.ftc-typed p{margin:.5em 0 0}
.ftc.ftc-typed .ftc-hint{color:var(--ftc-muted);font-size:.88em}
"""
_HINT = "In a live notebook you can type your own."


class TypedSentences(Piece):
    """One sentence for each label and the score of all together; live, with a field for each.

    Taught in: book/constraints/prompting
    """

    __slots__ = ("judge", "metric", "sentences")

    def __init__(self, sentences: Mapping[str, str], judge: Judge, metric: str) -> None:
        self.sentences, self.judge, self.metric = dict(sentences), judge, metric

    def text(self) -> str:
        lines = [f"{label}: {sentence}" for label, sentence in self.sentences.items()]
        return "\n".join([*lines, f"{self.metric} {self.judge(self.sentences):.3f}"])

    def html(self) -> str:
        rows = "".join(f"<dt>{escape(label)}</dt><dd>{escape(own)}</dd>" for label, own in self.sentences.items())
        said = f"{escape(self.metric)} {self.judge(self.sentences):.3f}."
        return _card(f'<dl>{rows}</dl><p>{said}</p><p class="ftc-hint">{_HINT}</p>')

    def widget(self) -> Widget | None:
        """The same with ipywidgets: one field for each label in `children`, and the verdict last.

        A change is judged when its field is left, or on Enter.
        """
        try:
            import ipywidgets
        except ImportError:
            return None
        layout = ipywidgets.Layout(width="100%", max_width="46em")
        fields = [
            ipywidgets.Text(value=own, description=label, continuous_update=False, layout=layout)
            for label, own in self.sentences.items()
        ]
        verdict, tried = ipywidgets.HTML(), []

        def judge(_change: object = None) -> None:
            typed = {label: field.value for label, field in zip(self.sentences, fields, strict=True)}
            try:
                tried.append(self.judge(typed))
            except CompanionError as error:
                verdict.value = _card(f'<p role="status">{escape(error)}</p>')
                return
            score = f"{escape(self.metric)} {tried[-1]:.3f}"
            said = f"{score}. Wordings tried: {len(tried)}; the best so far {max(tried):.3f}."
            verdict.value = _card(f'<p role="status">{said}</p>')

        for field in fields:
            field.observe(judge, names="value")
        judge()
        return ipywidgets.VBox([*fields, verdict])


def sentence_editor(sentences: Mapping[str, str], judge: Judge, *, metric: str = "score") -> TypedSentences:
    """Fields for the sentences of two to eight labels, judged together after every change, and a count of the changes.

    `judge` maps {label: sentence} to a number, the higher the better, and may raise a `CompanionError`, which is shown.
    `metric` names the number.

    Raises: ConfigError for too few or too many labels.
    Taught in: book/constraints/prompting
    """
    if not 2 <= len(sentences) <= 8:
        raise ConfigError(
            f"sentence_editor: {len(sentences)} labels", remedy="Give a sentence for two to eight labels."
        )
    return TypedSentences(sentences, judge, metric)


def _card(content: str) -> str:
    return f'<div class="ftc ftc-typed">{style(_CSS)}{content}</div>'
