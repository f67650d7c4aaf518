"""The figures of a data sheet, drawn from the files of a corpus whenever the book is built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from companion.corpora.catalog import load_corpus
from companion.corpora.portrait import Portrait, newsroom_portrait, plain_portrait, texts_portrait
from companion.corpora.unlabelled import load_unlabelled
from companion.errors import ConfigError
from companion.randomness import permutation
from companion.teaching.explore import Explore
from companion.teaching.sentences import tagged_sentence
from companion.teaching.surface import escape

if TYPE_CHECKING:
    from companion.corpora.records import Sentence

SAMPLE = 8
"""Texts of each group in the browsable sample."""
BIN = 5
"""Words per bar in the figure of lengths."""


def data_sheet(corpus: str, part: str) -> str:
    """One part of a data sheet as HTML: "sizes", "labels", "lengths", "agreement", "originality", "figures", "sample".

    Raises:
        ConfigError: no such corpus or part.

    Taught in: book/reference/newsroom
    """
    parts: dict[str, Callable[[str], str]] = {
        "sizes": _sizes,
        "labels": _labels,
        "lengths": _lengths,
        "agreement": _agreement,
        "originality": _originality,
        "figures": _figures,
        "sample": _sample,
    }
    if part not in parts or corpus not in {"newsroom", "helpdesk"}:
        raise ConfigError(
            f"no part {part!r} of a data sheet of {corpus!r}",
            remedy=f"Choose newsroom or helpdesk, and one of {', '.join(parts)}.",
        )
    return parts[part](corpus)


@cache
def portraits(corpus: str) -> tuple[Portrait, ...]:
    """What is counted for a data sheet: the labelled corpus, and for Newsroom its unlabelled text.

    Taught in: book/reference/newsroom
    """
    if corpus == "helpdesk":
        return (texts_portrait(load_corpus("helpdesk"), "intent"),)
    stories = load_unlabelled()
    sentences = [sentence for story in stories for sentence in story.sentences]
    return (
        newsroom_portrait(load_corpus("newsroom")),
        plain_portrait("unlabelled", sentences, articles=len(stories)),
    )


def _sizes(corpus: str) -> str:
    found = portraits(corpus)
    columns = list(next(iter(found[0].sizes.values())))
    rows = []
    for portrait in found:
        for split, size in portrait.sizes.items():
            name = portrait.name if split == "all" else split
            rows.append([name, *(f"{size[column]:,}" for column in columns), f"{max(portrait.lengths[split]):,}"])
    return _table(["split", *columns, "words of the longest"], rows)


def _labels(corpus: str) -> str:
    """One bar figure per kind of label, with the split as its control."""
    [portrait, *_] = portraits(corpus)
    drawn = []
    for kind, counts in portrait.labels.items():
        labels, splits = list(counts), list(portrait.sizes)
        if len(labels) > 12:
            rows = [[label, *(f"{counts[label][split]:,}" for split in splits)] for label in labels]
            drawn.append(_folded(f"Counts of all {len(labels)} labels", _table([kind, *splits], rows)))
            continue
        drawn.append(
            Explore(
                f"{kind.capitalize()} by split",
                kind="bar",
                x=labels,
                controls={"split": splits},
                values=lambda split, counts=counts, labels=labels: [counts[label][split] for label in labels],
                y_label="how often",
                significant=6,
                say=lambda split, counts=counts, labels=labels: (
                    f"{split}: " + ", ".join(f"{label} {counts[label][split]:,}" for label in labels)
                ),
            ).html()
        )
    return "\n".join(drawn)


def _lengths(corpus: str) -> str:
    """The share of texts by length, each split and text without labels."""
    lengths = {
        portrait.name if split == "all" else split: numbers
        for portrait in portraits(corpus)
        for split, numbers in portrait.lengths.items()
    }
    last = max(max(numbers) for numbers in lengths.values()) // BIN
    starts = [f"{BIN * place + 1}–{BIN * (place + 1)}" for place in range(last + 1)]

    def shares(split: str) -> list[float]:
        counts = Counter((number - 1) // BIN for number in lengths[split])
        return [counts[place] / len(lengths[split]) for place in range(last + 1)]

    return Explore(
        "Words per text",
        kind="bar",
        x=starts,
        controls={"split": list(lengths)},
        values=shares,
        x_label="words",
        y_label="share of the texts",
        say=lambda split: (
            f"{split}: {len(lengths[split]):,} texts, {sum(lengths[split]) / len(lengths[split]):.1f} words on average"
        ),
    ).html()


def _agreement(corpus: str) -> str:
    """Both passes over the sample: how far they agree, and what was decided."""
    from companion.evaluation.passes import load_passes, repeat_agreement

    first, second, decisions = load_passes()
    found = repeat_agreement(first, second, decisions=decisions)
    rows = [
        ["sentences in both passes", f"{found.sentences:,}"],
        ["entity F1 of one pass against the other", f"{found.entity_f1}"],
        *([f"of these, {kind}", f"{f1 or 0:.3f}"] for kind, f1 in found.per_type.items()),
        ["sentences with the same sentiment", f"{found.same_label:.1%}"],
        ["Cohen's kappa of the sentiment", f"{found.kappa or 0:.3f}"],
        *([f"decisions for: {whose}", f"{number:,}"] for whose, number in sorted(found.decisions.items())),
    ]
    return _table(["repeat agreement", "value"], rows)


def _originality(corpus: str) -> str:
    from companion.experiments.records import load_record

    rows = []
    recorded = {str(cell.factors["corpus"]): cell for cell in load_record("originality")}
    for portrait in portraits(corpus):
        cell = recorded[portrait.name if portrait.name in recorded else f"{corpus}-{portrait.name}"]
        leaks = "–" if len(portrait.sizes) == 1 else f"{portrait.exact_across} / {portrait.near_across}"
        compared = f"{cell.result['ratio']:.3f} / {cell.result['reference_ratio']:.3f} ({cell.factors['reference']})"
        rows.append([portrait.name, f"{portrait.shells}", leaks, compared, f"{cell.result['quotient']:.3f}"])
    return _table(
        ["text", "repeated shells", "in two splits: exact / nearly", "distinct trigrams: here / reference", "quotient"],
        rows,
    )


def _figures(corpus: str) -> str:
    from companion.evaluation.intervals import seeds_interval
    from companion.experiments.records import load_record

    quantities = {
        "newsroom-entities": ("names, entity F1", "entity_f1"),
        "newsroom-sentiment": ("sentiment, macro F1", "macro_f1"),
        "helpdesk-intents": ("30 intents, accuracy", "in_scope_accuracy"),
    }
    values: dict[tuple[str, str], list[float]] = {}
    for cell in load_record("corpus-baselines"):
        target, system = str(cell.factors["target"]), str(cell.factors["system"])
        if target.startswith(corpus):
            values.setdefault((target, system), []).append(float(cell.result[quantities[target][1]] or 0.0))
    rows = []
    for (target, system), numbers in sorted(values.items()):
        shown = f"{seeds_interval(numbers)}" if len(numbers) > 1 else f"{numbers[0]:.3f}"
        rows.append([quantities[target][0], system, shown, str(len(numbers))])
    return _table(["target, test split", "system", "mean and 95 % interval over seeds", "seeds"], rows)


def _sample(corpus: str) -> str:
    """A keyed sample of the training split, folded by topic or domain."""
    train: Sequence[Any] = load_corpus(corpus).train
    group = (lambda row: row.meta["topic"]) if corpus == "newsroom" else (lambda row: row.label)
    groups: dict[str, list[Any]] = {}
    for place in permutation(len(train), 0, "data sheet", corpus):
        groups.setdefault(group(train[place]), []).append(train[place])
    return "\n".join(_folded(name, "".join(map(_entry, groups[name][:SAMPLE]))) for name in sorted(groups))


def _entry(row: Any) -> str:
    if hasattr(row, "tags"):
        sentence: Sentence = row
        said = escape(f"{sentence.meta['article']} · {sentence.meta['sentiment']}")
        return f"{tagged_sentence(sentence.words, sentence.tags).html()}<p><small>{said}</small></p>"
    return f"<p>{escape(row.text)}</p>"


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{body}</details>"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    lines = [
        f'<tr><th scope="row">{escape(row[0])}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in rows
    ]
    return (
        f'<div class="data-sheet-table"><table class="table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )
