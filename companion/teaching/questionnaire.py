"""A self-test that sends its reader to the right page: a few questions by area, a reason each, and a count.

Reasons open by CSS alone (`fieldset:has(input:checked)`), so the page teaches without a script; one small inline script
counts first answers and shows the advice of the areas that were missed. Nothing is stored and no kernel is needed, so
the test is the same on the built page, in JupyterLab and in Colab.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from companion.errors import ConfigError
from companion.teaching.compact import compacted
from companion.teaching.surface import NO_SHORTCUTS, Piece, digest, escape, inline, plain, present
from companion.teaching.theme import style

_CSS = """
.ftc.ftc-questions{padding:.7em 1em;border:1px solid var(--ftc-line);border-radius:.4em}
.ftc.ftc-questions .ftc-kicker{display:block;font-size:.78em;font-weight:600;letter-spacing:.06em;
text-transform:uppercase;color:var(--ftc-accent);margin:.7em 0 .1em}
.ftc.ftc-questions .ftc-kicker:first-of-type{margin-top:0}
.ftc.ftc-questions fieldset{border:0;margin:0;padding:.35em 0;min-width:0}
.ftc.ftc-questions legend{float:none;width:auto;margin:0;padding:0;border:0;font-size:1em;line-height:1.45;
color:inherit;font-weight:600}
.ftc.ftc-questions .ftc-options{display:flex;flex-wrap:wrap;gap:0 1.8em}
.ftc.ftc-questions label{display:flex;align-items:center;gap:.5em;margin:0;padding:.2em 0;min-height:2em;
cursor:pointer;font-weight:400}
.ftc.ftc-questions input{margin:0;width:1.05em;height:1.05em;flex:none;accent-color:var(--ftc-accent)}
.ftc.ftc-questions .ftc-reason{display:none;margin:.1em 0 .3em;padding:.3em .7em;background:var(--ftc-raised);
border-left:3px solid var(--ftc-good);border-radius:0 .3em .3em 0}
.ftc.ftc-questions .ftc-reason b{color:var(--ftc-good)}
.ftc.ftc-questions .ftc-off{border-left-color:var(--ftc-bad)}
.ftc.ftc-questions .ftc-off b{color:var(--ftc-bad)}
.ftc.ftc-questions fieldset:has(.ftc-key:checked) .ftc-yes{display:block}
.ftc.ftc-questions fieldset:has(.ftc-other:checked) .ftc-off{display:block}
.ftc.ftc-questions .ftc-result{margin:.6em 0 0;padding:.5em 0 0;border-top:1px solid var(--ftc-line)}
.ftc.ftc-questions .ftc-result p{margin:0;font-weight:600}
.ftc.ftc-questions .ftc-advice{margin:.3em 0 0;padding-left:1.3em}
.ftc.ftc-questions .ftc-advice li{margin:.1em 0}
.ftc.ftc-questions .ftc-advice li[hidden],.ftc.ftc-questions button[hidden],
.ftc.ftc-questions:not(.ftc-live) button{display:none}
.ftc.ftc-questions button{font:inherit;margin:.5em 0 0;padding:.25em .8em;color:var(--ftc-text);cursor:pointer;
background:var(--ftc-raised);border:1px solid var(--ftc-strong-line);border-radius:.3em}
.ftc.ftc-questions :focus-visible{outline:2px solid var(--ftc-accent);outline-offset:2px}
@media print{.ftc.ftc-questions .ftc-yes{display:block}}
"""
_OPENING = "Your first choice counts, and only this page sees it."

Asked = tuple[str, Sequence[str], str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One question of a self-test.

    Taught in: book/foundations/pytorch-in-one-sitting
    """

    area: str
    """What it is about; areas have their own advice."""
    text: str
    """The question; `backticks` mark code."""
    options: tuple[str, ...]
    """At least two, all different, in the order in which they are shown."""
    answer: str
    """The right one of the options."""
    why: str
    """What is shown once an option is chosen, whichever it is."""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Questionnaire(Piece):
    """Questions by area, a reason for each, a count of first answers, and the advice of every area missed.

    Taught in: book/foundations/pytorch-in-one-sitting
    """

    questions: tuple[Question, ...]
    """In the order in which they are asked; those of one area stand together."""
    advice: Mapping[str, str]
    """What a reader who misses a question of an area should do."""
    onward: str
    """What a reader who misses none should do."""

    def text(self) -> str:
        lines = ["Self-test"]
        for number, question in enumerate(self.questions, start=1):
            lines.append(f"{number}. {plain(question.text)} ({plain(question.area)})")
            lines += [f"  ( ) {plain(option)}" for option in question.options]
        lines += ["", "Answers"]
        lines += [f"{n}. {plain(q.answer)}: {plain(q.why)}" for n, q in enumerate(self.questions, start=1)]
        lines += ["", *(f"{plain(area)} missed: {plain(told)}" for area, told in self.advice.items())]
        return "\n".join([*lines, f"nothing missed: {plain(self.onward)}"])

    def html(self) -> str:
        name = digest(self.text())
        areas = list(self.advice)
        body, before = "", None
        for number, question in enumerate(self.questions, start=1):
            if question.area != before:
                body += f'<span class="ftc-kicker">{inline(question.area)}</span>'
            body += _fieldset(number, question, areas.index(question.area), f"ftc-question-{name}-{number}")
            before = question.area
        advice = "".join(
            f'<li data-ftc-area="{at}"><b>{inline(area)}</b>: {inline(told)}</li>'
            for at, (area, told) in enumerate(self.advice.items())
        )
        return (
            f'<div class="ftc ftc-questions" data-ftc-questionnaire="{name}" role="group" aria-label="Self-test"'
            f' data-ftc-opening="{escape(_OPENING)}" data-ftc-onward="{escape(plain(self.onward))}">{style(_CSS)}{body}'
            f'<div class="ftc-result" aria-live="polite"><p class="ftc-sentence">If you missed one of these:</p>'
            f'<ul class="ftc-advice">{advice}</ul></div><button type="button" hidden>Start again</button>'
            f'<script>(function(){{{compacted("questionnaire.js")}ftcQuestionnaire("{name}");}})();</script></div>'
        )


