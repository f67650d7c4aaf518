"""Do labels sit on their words, and if not, how many pieces off?"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from companion.corpora.schemes import detect, entities, spell
from companion.doctor.findings import ERROR, WARNING, Finding
from companion.doctor.probe import CannotCheck, Outcome, Probe, need, plural
from companion.doctor.sentences import Match, matches_of
from companion.errors import DataError

if TYPE_CHECKING:
    from companion.doctor.patient import Patient

FARTHEST = 6
ENOUGH = 0.99
TOO_FEW = 5
MOSTLY = 0.5
SPELLINGS = ("as given", "IOB2", "IOB1", "BIOES", "BILOU")


def examine(patient: Patient) -> Outcome:
    """Find the sentence of every row by its pieces, and look where each entity word's own label stands.

    Raises:
        CannotCheck: words, labels or rows are missing, or the rows of the batches are not those sentences.
    """
    need(patient.tokenizer, "no tokenizer was given")
    need(patient.labels, "the names of the labels are not known (labels=)")
    split, rows = patient.first_split("train", "dev", "test")
    views = patient.views
    if views[0].kind != "tokens" or patient.is_language_model:
        raise CannotCheck("the labels are not labels of words")
    if not any(row.tags for row in rows):
        raise CannotCheck(f"the rows of {split}= have no tags")
    matches = matches_of(patient, rows)
    if matches.first_words > MOSTLY * matches.rows:
        return [_first_words_only(matches.first_words, matches.rows)]
    if not matches.found:
        raise CannotCheck(f"none of {plural(matches.rows, 'row')} of the batches is a sentence of {split}=")
    words, kept, offsets = _best_count(matches.found, patient.labels)
    if not words:
        raise CannotCheck(f"no tag of {split}= is among the labels {', '.join(patient.labels[:4])} …")
    if words < TOO_FEW:
        raise CannotCheck(f"only {plural(words, 'entity word')} in the {plural(len(matches.found), 'row')} matched")
    told = f"{kept:,} of {words:,} entity words keep their own label on one of their pieces"
    if kept >= ENOUGH * words:
        return f"{told} ({plural(len(matches.found), 'row')} looked at)"
    best, share = max(offsets.items(), key=lambda item: item[1])
    where = (
        f"; {share:,} find it {plural(abs(best), 'piece')} too {'early' if best < 0 else 'late'}"
        if best and share > 2 * kept and share > 0.2 * words
        else ""
    )
    return [
        PROBE.finding(
            ERROR if kept < 0.9 * words else WARNING,
            told + where + ".",
            "Let the labels follow the tokenizer's word_ids(): the label on a word's first piece, -100 elsewhere.",
            entity_words=words,
            kept=kept,
            offset=best,
        )
    ]


def _best_count(found: list[Match], labels: tuple[str, ...]) -> tuple[int, int, Counter[int]]:
    """The counts under the spelling given, or under another if it fits: data may be IOB1 and the labels BIOES."""
    counts = []
    for scheme in SPELLINGS:
        try:
            rows = [match.tags if scheme == "as given" else _spelt(match.tags, scheme) for match in found]
        except DataError:
            continue
        if {tag for tags in rows for tag in tags} <= set(labels):
            counts.append(_count(found, rows, labels))
    counts = counts or [_count(found, [match.tags for match in found], labels)]
    fitting = [count for count in counts if count[0] >= TOO_FEW and count[1] >= ENOUGH * count[0]]
    return fitting[0] if fitting else counts[0]


def _spelt(tags: tuple[str, ...], scheme: str) -> tuple[str, ...]:
    given = detect([tags])
    return tuple(spell(entities(tags, scheme=given, strict=False), len(tags), scheme=scheme))


def _count(found: list[Match], rows: list[tuple[str, ...]], labels: tuple[str, ...]) -> tuple[int, int, Counter[int]]:
    """Entity words, those whose first or last piece carries their label, and how many do so at each distance."""
    numbers = {label: number for number, label in enumerate(labels)}
    words = first = last = 0
    offsets: Counter[int] = Counter()
    for match, tags in zip(found, rows, strict=True):
        for tag, (start, end) in zip(tags, match.spans, strict=True):
            if tag == "O" or tag not in numbers or start is None:
                continue
            words += 1
            first += match.labels[start] == numbers[tag]
            last += match.labels[end - 1] == numbers[tag]
            for offset in range(-FARTHEST, FARTHEST + 1):
                if 0 <= start + offset < len(match.labels):
                    offsets[offset] += match.labels[start + offset] == numbers[tag]
    return words, max(first, last), offsets


def _first_words_only(rows: int, of: int) -> Finding:
    return PROBE.finding(
        ERROR,
        f"{rows:,} of {of:,} rows hold only the first word of their sentence.",
        "Tell the tokenizer that it is given words: tokenizer(words, is_split_into_words=True).",
        rows=of,
        first_words=rows,
    )


PROBE = Probe(
    name="labels on their words",
    question="Do labels sit on their words, and if not, how many pieces off?",
    needs="loader with labels on positions, tokenizer, train rows, label names",
    costs="tokenises the rows once",
    proves="that a word's own label stands, or does not, on a piece of that word",
    page="book/walkthroughs/labels-meet-word-pieces#pieces-read",
    examine=examine,
)
