"""Do several models help? Ensembles of three and five, their weights averaged, and the end of one run averaged.

Five members learn from one draw; they differ in the first weights of the head, the order of rows and dropout. The first
is the plain arm of `few-labels-regularisers`, so that every difference is paired with it. An ensemble costs its members
in training and in every answer; averaged weights cost them in training alone; the average over the last quarter of one
run ("tail") costs nothing.

Taught in: book/constraints/augmentation-and-ensembles
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.experiments.few_labels import CORPORA, SEEDS, UPDATES, draw, facts, fit, held_out, score, size_of
from companion.experiments.records import Cell, run_cells

if TYPE_CHECKING:
    from torch import nn

NAME = "ensembles"
SIZES = (3, 5)
"""Members of the two ensembles."""
TAIL = 0.75
"""The share of a run after which its weights are averaged."""


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record; the fast profile is 8 sentences of Newsroom, two members, two updates."""
    full = profile == "full"
    cells = plan() if full else [{"corpus": CORPORA[0], "labels": 8, "seed": 0}]
    command = f"companion experiments {NAME} --profile {profile}"
    return run_cells(NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say)


def plan() -> list[dict[str, str | int]]:
    """Every cell of the full profile, seed by seed."""
    return [
        {"corpus": corpus, "labels": labels, "seed": seed} for seed in SEEDS for corpus in CORPORA for labels in UPDATES
    ]


def measure(*, corpus: str, labels: int, seed: int, full: bool) -> dict[str, Any]:
    """The scores of each member, of both ensembles, of both averages of members, and of the averaged end of a run."""
    from companion.models.averaging import Ensemble, RunningAverage, average_models

    updates, most = size_of(labels, full)
    rows, test = draw(corpus, labels, seed), held_out(corpus, "test", most)
    tail, sizes = RunningAverage(), SIZES if full else (2,)

    def log(model: nn.Module, step: int) -> None:
        if step > TAIL * updates:
            tail.update(model)

    members = [
        # The draw's own seed first, then seeds that no other draw has.
        fit(corpus, rows, updates=updates, seed=seed + 100 * number, log=None if number else log)
        for number in range(max(sizes))
    ]
    task, models = members[0].task, [member.run.model for member in members]
    remembered = [answers_of(model) for model in models]
    alone = [score(model, task, test) for model in remembered]
    found: dict[str, Any] = {"members": [one["score"] for one in alone], "score": alone[0]["score"]}
    for size in sizes:
        found[f"ensemble_{size}"] = score(Ensemble(remembered[:size]), task, test)["score"]
        found[f"average_{size}"] = score(average_models(models[:size]), task, test)["score"]
    known = facts(members[0], rows)
    found["tail"] = score(tail.put(models[0]), task, test)["score"]
    return {**found, "rows": len(test), "averaged": tail.count, **known}


def answers_of(model: nn.Module) -> nn.Module:
    """A model that keeps what it said, so that members of several ensembles read the test once."""
    from torch import nn

    class Remembered(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.config, self.said = model, model.config, {}
            self.eval()

        def forward(self, **inputs: Any) -> Any:
            pieces = inputs["input_ids"]
            key = (tuple(pieces.shape), pieces.numpy().tobytes())
            if key not in self.said:
                self.said[key] = self.model(**inputs)
            return self.said[key]

    return Remembered()
