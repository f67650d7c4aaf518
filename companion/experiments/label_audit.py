"""How many words keep their own label on public text, under the labelling of many tutorials and under its repairs.

Nothing is trained and nothing is random: the numbers depend on the files and on the tokenizer alone.

Taught in: book/walkthroughs/labels-meet-word-pieces
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from companion.encoding.audit import aligned_labels, audit_labels, positional_labels, shifted_labels
from companion.experiments.records import Cell, run_cells

NAME = "label-audit"
CORPORA = ("wnut17", "wikigold", "uner-en-ewt", "uner-zh")
SPLIT = "dev"
LABELLINGS = {"positional": positional_labels, "shifted": shifted_labels, "aligned": aligned_labels}


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Audit every cell without a record: four public corpora, or (fast) Newsroom."""
    corpora = CORPORA if profile == "full" else ("newsroom",)
    cells = [{"corpus": corpus, "split": SPLIT} for corpus in corpora]
    command = f"companion experiments {NAME} --profile {profile}"
    return run_cells(NAME, cells, measure, root=root, command=command, say=say)


def measure(*, corpus: str, split: str) -> dict[str, Any]:
    """Audit one split with the offline encoder's tokenizer, rows of 128 pieces, under all three labellings."""
    from companion.corpora import load_corpus
    from companion.models.encoder import load_encoder

    sentences, tokenizer = load_corpus(corpus).splits[split], load_encoder().tokenizer
    audits = {
        name: audit_labels(sentences, labeller, tokenizer, strips=len(sentences))
        for name, labeller in LABELLINGS.items()
    }
    size = audits["aligned"]
    result: dict[str, Any] = {name: getattr(size, name) for name in ("sentences", "words", "entity_words")}
    for name, audit in audits.items():
        result[f"{name}_words_right"] = audit.words_right
        result[f"{name}_entity_words_right"] = audit.entity_words_right
    # By position a label can only meet its word behind words without any piece; the places are worth a look.
    result["positional_places"] = [
        f"{sentence.source}, word {number}"
        for sentence, strip in zip(sentences, audits["positional"].strips, strict=True)
        for number, right in enumerate(strip.right, start=1)
        if right
    ]
    return result
