"""Domain-adaptive training: text of the same kind read first or beside the labels, against as much work on the labels.

Two hundred labelled rows with 60,000 words of unlabelled text: names in WNUT-17's posts with the text that its authors
published beside them, and the sentiment of Financial PhraseBank's sentences (more than half of the annotators agree;
the catalog's split) with minutes of the Federal Reserve's committee. All four arms of `adaptive_arms`, three seeds;
a seed draws the labelled rows, and the text is the same for all. Dev and test sentences, and what nearly holds one, are
taken out of the text before it is drawn. At most a thousand rows of test are scored, once a cell, and 150 lines that no
arm reads judge how well the language is known.

Follows: Gururangan et al. (2020), section 3, there with RoBERTa and 12,500 steps on gigabytes of text.

Taught in: book/hybrid/hybrid-fine-tuning
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from companion.experiments.adaptive_arms import ADAPTED, EQUAL, JOINT, PLAIN, measure_arm
from companion.experiments.constrained_systems import splits_of
from companion.experiments.records import Cell, run_cells
from companion.randomness import permutation

NAME = "domain-adaptive"
TEXTS = {"wnut17": "wnut17-unlabelled", "financial-phrasebank": "fomc-minutes"}
CORPORA = tuple(TEXTS)
ARMS = (ADAPTED, EQUAL, JOINT, PLAIN)
LABELS, UPDATES = 200, 320
WORDS, JUDGED = 60_000, 150
MOST_TEST = 1000
SEEDS = (0, 1, 2)


class DomainText(NamedTuple):
    """Unlabelled text of a corpus's domain."""

    read: tuple[str, ...]
    """The lines that may be trained on."""
    judged: tuple[str, ...]
    """Lines that are never trained on."""
    facts: dict[str, int]
    """How much there is, and what was taken out."""


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record; the fast profile has Newsroom, twelve sentences and two updates."""
    full = profile == "full"
    few = [{"corpus": "newsroom", "arm": arm, "seed": 0} for arm in ARMS]
    command = f"companion experiments {NAME} --profile {profile}"
    cells = plan() if full else few
    return run_cells(NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say)


def plan() -> list[dict[str, str | int]]:
    """Every cell of the full profile, seed by seed, so that what is cut off has complete tables of fewer seeds."""
    return [{"corpus": corpus, "arm": arm, "seed": seed} for seed in SEEDS for corpus in CORPORA for arm in ARMS]


def measure(*, corpus: str, arm: str, seed: int, full: bool) -> dict[str, Any]:
    """One arm on one corpus, scored on test, with the facts about the text."""
    from companion.models.encoder import load_encoder

    read, text = splits_of(corpus), domain_text(corpus, WORDS if full else 200, JUDGED if full else 12)
    found = measure_arm(
        arm,
        read,
        load_encoder(),
        rows=draw(read.train, LABELS if full else 12, seed),
        texts=text.read,
        judged=text.judged,
        test=held_out(read.test, MOST_TEST if full else 12),
        updates=UPDATES if full else 2,
        text_epochs=1,
        seed=seed,
    )
    return {**found, **text.facts}


def draw(rows: Sequence[Any], count: int, seed: int) -> list[Any]:
    """The labelled rows of a seed: texts with every label's share of the whole, sentences as they come."""
    from companion.corpora.texts import Text
    from companion.experiments.sentiment_learning_curve import stratified_draw

    if isinstance(rows[0], Text):
        return stratified_draw(rows, count, seed)
    return [rows[place] for place in permutation(len(rows), seed, NAME)[:count]]


def held_out(rows: Sequence[Any], most: int) -> list[Any]:
    """The rows of test that are scored, the same for every cell."""
    return [rows[place] for place in sorted(permutation(len(rows), 0, f"{NAME} test")[:most])]


@cache
def domain_text(corpus: str, words: int, judged: int) -> DomainText:
    """Lines of the domain in keyed order, without held-out sentences: first those that judge, then those to read."""
    from companion.corpora.decontamination import decontaminate, held_out_rows

    clean = decontaminate(lines_of(corpus), held_out_rows(splits_of(corpus)))
    lines = [clean.kept[place] for place in permutation(len(clean.kept), 0, f"{NAME} text")]
    read: list[str] = []
    held = 0
    for line in lines[judged:]:
        if held >= words:
            break
        read.append(line)
        held += len(line.split())
    facts = {"text_lines": len(read), "text_words": held, "removed_exact": clean.exact, "removed_near": clean.near}
    return DomainText(tuple(read), tuple(lines[:judged]), facts)


def lines_of(corpus: str) -> Sequence[str]:
    """All unlabelled lines of the corpus's domain."""
    if corpus not in TEXTS:
        from companion.corpora.unlabelled import load_unlabelled

        return [sentence for story in load_unlabelled() for sentence in story.sentences]
    from companion.corpora.public_text import load_public_text

    return load_public_text(TEXTS[corpus]).lines
