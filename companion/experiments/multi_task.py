"""One body for three desks: names, sentiment and topic of Newsroom, alone, in pairs and together, from few labels.

Every task has labelled rows of its own: no sentence is labelled twice. All arms give every task the same rows in the
same order, the same first head and the same number of updates of four rows; what differs is who shares the body. Where
several share it, all of them are in each update; in the arm "in-turn" one is drawn for each of three times as many. The
"surgery" arm merges the gradients of all three with PCGrad. In the two last arms the desks have labelled unequally much
and one is drawn for each update: "by-size" (temperature 1) or "evenly" (100). Test is scored once a cell.

The arm "all" also measures the cosines between the tasks' gradients over the body, before the first update and after
the last, in thousandths.

Taught in: book/hybrid/multi-task
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.experiments.fixed_steps import fit
from companion.experiments.records import Cell, run_cells
from companion.experiments.text_systems import rounded
from companion.randomness import permutation

if TYPE_CHECKING:
    from companion.corpora.records import Corpus
    from companion.corpora.texts import TextCorpus
    from companion.encoding.source import RowBatches
    from companion.models.shared import SharedBody
    from companion.tasks.texts import TextTask
    from companion.tasks.tokens import TokenTask

NAME = "multi-task"
TASKS = ("names", "sentiment", "topic")
ARMS: dict[str, tuple[str, ...]] = {
    **{task: (task,) for task in TASKS},
    "names+sentiment": ("names", "sentiment"),
    "names+topic": ("names", "topic"),
    "sentiment+topic": ("sentiment", "topic"),
    "all": TASKS,
    "in-turn": TASKS,
    "surgery": TASKS,
    "by-size": TASKS,
    "evenly": TASKS,
}
TEMPERATURES = {"in-turn": 1.0, "by-size": 1.0, "evenly": 100.0}
UNEQUAL_ARMS = ("by-size", "evenly")
SEEDS = (0, 1, 2, 3, 4)
LABELS, UPDATES, BATCH, RATE = 200, 100, 4, 2e-4
LONGEST = 16
"""Words of the longest sentence, in training and in test: one core has to be enough."""
UNEQUAL = {"names": 400, "sentiment": 40, "topic": 160}
"""Labels where the desks have labelled unequally much: 600, as in the other arms."""
BATCHES = 8
"""Batches of each task whose gradients are compared."""


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record; the fast profile is three arms, 16 labels and two updates."""
    full = profile == "full"
    cells = plan() if full else [{"arm": arm, "seed": 0} for arm in ("names", "all", "by-size")]
    command = f"companion experiments {NAME} --profile {profile}"
    return run_cells(NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say)


def plan() -> list[dict[str, str | int]]:
    """Every cell of the full profile: first who shares with whom, then surgery, then unequal sizes, seed by seed."""
    blocks = (tuple(ARMS)[:8], ("surgery",), UNEQUAL_ARMS)
    return [{"arm": arm, "seed": seed} for block in blocks for seed in SEEDS for arm in block]


def measure(*, arm: str, seed: int, full: bool) -> dict[str, Any]:
    """One arm on one draw: the score of each of its tasks on test, updates of each, and for "all" the cosines."""
    from companion.encoding.mixing import JointBatches, SampledBatches
    from companion.objectives.surgery import pcgrad
    from companion.recipes.multi_task import mixture_of, share

    chosen = {name: task for name, task in tasks().items() if name in ARMS[arm]}
    sources = batches(seed, UNEQUAL if arm in UNEQUAL_ARMS else dict.fromkeys(TASKS, LABELS), full=full)
    sources = {name: sources[name] for name in chosen}
    updates = UPDATES if full else 2
    if arm in TEMPERATURES:
        source: Any = SampledBatches(sources, temperature=TEMPERATURES[arm], seed=seed)
        updates *= len(TASKS)
    else:
        source = JointBatches(sources)
    model, objective = share(chosen, seed=seed), mixture_of(chosen, combine=pcgrad if arm == "surgery" else None)
    result: dict[str, Any] = {"start": compare_gradients(model, sources)} if arm == "all" else {}
    model = fit(model, source, objective, steps=updates, rate=RATE, seed=seed, warmup=0.1).model
    if arm == "all":
        result["end"] = compare_gradients(model, sources)
    if arm in TEMPERATURES:
        result["updates"] = count_updates(source, updates)
    return {**score(model, chosen, most=None if full else 20), **result}


def score(model: SharedBody, chosen: Mapping[str, Any], most: int | None = None) -> dict[str, float | None]:
    """Entity F1 of the tagger and macro F1 of the classifiers on test, each under the name of its task."""
    found = {}
    for name, task in chosen.items():
        report = task.evaluator(corpora()[name].test[:most]).report(model.part(name), bootstrap=0)
        found[name] = report.entity_f1 if task.name == "tokens" else report.macro_f1.mean
        if task.name == "texts":
            found[f"{name}_accuracy"] = report.accuracy.mean
    return rounded(found)


def compare_gradients(model: SharedBody, sources: Mapping[str, RowBatches]) -> dict[str, list[int]]:
    """The cosines between the tasks' gradients over the body, in thousandths, on the same batches before and after."""
    from companion.objectives.surgery import cosines, term_gradients
    from companion.recipes.multi_task import mixture_of

    objective, found = mixture_of({name: tasks()[name] for name in sources}), {}
    for number in range(min(BATCHES, *(source.updates(0) for source in sources.values()))):
        rows = {
            name: source.collate(name, next(iter(source.window(0, number).values())))
            for name, source in sources.items()
        }
        for pair, cosine in cosines(term_gradients(model, objective, rows)).items():
            found.setdefault("+".join(pair), []).append(round(1000 * cosine))
    return found


def count_updates(source: Any, updates: int) -> dict[str, int]:
    """How many of the first updates went to each task."""
    counts, epoch = dict.fromkeys(source.sources, 0), 0
    while updates > 0:
        for update in range(min(updates, source.updates(epoch))):
            counts[next(iter(source.window(epoch, update)))] += 1
        updates -= source.updates(epoch)
        epoch += 1
    return counts


def batches(seed: int, labels: Mapping[str, int], *, full: bool) -> dict[str, RowBatches]:
    """Each task's rows as updates: the seed's order of the training sentences, cut into one piece for every task."""
    order, start, found = permutation(len(corpora()["names"].train), seed, NAME), 0, {}
    for name, size in labels.items():
        train, size = corpora()[name].train, size if full else 16
        found[name] = tasks()[name].batches(
            [train[place] for place in order[start : start + size]], batch_size=BATCH, seed=seed
        )
        start += size
    return found


@cache
def corpora() -> dict[str, Corpus | TextCorpus]:
    """Newsroom as each desk sees it: the same sentences, other labels."""
    from companion.corpora.catalog import load_corpus

    whole = load_corpus("newsroom")
    short = {name: [row for row in rows if len(row.words) <= LONGEST] for name, rows in whole.splits.items()}
    newsroom = replace(whole, **short)
    return {"names": newsroom, **{name: newsroom.texts(name) for name in TASKS[1:]}}


@cache
def tasks() -> dict[str, TokenTask | TextTask]:
    """The three tasks on the offline encoder."""
    from companion.models.encoder import load_encoder
    from companion.recipes.supervised import make_task

    encoder = load_encoder()
    return {name: make_task(corpus, encoder, {"max_length": 128}) for name, corpus in corpora().items()}
