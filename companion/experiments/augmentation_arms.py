"""Does augmentation help? One changed copy of each row: synonyms, other mentions, guesses of a language model, typos.

An arm trains on the drawn rows and a changed copy of each that its method can change, for as many updates as the plain
arm, whose rows are thus seen up to twice as often. Mentions come from the drawn rows alone. Guesses come from the
offline encoder's own small head, trained on its frozen body: the arm measures what that head proposes, and no better
language model. Test is scored as it is and under typing errors, small letters, capitals, and attacks on the word
vectors. The plain arm is that of `few-labels-regularisers`.

Taught in: book/constraints/augmentation-and-ensembles
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.experiments.few_labels import draw, facts, few, fit, harder, held_out, planned, size_of
from companion.experiments.records import Cell, run_cells

if TYPE_CHECKING:
    from companion.corpora.augmentation import Method
    from companion.models.rewriting import MaskedGuesses

NAME = "augmentation-arms"
ARMS = ("synonyms", "mentions", "guesses", "typos")
WORDS_ONLY = "mentions"
"""An arm of tagged sentences alone: a text has no mentions."""


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record; the fast profile is one arm, 8 sentences of Newsroom, two updates."""
    full = profile == "full"
    cells = plan() if full else few(("mentions",))
    command = f"companion experiments {NAME} --profile {profile}"
    return run_cells(NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say)


def plan() -> list[dict[str, str | int]]:
    """Every cell of the full profile, seed by seed."""
    return [cell for cell in planned(ARMS) if (cell["corpus"], cell["arm"]) != ("helpdesk", WORDS_ONLY)]


def measure(*, corpus: str, arm: str, labels: int, seed: int, full: bool) -> dict[str, Any]:
    """One arm on one draw, scored on test as it is and made harder, with the ledger of its copies."""
    from companion.corpora.augmentation import augment

    updates, most = size_of(labels, full)
    rows = draw(corpus, labels, seed)
    made = augment(rows, method_of(arm, rows), seed=seed)
    extra = {
        "copies": made.ledger.copies,
        "unchanged": made.ledger.unchanged,
        "words_replaced": made.ledger.words_replaced,
        "mentions_replaced": sum(made.ledger.mentions_replaced.values()),
        "entities_in": sum(made.ledger.entities_in.values()),
        "entities_out": sum(made.ledger.entities_out.values()),
    }
    tried = fit(corpus, [*rows, *made.rows], updates=updates, seed=seed)
    found = harder(tried.run.model, tried.task, held_out(corpus, "test", most))
    return {**found, **extra, **facts(tried, rows)}


def method_of(arm: str, rows: Sequence[Any]) -> Method:
    """The method of an arm, its pool and its settings from the drawn rows alone."""
    from companion.corpora.augmentation import Mentions, Synonyms, Typos

    return {
        "synonyms": Synonyms,
        "mentions": lambda: Mentions.of(rows),
        "guesses": guesses,
        "typos": Typos,
    }[arm]()


@cache
def guesses() -> MaskedGuesses:
    """The offline encoder under its trained masked-language head, opened once a process."""
    from companion.models.encoder import load_encoder
    from companion.models.rewriting import MaskedGuesses

    return MaskedGuesses(load_encoder())
