"""`companion corpora --report`: how good the book's own corpora are, from their files and from the records."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.cli.output import emit, say, table

if TYPE_CHECKING:
    from companion.corpora.portrait import Portrait
    from companion.experiments.records import Cell

# What each target is measured by, and between which values the fine-tuned encoder has to lie: not saturated, not noise.
TARGETS = {
    "newsroom-entities": ("entity_f1", 0.70, 0.92),
    "newsroom-sentiment": ("macro_f1", 0.65, 0.92),
    "helpdesk-intents": ("in_scope_accuracy", 0.75, 0.95),
}


def report_corpora(*, retrain: bool, as_json: bool) -> None:
    """Print counts, shares and agreement counted from the files, and the model figures from the record.

    With `retrain`, the figures are measured again into a temporary folder and shown instead of the record.

    Raises:
        DataError, RecordError: a file is missing or altered, or there is no record.
    """
    from companion.corpora.catalog import load_corpus
    from companion.corpora.portrait import newsroom_portrait, plain_portrait, texts_portrait
    from companion.corpora.unlabelled import load_unlabelled
    from companion.evaluation.passes import load_passes, repeat_agreement
    from companion.experiments import corpus_baselines, originality
    from companion.experiments.records import load_record

    stories = load_unlabelled()
    portraits = [
        newsroom_portrait(load_corpus("newsroom")),
        plain_portrait(
            "newsroom-unlabelled", [line for story in stories for line in story.sentences], articles=len(stories)
        ),
        texts_portrait(load_corpus("helpdesk"), "intent"),
    ]
    first, second, decisions = load_passes()
    agreement = repeat_agreement(first, second, decisions=decisions)
    if retrain:
        with tempfile.TemporaryDirectory() as folder:
            cells = corpus_baselines.run("full", Path(folder), say)
    else:
        cells = load_record(corpus_baselines.NAME)
    compared = load_record(originality.NAME)
    blocks = [
        *(describe_portrait(portrait) for portrait in portraits),
        describe_originality(compared),
        f"repeat agreement on {agreement.sentences} sentences of Newsroom: entity F1 {agreement.entity_f1}, sentiment "
        f"{agreement.same_label:.1%} the same, Cohen's kappa {agreement.kappa or 0:.3f}; adopted "
        + ", ".join(f"{number} × {whose}" for whose, number in sorted(agreement.decisions.items())),
        describe_figures(cells),
    ]
    document = {
        "corpora": {portrait.name: _numbers(portrait) for portrait in portraits},
        "originality": {cell.name: dict(cell.result) for cell in compared},
        "agreement": {
            "sentences": agreement.sentences,
            "entity_f1": agreement.entity_f1.mean,
            "low": agreement.entity_f1.low,
            "high": agreement.entity_f1.high,
            "kappa": agreement.kappa,
            "same_label": agreement.same_label,
            "decisions": dict(agreement.decisions),
        },
        "figures": figures(cells),
    }
    emit(document, "\n\n".join(blocks), as_json=as_json)


def describe_portrait(portrait: Portrait) -> str:
    """The sizes, labels and leaks of one corpus as tables."""
    splits = list(portrait.sizes)
    columns = list(next(iter(portrait.sizes.values())))
    rows = [["split", *columns, "longest"]]
    for name, size in portrait.sizes.items():
        rows.append([name, *(f"{size[column]:,}" for column in columns), f"{max(portrait.lengths[name]):,} words"])
    blocks = [portrait.name, table(rows)]
    for kind, counts in portrait.labels.items():
        lines = [[label, *(f"{found[split]:,}" for split in splits)] for label, found in counts.items()]
        blocks.append(table([[kind, *splits], *lines]))
    facts = [f"texts whose shell an earlier one has: {portrait.shells}"]
    if len(splits) > 1:
        facts.append(f"texts that stand in two splits: {portrait.exact_across}")
        facts.append(f"pairs of texts of different splits that are nearly the same: {portrait.near_across}")
    if portrait.unseen is not None:
        facts.append(f"names of test that train does not have: {portrait.unseen:.1%}")
    return "\n".join([*blocks, *facts])


def describe_originality(cells: list[Cell]) -> str:
    """Distinct trigrams beside those of public text of the same size."""
    rows = [["distinct trigrams", "ratio", "reference", "its ratio", "quotient", "words"]]
    for cell in cells:
        found = cell.result
        own, other = f"{found['ratio']:.3f}", f"{found['reference_ratio']:.3f}"
        quotient = f"{found['quotient']:.3f}"
        rows.append(
            [str(cell.factors["corpus"]), own, str(cell.factors["reference"]), other, quotient, f"{found['words']:,}"]
        )
    return table(rows)


def figures(cells: list[Cell]) -> dict[str, dict[str, Any]]:
    """Mean and interval of every system on every target, and whether the encoder lies where it should."""
    from companion.evaluation.intervals import seeds_interval

    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for cell in cells:
        target, system = str(cell.factors["target"]), str(cell.factors["system"])
        values[target][system].append(float(cell.result[TARGETS[target][0]] or 0.0))
    found: dict[str, dict[str, Any]] = {}
    for target, systems in values.items():
        quantity, low, high = TARGETS[target]
        found[target] = {"quantity": quantity, "from": low, "to": high}
        for system, numbers in systems.items():
            interval = seeds_interval(numbers) if len(numbers) > 1 else None
            mean = sum(numbers) / len(numbers)
            found[target][system] = {"mean": mean, "seeds": len(numbers)}
            if interval is not None:
                found[target][system] |= {"low": interval.low, "high": interval.high}
    return found


def describe_figures(cells: list[Cell]) -> str:
    """The figures as a table: baselines, the encoder, and the range it has to lie in."""
    rows = [["target", "measured by", "system", "test", "seeds", "has to lie in"]]
    for target, found in figures(cells).items():
        for system in (name for name in found if name not in {"quantity", "from", "to"}):
            number = found[system]
            shown = f"{number['mean']:.3f}"
            if "low" in number:
                shown += f" [{number['low']:.3f}, {number['high']:.3f}]"
            wanted = "-"
            if system == "encoder":
                inside = found["from"] <= number["mean"] <= found["to"]
                wanted = f"{found['from']:.2f} to {found['to']:.2f}: {'yes' if inside else 'NO'}"
            rows.append([target, found["quantity"], system, shown, str(number["seeds"]), wanted])
    return table(rows)


def _numbers(portrait: Portrait) -> dict[str, Any]:
    return {
        "sizes": {name: dict(size) for name, size in portrait.sizes.items()},
        "labels": {kind: {label: dict(row) for label, row in rows.items()} for kind, rows in portrait.labels.items()},
        "repeated_shells": portrait.shells,
        "exact_across": portrait.exact_across,
        "near_across": portrait.near_across,
        "unseen": portrait.unseen,
    }
