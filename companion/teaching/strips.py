"""Word pieces in a row, each with the label it got and the label it should have got."""

from __future__ import annotations

from collections.abc import Sequence

from companion.teaching.markup import Markup, colour, same_length, styled, unseen
from companion.teaching.surface import escape

STRIP_CSS = """
.ftc.ftc-strip{padding:.7em .8em;border-radius:.4em}
.ftc.ftc-strip ol{display:flex;flex-wrap:wrap;gap:.45em .35em;list-style:none;margin:0;padding:0}
.ftc.ftc-strip li{display:flex;flex-wrap:wrap;gap:2px;margin:0;list-style:none}
.ftc.ftc-strip .ftc-piece{display:flex;flex-direction:column;align-items:center;padding:.15em .45em .2em;
border-radius:.25em;background:var(--ftc-raised);border:1px solid var(--ftc-line);line-height:1.35}
.ftc.ftc-strip .ftc-label{font-size:.76em;font-weight:600}
.ftc.ftc-strip .ftc-none{color:var(--ftc-muted);font-weight:400}
.ftc.ftc-strip .ftc-should{font-size:.76em}
"""


def token_strip(
    pieces: Sequence[str],
    labels: Sequence[str | int | None],
    right: Sequence[str | int | bool | None] | None = None,
    words: Sequence[int | str | None] | None = None,
) -> Markup:
    """Word pieces in a row that wraps, each with its label below, and what is wrong with it.

    One label per piece; None, -100 and "-100" are shown as ignored. `right` has for each piece the label it should
    carry, or True or False for "this one is right or wrong"; `words` has for each piece the word it was cut from
    (as `word_ids()` gives it, None for special pieces), so that the pieces of a word stand together.

    Raises: ConfigError for sequences of different length.
    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    same_length("token_strip", pieces=pieces, labels=labels, right=right, words=words)
    shown = [_label(label) for label in labels]
    faults = [None] * len(shown) if right is None else [_fault(*pair) for pair in zip(shown, right, strict=True)]
    groups: list[list[int]] = []
    for position in range(len(pieces)):
        together = words is not None and position and words[position] is not None
        if together and words[position] == words[position - 1]:
            groups[-1].append(position)
        else:
            groups.append([position])
    items = "".join(
        f"<li>{''.join(_piece(str(pieces[n]), shown[n], faults[n]) for n in group)}</li>" for group in groups
    )
    wrong = sum(fault is not None for fault in faults)
    note = "" if right is None else f"{'✗ ' if wrong else ''}{wrong} of {len(shown)} labels wrong"
    paragraph = f'<p class="ftc-note">{note}</p>' if note else ""
    plain = " ".join(
        f"{piece}/{label}" if fault is None else f"{piece}/✗{label}{f'→{fault}' if fault else ''}"
        for piece, label, fault in zip(pieces, shown, faults, strict=True)
    )
    return Markup(
        plain_text="\n".join(filter(None, [plain, note])),
        markup=f'<div class="ftc ftc-strip">{styled(STRIP_CSS, items)}<ol>{items}</ol>{paragraph}</div>',
    )


def _piece(piece: str, label: str, fault: str | None) -> str:
    kind = f" ftc-t{colour(label.partition('-')[2])}" if label[:2] in ("B-", "I-") else ""
    quiet = "" if kind else " ftc-none"
    if fault is None:
        return (
            f'<span class="ftc-piece{kind}"><code>{escape(piece)}</code>'
            f'<span class="ftc-label{quiet}">{escape(label)}</span></span>'
        )
    should = f'<span class="ftc-should">{unseen("should be ")}→ {escape(fault)}</span>' if fault else ""
    return (
        f'<span class="ftc-piece ftc-wrong{kind}"><code class="ftc-wavy">{escape(piece)}</code>'
        f'<span class="ftc-label"><span class="ftc-fault">✗{unseen(" wrong: ")}</span> {escape(label)}</span>'
        f"{should}</span>"
    )


def _label(label: str | int | None) -> str:
    return "−100" if label is None or str(label) == "-100" else str(label)


def _fault(label: str, right: str | int | bool | None) -> str | None:
    """None when the label is right, else the label it should be ("" when that is not told)."""
    if isinstance(right, bool):
        return None if right else ""
    return None if _label(right) == label else _label(right)
