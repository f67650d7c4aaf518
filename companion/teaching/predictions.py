"""Predict before you run: a question whose wrong answers are misconceptions with a name.

On the page the reasons are opened by CSS alone (`input:checked ~ …`), so no kernel and no script is needed; in a live
notebook the same question is a widget.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from companion.errors import ConfigError
from companion.teaching.surface import NO_SHORTCUTS, Piece, digest, inline, plain, present
from companion.teaching.theme import style

if TYPE_CHECKING:
    from ipywidgets import Widget

_REASON_CSS = """
.ftc .ftc-reason{margin:.15em 0 .5em 1.9em;padding:.3em .7em;border-left:3px solid var(--ftc-bad);
background:var(--ftc-raised);border-radius:0 .3em .3em 0}
.ftc .ftc-reason.ftc-right{border-left-color:var(--ftc-good)}
.ftc .ftc-reason b{color:var(--ftc-bad)}
.ftc .ftc-reason.ftc-right b{color:var(--ftc-good)}
"""
_KICKER_CSS = """
.ftc .ftc-kicker{display:block;font-size:.78em;font-weight:600;letter-spacing:.06em;text-transform:uppercase;
color:var(--ftc-accent)}
"""
_CSS = (
    """
.ftc.ftc-predict{padding:.7em 1em;border:1px solid var(--ftc-line);border-radius:.4em}
.ftc.ftc-predict fieldset{border:0;margin:0;padding:0;min-width:0}
.ftc.ftc-predict legend{float:none;width:auto;margin:0 0 .45em;padding:0;border:0;font-size:1em;font-weight:600;
line-height:1.45;color:inherit}
.ftc.ftc-predict .ftc-option{display:grid;grid-template-columns:1.9em 1fr;align-items:start}
.ftc.ftc-predict input{margin:.62em 0 0 .2em;width:1.05em;height:1.05em;accent-color:var(--ftc-accent)}
.ftc.ftc-predict label{margin:0;padding:.35em 0;cursor:pointer;font-weight:400;min-height:2em}
.ftc.ftc-predict input:checked~label{font-weight:600}
.ftc.ftc-predict .ftc-slot{grid-column:1/-1}
.ftc.ftc-predict .ftc-reason{display:none}
.ftc.ftc-predict input:checked~.ftc-slot .ftc-reason{display:block}
@media print{.ftc.ftc-predict .ftc-reason{display:block}}
"""
    + _KICKER_CSS
    + _REASON_CSS
)
_CARD_CSS = (
    ".ftc.ftc-card{background:none;margin:0}.ftc.ftc-card .ftc-reason{margin-left:0}" + _KICKER_CSS + _REASON_CSS
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One thing to believe, and what it says about the reader who believes it."""

    text: str
    """The option as it is offered; `backticks` mark code."""
    name: str
    """The misconception's name; empty for the right option."""
    reason: str
    """What is shown when it is chosen."""
    right: bool
    """Whether this is the answer."""

    def feedback(self) -> str:
        """The reason as one paragraph of HTML."""
        opening = "✓ Yes." if self.right else f"✗ {inline(self.name)}."
        kind = " ftc-right" if self.right else ""
        return f'<p class="ftc-reason{kind}"><b>{opening}</b> {inline(self.reason)}</p>'


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Prediction(Piece):
    """A question to answer before running the next cell.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """

    question: str
    """What will happen?"""
    options: tuple[Option, ...]
    """At least two, exactly one of them right."""

    def text(self) -> str:
        offered = [f"  ( ) {plain(option.text)}" for option in self.options]
        reasons = [
            f"  {plain(option.text)}: {'right' if option.right else plain(option.name)}. {plain(option.reason)}"
            for option in self.options
        ]
        return "\n".join([f"Predict: {plain(self.question)}", *offered, "", "Reasons", *reasons])

    def html(self) -> str:
        name = f"ftc-predict-{digest(self.text())}"
        rows = "".join(
            f'<div class="ftc-option"><input type="radio" name="{name}" id="{name}-{position}" {NO_SHORTCUTS}>'
            f'<label for="{name}-{position}">{inline(option.text)}</label>'
            f'<div class="ftc-slot" aria-live="polite">{option.feedback()}</div></div>'
            for position, option in enumerate(self.options, start=1)
        )
        return (
            f'<div class="ftc ftc-predict">{style(_CSS)}<fieldset>'
            f'<legend><span class="ftc-kicker">Predict</span>{inline(self.question)}</legend>{rows}</fieldset></div>'
        )

    def widget(self) -> Widget | None:
        """A question, radio buttons and a line of feedback that follows them; None without ipywidgets."""
        try:
            import ipywidgets
        except ImportError:
            return None
        by_text = {plain(option.text): option for option in self.options}
        heading = ipywidgets.HTML(_card(f'<b><span class="ftc-kicker">Predict</span>{inline(self.question)}</b>'))
        wide = ipywidgets.Layout(width="auto")
        choice = ipywidgets.RadioButtons(options=list(by_text), value=None, layout=wide)
        feedback = ipywidgets.HTML("")

        def answer(change: dict) -> None:
            chosen = by_text.get(change["new"])
            feedback.value = "" if chosen is None else _card(f'<div role="status">{chosen.feedback()}</div>')

        choice.observe(answer, names="value")
        return ipywidgets.VBox([heading, choice, feedback])