def self_test(questions: Mapping[str, Sequence[Asked]], *, advice: Mapping[str, str], onward: str) -> None:
    """Ask before a chapter begins, and say which parts of the reader's knowledge want refreshing.

    `questions` maps an area to its questions, each `(question, options, answer, why)`; `advice` maps every area to
    what a reader should do who misses one of its questions, and `onward` is for those who miss none. Whatever is
    chosen, `why` is shown; the count is of first choices, and is gone when the page is.

    Raises: ConfigError for no questions, an area without advice or advice without an area, an entry that is not four
    things, fewer than two options or repeated ones, an answer that is no option, or an empty text.
    Taught in: book/foundations/pytorch-in-one-sitting
    """
    present(questionnaire(questions, advice=advice, onward=onward))


def questionnaire(questions: Mapping[str, Sequence[Asked]], *, advice: Mapping[str, str], onward: str) -> Questionnaire:
    """The piece that `self_test` shows."""
    asked = [(area, entry) for area, entries in questions.items() for entry in entries]
    empty = [area for area, entries in questions.items() if not entries]
    if not asked or empty:
        raise ConfigError(f"self_test: no question{f' for {empty[0]!r}' if empty else ''}", remedy="Ask at least one.")
    if list(questions) != list(advice):
        raise ConfigError(
            f"self_test: areas {list(questions)}, advice for {list(advice)}",
            remedy="Give advice for each area, in the same order.",
        )
    if not onward.strip() or not all(told.strip() for told in advice.values()):
        raise ConfigError("self_test: empty advice", remedy="Say where the reader should go.")
    return Questionnaire(
        questions=tuple(_question(area, entry) for area, entry in asked), advice=dict(advice), onward=onward.strip()
    )


def _question(area: str, entry: Asked) -> Question:
    if not isinstance(entry, tuple) or len(entry) != 4:
        raise ConfigError(f"self_test: {entry!r}", remedy="Write (question, options, answer, why).")
    text, options, answer, why = entry
    where = f"self_test, {text!r}"
    if isinstance(options, str) or len(options) < 2 or len({plain(option) for option in options}) < len(options):
        raise ConfigError(f"{where}: options must be at least two, all different", remedy=f"These are {options!r}.")
    if answer not in options:
        raise ConfigError(f"{where}: answer {answer!r} is not an option", remedy=f"Write one of {list(options)}.")
    if not why.strip():
        raise ConfigError(f"{where}: no reason", remedy="Say why the answer is right.")
    return Question(area=area, text=text, options=tuple(options), answer=answer, why=why.strip())


def _fieldset(number: int, question: Question, area: int, name: str) -> str:
    options = "".join(
        f'<label><input type="radio" name="{name}" class="{"ftc-key" if option == question.answer else "ftc-other"}"'
        f" {NO_SHORTCUTS}><span>{inline(option)}</span></label>"
        for option in question.options
    )
    answer = inline(question.answer)
    return (
        f'<fieldset data-ftc-area="{area}"><legend>{number} · {inline(question.text)}</legend>'
        f'<div class="ftc-options">{options}</div><div aria-live="polite">'
        f'<p class="ftc-reason ftc-yes"><b>✓ {answer}.</b> {inline(question.why)}</p>'
        f'<p class="ftc-reason ftc-off"><b>✗ It is {answer}.</b> {inline(question.why)}</p></div></fieldset>'
    )
