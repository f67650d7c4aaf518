"""What do models that do nothing score under your metric?"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from companion.doctor.findings import ERROR, WARNING
from companion.doctor.metrics import Gold, gold_of, score_with
from companion.doctor.probe import CannotCheck, Outcome, Probe, need
from companion.randomness import permutation

if TYPE_CHECKING:
    from companion.doctor.patient import Patient

REWARDS_O = 0.5
REWARDS_MAJORITY = 0.9
ENTITIES = "Score entities by F1 (seqeval, strict), with no padding in it, and print this baseline beside."
CLASSES = "Score classes by macro F1, or the rare class by its own F1, and print this baseline beside."


def examine(patient: Patient) -> Outcome:
    """Score always-O, always the most frequent label, and shuffled labels, by the metric that was given.

    Raises:
        CannotCheck: there is no metric or no gold label, or the metric cannot be called.
    """
    need(patient.metric, "no metric was given (metric=)")
    if patient.is_language_model:
        raise CannotCheck("the labels are word pieces")
    gold = gold_of(patient)
    scores = {name: score_with(patient, gold, guess) for name, guess in _idle(gold).items()}
    names = ", ".join(f"{name} {score.value:.4f}" for name, score in scores.items())
    best, score = max(scores.items(), key=lambda item: item[1].value)
    told = f"by your {score.name} on {gold.described}, guesses without a model score: {names}"
    own = None if patient.score is None else float(patient.score)
    numbers = {"best": score.value} | ({} if own is None else {"score": own})
    if own is not None and own <= score.value:
        return [
            PROBE.finding(
                ERROR,
                f"A model that does nothing ({best}) scores {score.value:.4f} on your {score.name}, yours "
                f"{patient.score} ({gold.described}).",
                ENTITIES if "always O" in scores else CLASSES,
                **numbers,
            )
        ]
    if (best == "always O" and score.value >= REWARDS_O) or score.value >= REWARDS_MAJORITY:
        return [
            PROBE.finding(
                WARNING,
                f"Your {score.name} gives {score.value:.4f} to a model that does nothing ({best}; "
                f"{gold.described}); all: {names}.",
                ENTITIES if "always O" in scores else CLASSES,
                **numbers,
            )
        ]
    return told if own is None else f"{told}; yours {patient.score}"


def _idle(gold: Gold) -> dict[str, list[list[int | str]]]:
    """Predictions that no model made, each shaped like the gold labels."""
    flat = [label for row in gold.rows for label in row if label != gold.ignored]
    counts = Counter(flat)
    common = max(counts, key=lambda label: (counts[label], str(label)))
    found = {}
    if gold.outside in counts:
        found["always O"] = [[gold.outside for _ in row] for row in gold.rows]
    if common != gold.outside:
        found[f"always {gold.called(common)}"] = [[common for _ in row] for row in gold.rows]
    order = iter(permutation(len(flat), 0, "shuffled labels"))
    found["shuffled labels"] = [
        [common if label == gold.ignored else flat[next(order)] for label in row] for row in gold.rows
    ]
    return found


PROBE = Probe(
    name="do-nothing baselines",
    question="What do always-O, the majority and shuffled labels score under your metric?",
    needs="metric, and test rows or a loader with labels",
    costs="three calls of the metric",
    proves="what the metric gives for nothing",
    page="book/walkthroughs/train-a-tagger#always-o-read",
    examine=examine,
)
