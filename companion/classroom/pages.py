"""A page for each student and one for the class: plain HTML files that load nothing, with every text escaped."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from statistics import median
from typing import Any

from companion.classroom.similarity import Group
from companion.classroom.tables import points_of
from companion.classroom.tasks import Assignment

STYLE = """
:root{color-scheme:light dark;--ink:#1d2530;--soft:#5a6675;--paper:#fff;--line:#d5dbe3;--good:#1a7f4e;--bad:#b3401f;
--raised:#f4f6f9}
@media(prefers-color-scheme:dark){:root{--ink:#e4e9f0;--soft:#a3afbe;--paper:#14181f;--line:#3a4452;--good:#5cc98f;
--bad:#ff9a76;--raised:#1d232c}}
body{max-width:60rem;margin:2rem auto;padding:0 1rem;font:1rem/1.55 system-ui,sans-serif;color:var(--ink);
background:var(--paper);overflow-wrap:break-word}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid var(--line)}
th{font-size:.85rem;color:var(--soft)}td.n,th.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
code{font-family:ui-monospace,monospace;font-size:.9em;background:var(--raised);padding:.05em .3em;border-radius:.2em}
.full{color:var(--good)}.none{color:var(--bad)}.note{background:var(--raised);border-left:3px solid var(--line);
padding:.4rem .8rem;margin:.4rem 0}p.soft,.soft{color:var(--soft)}
.bar{display:inline-block;height:.75rem;background:currentColor;border-radius:.15rem;vertical-align:baseline;
color:var(--soft);width:calc(var(--share)*var(--long))}
.scroll{overflow-x:auto;--long:12rem}td code{overflow-wrap:anywhere}td:first-child code{white-space:nowrap}
@media(max-width:45rem){.scroll{--long:2rem}th,td{padding:.3rem .3rem}
td:first-child code{white-space:normal;overflow-wrap:normal}}
"""
SHORT = 600
"""Characters of one message."""


def text(words: object) -> str:
    """A text as HTML: everything escaped, then `backticks` made code."""
    shown = str(words)
    shown = shown if len(shown) <= SHORT else f"{shown[: SHORT - 1]}…"
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(shown))


def page(title: str, body: str) -> str:
    """A whole page."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}</style></head>'
        f"<body><main>\n{body}\n</main></body></html>\n"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A table of cells that are HTML already; `numbers` are the columns that are set to the right."""

    def line(kind: str, cells: Sequence[str]) -> str:
        return "".join(
            f'<{kind} class="n">{cell}</{kind}>' if column in numbers else f"<{kind}>{cell}</{kind}>"
            for column, cell in enumerate(cells)
        )

    body = "\n".join(f"<tr>{line('td', row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{line("th", head)}</tr></thead>\n<tbody>{body}</tbody></table></div>'


def student_page(title: str, assignment: Assignment, result: Mapping[str, Any]) -> str:
    """What one student gets: points, why not more, and what should be known about the notebook."""
    lines = [
        f"<h1>{text(assignment.title)}</h1>",
        f'<p class="soft">{text(title)} · {text(result["student"])} · attempt {int(result["attempt"])}</p>',
        f"<p><b>{result['earned']} of {result['possible']} points.</b></p>",
    ]
    lines += [f'<p class="note">{text(note)}</p>' for note in result["notes"]]
    for task in result["tasks"]:
        lines.append(
            f"<h2><code>{text(task['function'])}</code> <span class='soft'>({text(task['variant'])})</span></h2>"
        )
        lines.append(table(["what earns points", "points", ""], _groups(task), numbers=[1]))
    return page(f"{assignment.title}: {result['student']}", "\n".join(lines))


def _groups(task: Mapping[str, Any]) -> list[list[str]]:
    rows, said = [], set()
    for group in task["groups"]:
        full = group["earned"] == group["possible"]
        why = "" if full else "the same" if group["message"] in said else text(group["message"])
        said.add(group["message"])
        rows.append([text(group["teaches"]), _points(group["earned"], group["possible"]), why])
    answer = text(task["predicted"]) if task["predicted"] else "none was recorded"
    points = _points(task["prediction_earned"], task["prediction_possible"])
    return [*rows, ["the prediction", points, f"your answer: {answer}"]]


def _points(earned: int, possible: int) -> str:
    kind = "full" if earned == possible else "none" if earned == 0 else "soft"
    mark = "✓" if earned == possible else "✗" if earned == 0 else "·"
    return f'<span class="{kind}">{mark} {earned} of {possible}</span>'


def class_page(
    title: str,
    assignment: Assignment,
    results: Mapping[str, Mapping[str, Any]],
    refused: Mapping[str, str],
    missing: Sequence[str],
    alike: Sequence[Group],
    strangers: Sequence[str] = (),
) -> str:
    """What the teacher looks at first: what failed how often, how long it took, who wrote the same, what to ask."""
    earned = [result["earned"] for result in results.values()]
    seconds = [result["seconds"] for result in results.values()]
    parts = [
        f"<h1>{text(assignment.title)}</h1><p class='soft'>{text(title)}</p>",
        f"<p>{len(results)} graded, median {median(earned):g} of {assignment.points} points, "
        f"from {min(earned)} to {max(earned)}. Grading took {sum(seconds):.0f} s of running time in all, "
        f"{max(seconds):.1f} s at most for one.</p>",
        "<h2>Points</h2>",
        _distribution(earned, assignment.points),
        "<h2>What failed how often</h2>",
        _failures(assignment, list(results.values())),
        "<h2>What was behind it</h2>",
        _causes(list(results.values())),
        "<h2>Similar submissions</h2>",
        _similar(alike),
        "<h2>Needs a look</h2>",
        _looks(results, refused, missing, strangers),
        "<h2>Everybody</h2>",
        _everybody(assignment, results),
        "<h2>Two minutes at the desk</h2>",
        *[f"<p><b>{text(one.question)}</b><br>{text(one.gist)}</p>" for one in assignment.oral],
    ]
    return page(f"{assignment.title}: the class", "\n".join(parts))


def _bar(share: float) -> str:
    return f'<span class="bar" style="--share:{share:.3f}"></span>' if share else ""


def _distribution(earned: Sequence[int], possible: int) -> str:
    tenths = Counter(min(10 * points // max(possible, 1), 9) for points in earned)
    rows = [
        [f"{10 * tenth} to {10 * tenth + 10}\N{NO-BREAK SPACE}%", str(tenths[tenth]), _bar(tenths[tenth] / len(earned))]
        for tenth in range(9, -1, -1)
    ]
    return table(["of all points", "students", ""], rows, numbers=[1])


def _failures(assignment: Assignment, results: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for position, task in enumerate(assignment.tasks):
        for number, group in enumerate(task.groups):
            failed = sum(result["tasks"][position]["groups"][number]["earned"] == 0 for result in results)
            share = failed / len(results)
            name = "" if number else f"<code>{task.function}</code>"
            rows.append([name, text(group.teaches), f"{failed} ({share:.0%})", _bar(share)])
        wrong = sum(result["tasks"][position]["prediction_earned"] == 0 for result in results)
        share = wrong / len(results)
        rows.append(["", "the prediction", f"{wrong} ({share:.0%})", _bar(share)])
    return table(["task", "what earns points", "failed by", ""], rows, numbers=[2])


def _causes(results: Sequence[Mapping[str, Any]]) -> str:
    """How many students each recognised mistake was found with; a student counts once for a task."""
    named = Counter(
        (task["function"], name)
        for result in results
        for task in result["tasks"]
        for name in {group["misconception"] for group in task["groups"] if group["misconception"]}
    )
    if not named:
        return '<p class="soft">No known mistake was recognised.</p>'
    rows = [
        [f"<code>{text(function)}</code>", text(name), str(times)] for (function, name), times in named.most_common()
    ]
    return table(["task", "recognised", "students"], rows, numbers=[2])


def _similar(groups: Sequence[Group]) -> str:
    caution = (
        '<p class="soft">Shares of the code after names, comments and layout are taken away, without what most of the '
        "class has. A reason to look and to talk, never a verdict: two people may well find the same ten lines.</p>"
    )
    if not groups:
        return f"{caution}<p>No two are remarkably alike.</p>"
    return caution + "".join(f'<p class="note">{text(group)}</p>' for group in groups)


def _looks(
    results: Mapping[str, Mapping[str, Any]],
    refused: Mapping[str, str],
    missing: Sequence[str],
    strangers: Sequence[str],
) -> str:
    rows = [[text(name), text(f"refused: {why}")] for name, why in sorted(refused.items())]
    rows += [[text(name), "handed nothing in"] for name in missing]
    rows += [[text(name), "is not on the roster"] for name in strangers]
    for name, result in results.items():
        rows += [[text(name), text(note)] for note in result["notes"]]
    return table(["who", "what"], rows) if rows else '<p class="soft">Nothing.</p>'


def _everybody(assignment: Assignment, results: Mapping[str, Mapping[str, Any]]) -> str:
    head = ["student", "points", *(f"<code>{task.function}</code>" for task in assignment.tasks), "attempt", "seconds"]
    rows = []
    for name, result in sorted(results.items(), key=lambda item: (-item[1]["earned"], item[0])):
        link = f'<a href="students/{escape(name, quote=True)}.html">{text(name)}</a>'
        tasks = [str(points_of(task)) for task in result["tasks"]]
        rows.append([link, str(result["earned"]), *tasks, str(result["attempt"]), f"{result['seconds']:.1f}"])
    return table(head, rows, numbers=range(1, len(head)))