def predict(
    question: str,
    options: Mapping[str, str | None] | Sequence[str],
    answer: str,
    why: str | Mapping[str, str],
) -> None:
    """Ask before the code answers, and give a reason for whichever option is chosen.

    Either `options` maps every option to its reason (the answer's may be None) and `why` is the reason of the answer;
    or `options` lists the options and `why` maps every one to its reason. The reason of a wrong option begins with
    the misconception's name and a colon: `"Loss is accuracy: a falling loss …"`. Options are shown in the given order.

    Raises: ConfigError when the answer is not an option, an option has no reason, a misconception has no name, two
    options read the same, or there are fewer than two.
    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    present(prediction(question, options, answer, why))


def prediction(
    question: str,
    options: Mapping[str, str | None] | Sequence[str],
    answer: str,
    why: str | Mapping[str, str],
) -> Prediction:
    """The piece that `predict` shows."""
    where = f"predict({question!r})"
    texts = list(options)
    if len(texts) < 2 or len({plain(text) for text in texts}) < len(texts):
        raise ConfigError(f"{where}: options must be at least two, all different", remedy=f"These are {texts}.")
    if answer not in texts:
        raise ConfigError(f"{where}: answer {answer!r} is not an option", remedy=f"Write one of {texts}.")
    if isinstance(options, Mapping):
        if not isinstance(why, str):
            raise ConfigError(f"{where}: reasons in options and in why", remedy="Give why as the answer's reason.")
        if options[answer] not in (None, "", why):
            raise ConfigError(f"{where}: two reasons for the answer", remedy="Give None in options, the reason in why.")
        reasons = {**options, answer: why}
    elif isinstance(why, Mapping):
        reasons = dict(why)
    else:
        raise ConfigError(f"{where}: listed options need a reason each", remedy="Give why as {option: reason}.")
    unknown = sorted(set(reasons) - set(texts))
    if unknown:
        raise ConfigError(f"{where}: a reason for {unknown[0]!r}, which is no option", remedy=f"Options are {texts}.")
    return Prediction(
        question=question,
        options=tuple(_option(where, text, reasons.get(text), right=text == answer) for text in texts),
    )


def _option(where: str, text: str, reason: str | None, *, right: bool) -> Option:
    if not reason or not reason.strip():
        raise ConfigError(
            f"{where}: option {text!r} has no reason", remedy="Say what a reader who chooses it believes."
        )
    if right:
        return Option(text=text, name="", reason=reason.strip(), right=True)
    name, colon, rest = reason.partition(":")
    if not colon or not rest.strip() or not 0 < len(name.strip()) <= 80:
        raise ConfigError(
            f"{where}: the reason of {text!r} names no misconception",
            remedy='Begin it with a name of at most 80 characters and a colon: "Loss is accuracy: a falling loss …".',
        )
    return Option(text=text, name=name.strip(), reason=rest.strip(), right=False)


def _card(content: str) -> str:
    return f'<div class="ftc ftc-card">{style(_CARD_CSS)}{content}</div>'
