"""A sentence with its entities, and what became of each in a prediction."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from companion.corpora.schemes import Entity, entities
from companion.evaluation.taxonomy import compare
from companion.teaching.markup import Markup, colour, same_length, styled, unseen
from companion.teaching.surface import escape

_SENTENCE_CSS = """
.ftc.ftc-tagged{padding:.6em .9em;border-radius:.4em}
.ftc.ftc-tagged p{margin:.25em 0;line-height:2}
.ftc.ftc-tagged .ftc-who{display:inline-block;min-width:5.6em;font-size:.78em;font-weight:600;color:var(--ftc-muted)}
.ftc.ftc-tagged mark{color:var(--ftc-text);padding:.15em .35em;border-radius:.3em;box-decoration-break:clone;
-webkit-box-decoration-break:clone}
.ftc.ftc-tagged mark b{font-size:.7em;letter-spacing:.03em;margin-left:.35em}
"""
_SPOKEN = {"both": "boundary and type"}


def tagged_sentence(words: Sequence[str], gold: Sequence[str], predicted: Sequence[str] | None = None) -> Markup:
    """A sentence with its entities marked; with `predicted`, a second line that names every error.

    Tags are IOB2, read leniently on both lines, so that an `I-` without `B-` shows as the entity it would be. The
    errors are those of `companion.evaluation.taxonomy`: boundary, type, both, missed, spurious.

    Raises: ConfigError for sequences of different length, DataError for a string that is no tag.
    Taught in: book/walkthroughs/train-a-tagger
    """
    same_length("tagged_sentence", words=words, gold=gold, predicted=predicted)
    truth = entities(gold, strict=False)
    if predicted is None:
        rows = [("", [(entity, "") for entity in truth])]
    else:
        found = compare(truth, entities(predicted, strict=False))
        missed = {outcome.gold for outcome in found if outcome.kind == "missed"}
        kinds = {outcome.predicted: outcome.kind for outcome in found if outcome.predicted is not None}
        rows = [
            ("gold", [(entity, "missed" if entity in missed else "") for entity in truth]),
            ("predicted", [(entity, kind) for entity, kind in sorted(kinds.items())]),
        ]
    lines, plain = [], []
    for who, marked in rows:
        opening = f'<span class="ftc-who">{who}</span> ' if who else ""
        lines.append(f"<p>{opening}{_marked(words, marked, _entity_html, escape)}</p>")
        plain.append(f"{who + ': ' if who else ''}{_marked(words, marked, _entity_text, str)}")
    body = "".join(lines)
    return Markup(
        plain_text="\n".join(plain), markup=f'<div class="ftc ftc-tagged">{styled(_SENTENCE_CSS, body)}{body}</div>'
    )


def _entity_html(inside: str, entity: Entity, verdict: str) -> str:
    fill = f"ftc-t{colour(entity.type)}"
    if verdict in ("", "correct"):
        tick = f" ✓{unseen(' correct')}" if verdict else ""
        return f'<mark class="{fill}">{inside}<b>{escape(entity.type)}{tick}</b></mark>'
    return (
        f'<mark class="{fill} ftc-wrong"><span class="ftc-wavy">{inside}</span><b>{escape(entity.type)} '
        f'<span class="ftc-fault">✗ {_SPOKEN.get(verdict, verdict)}</span></b></mark>'
    )


def _entity_text(inside: str, entity: Entity, verdict: str) -> str:
    mark = {"": "", "correct": " ✓"}.get(verdict, f" ✗ {_SPOKEN.get(verdict, verdict)}")
    return f"[{inside}]{entity.type}{mark}"


def _marked(
    words: Sequence[str],
    marked: Sequence[tuple[Entity, str]],
    draw: Callable[[str, Entity, str], str],
    spell: Callable[[str], str],
) -> str:
    """The words as running text with the marked entities drawn; no space between two Chinese words."""
    starts = {entity.start: (entity, verdict) for entity, verdict in marked}
    parts: list[str] = []
    position = 0
    while position < len(words):
        entity, verdict = starts.get(position, (Entity(position, position + 1, ""), None))
        inside = "".join(_gap(words, n) * (n > position) + spell(words[n]) for n in range(position, entity.end))
        parts.append(_gap(words, position) + (inside if verdict is None else draw(inside, entity, verdict)))
        position = entity.end
    return "".join(parts)


def _gap(words: Sequence[str], position: int) -> str:
    if position == 0:
        return ""
    before, after = words[position - 1][-1:], words[position][:1]
    return "" if "\u2e80" <= before <= "\uffef" and "\u2e80" <= after <= "\uffef" else " "
