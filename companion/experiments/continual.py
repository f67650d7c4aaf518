"""Tasks in sequence: how much of the first ones is left, strategy by strategy, and what it costs to keep them.

"micro": the micro-language, PER and LOC, then ORG and PROD, on a MiniBERT that has read unlabelled text; scored on
names that were never labelled. "clinc": three domains of CLINC150, five intents each and eight texts an intent, on the
offline encoder. Every strategy with a strength (or a learning rate of its own) has five values of it to choose from,
in each setting, on a seed that is not compared and on dev; on CLINC150 nothing is chosen, and what would need it is
left out.

Taught in: book/hybrid/continual-learning
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.errors import RecordError
from companion.experiments.records import Cell, load_record, run_cells

if TYPE_CHECKING:
    from companion.corpora.records import Corpus
    from companion.corpora.texts import TextCorpus
    from companion.models.encoder import Encoder
    from companion.models.miniature import MiniEncoder
    from companion.recipes.continual import Learned
    from companion.training.config import TrainConfig

NAME = "continual"
SETTINGS = ("class-incremental", "task-aware")
CHOOSE = {"class-incremental": "choose", "task-aware": "choose-aware"}
"""The part of the plan that chooses for a setting."""
GRIDS = {
    "replay": (0.1, 0.3, 1.0, 3.0, 10.0),
    "ewc": (1e2, 1e4, 1e6, 1e8, 1e10),
    "l2_sp": (0.01, 0.03, 0.1, 0.3, 1.0),
    "distillation": (0.3, 1.0, 3.0, 10.0, 30.0),
    "adapters": (5e-4, 1e-3, 3e-3, 1e-2, 3e-2),
}
"""Weights of the term that is added; of adapters, learning rates."""
STRATEGIES = {
    "micro": ("naive", "replay", "ewc", "l2_sp", "distillation", "adapters", "joint"),
    "clinc": ("naive", "replay", "distillation", "adapters", "joint"),
}
TYPES = {"A": ("LOC", "PER"), "B": ("ORG", "PROD")}
DOMAINS = {
    "banking": ("freeze_account", "pin_change", "pay_bill", "transfer", "report_fraud"),
    "travel": ("plug_type", "translate", "timezone", "lost_luggage", "car_rental"),
    "home": ("what_song", "reminder", "order_status", "shopping_list", "smart_home"),
}
SEEDS, CHOOSING = (0, 1, 2, 3, 4), 9
MEMORY, MEMORIES, MEMORY_WEIGHTS = 16, (4, 8, 16, 32, 64), (0.3, 1.0, 3.0)
RATE, CLINC_RATE, CLINC_ADAPTER_RATE = 3e-3, 5e-4, 5e-3
"""The rates of CLINC150 are those that `constrained-rates` found for BANKING77, whose texts are alike."""


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record; the fast profile is one choice and one comparison on a tiny world."""
    full = profile == "full"
    cells = plan() if full else [*choices()[:1], comparisons("micro", 0)[0]]
    command = f"companion experiments {NAME} --profile {profile}"
    return run_cells(
        NAME, cells, lambda **factors: measure(full=full, root=root, **factors), root=root, command=command, say=say
    )


def plan() -> list[dict[str, Any]]:
    """Every cell of the full profile: choices first, then seed by seed, so that what is cut off has whole tables."""
    cells = choices()
    for seed in SEEDS:
        cells += comparisons("micro", seed)
    for seed in SEEDS[:3]:
        cells += [
            {"part": "memory", "memory": memory, "value": weight, "seed": seed}
            for memory in MEMORIES
            for weight in MEMORY_WEIGHTS
        ]
    for seed in SEEDS:
        cells += comparisons("clinc", seed)
    return cells


def choices() -> list[dict[str, Any]]:
    """The cells that choose: five values of every strategy that has one, in each setting that it knows."""
    return [
        {"part": part, "strategy": strategy, "value": value}
        for part in CHOOSE.values()
        for strategy, grid in GRIDS.items()
        for value in grid
        if (strategy, part) != ("adapters", CHOOSE[SETTINGS[0]])
    ]


def comparisons(stream: str, seed: int) -> list[dict[str, Any]]:
    """The cells that compare, of one stream and seed; adapters need to be told the task."""
    return [
        {"part": "compare", "stream": stream, "setting": setting, "strategy": strategy, "seed": seed}
        for setting in SETTINGS
        for strategy in STRATEGIES[stream]
        if (setting, strategy) != (SETTINGS[0], "adapters")
    ]


def measure(*, full: bool, root: Path, part: str, **factors: Any) -> dict[str, Any]:
    """One sequence; the scores after every stage, and what is read off them."""
    if part in CHOOSE.values():
        setting = next(one for one, name in CHOOSE.items() if name == part)
        strategy, value = factors["strategy"], factors["value"]
        return result(learn("micro", setting, strategy, value, CHOOSING, split="dev", full=full), value)
    if part == "memory":
        value, memory, seed = factors["value"], factors["memory"], factors["seed"]
        found = learn("micro", SETTINGS[0], "replay", value, seed, memory=memory, full=full)
        return result(found, value)
    stream, strategy, value = factors["stream"], factors["strategy"], None
    if stream == "micro" and strategy in GRIDS:
        value = best_value(strategy, factors["setting"], root) if full else GRIDS[strategy][0]
    found = learn(stream, factors["setting"], strategy, value, factors["seed"], full=full)
    return result(found, value)


def result(learned: Learned, value: float | None) -> dict[str, Any]:
    """What a cell keeps of a sequence: the matrix, three numbers read off it, updates and word pieces."""
    matrix = learned.matrix
    rows = [[round(score, 4) for score in row if score is not None] for row in matrix.scores]
    return {
        "scores": rows,
        "average": round(matrix.average_accuracy(), 6),
        "forgetting": round(matrix.forgetting, 6),
        "chosen": value,
        "updates": sum(stage.run.steps for stage in learned.stages),
        "pieces": sum(stage.pieces for stage in learned.stages),
    }


def learn(
    stream: str,
    setting: str,
    strategy: str,
    value: float | None,
    seed: int,
    *,
    memory: int = MEMORY,
    split: str = "test",
    full: bool,
) -> Learned:
    """One sequence of tasks with one strategy."""
    from companion.adaptation.low_rank import LoRA
    from companion.recipes.continual import learn_in_sequence

    encoder, corpora = world(seed, full) if stream == "micro" else clinc(seed)
    options: dict[str, Any] = {"replay": {"memory": memory}, "adapters": {"adaptation": LoRA(targets="all-linear")}}
    if value is not None and strategy != "adapters":
        options.setdefault(strategy, {})["weight"] = value
    return learn_in_sequence(
        corpora,
        settings(stream, strategy, value, seed, full),
        strategy=strategy,
        setting=setting,
        **options.get(strategy, {}),
        encoder=encoder,
        batch_size=32 if stream == "micro" else 8,
        task_options={} if stream == "micro" else {"max_length": 32},
        split=split,
        say=lambda line: None,
    )


def settings(stream: str, strategy: str, value: float | None, seed: int, full: bool) -> TrainConfig:
    """How every stage is trained."""
    from companion.training.config import TrainConfig

    rate = RATE if stream == "micro" else CLINC_RATE
    if strategy == "adapters":
        rate = CLINC_ADAPTER_RATE if value is None else value
    epochs = (5 if full else 1) if stream == "micro" else 3
    return TrainConfig(
        epochs=epochs,
        learning_rate=rate,
        warmup=0.1,
        seed=seed,
        precision="fp32",
        device="cpu",
        progress=False,
    )


@cache
def world(seed: int, full: bool) -> tuple[MiniEncoder, dict[str, Corpus]]:
    """A micro-language, a MiniBERT that has read 800 updates of its text, and the two tasks."""
    from companion.corpora.microlanguage import MicroLanguage
    from companion.corpora.records import Corpus
    from companion.models.miniature import mini_encoder
    from companion.tasks.masked_lm import MaskedLMTask
    from companion.training.config import TrainConfig
    from companion.training.loop import train

    language = MicroLanguage(seed=seed)
    fresh = mini_encoder(language.vocabulary, dropout=0.0)
    task = MaskedLMTask(fresh, share=0.3)
    texts, updates = (4000, 800) if full else (64, 2)
    config = TrainConfig(
        epochs=40, max_updates=updates, learning_rate=RATE, seed=seed, precision="fp32", device="cpu", progress=False
    )
    source = task.batches(language.text(texts), batch_size=64)
    body = train(task.model(seed=seed), source, task.objective, config, say=lambda line: None).model
    train_rows, held = (300, 150) if full else (32, 8)
    corpora = {
        name: Corpus(
            name=name,
            train=language.sentences(train_rows, types=types),
            dev=language.sentences(held, purpose="dev", types=types, names="unlabelled"),
            test=language.sentences(held, purpose="test", types=types, names="unlabelled"),
            types=types,
        )
        for name, types in TYPES.items()
    }
    return fresh.with_body(body), corpora


def clinc(seed: int) -> tuple[Encoder, dict[str, TextCorpus]]:
    """The offline encoder and three domains of CLINC150, each with a draw of eight texts an intent."""
    from companion.corpora.catalog import load_corpus
    from companion.corpora.texts import TextCorpus
    from companion.models.encoder import load_encoder
    from companion.randomness import permutation

    whole = load_corpus("clinc150")

    def some(split: str, intents: tuple[str, ...], each: int, seed: int) -> list[Any]:
        found = []
        for intent in intents:
            rows = [text for text in whole.splits[split] if text.label == intent]
            found += [rows[place] for place in permutation(len(rows), seed, f"continual {split}", intent)[:each]]
        return found

    corpora = {
        name: TextCorpus(name=name, train=some("train", intents, 8, seed), test=some("test", intents, 15, 0))
        for name, intents in DOMAINS.items()
    }
    return load_encoder(), corpora


def best_value(strategy: str, setting: str, root: Path | None = None) -> float:
    """The value with the highest average on dev of the choosing seed; the smaller one of two that are equal.

    Raises:
        RecordError: its grid is not complete.
    """
    cells = [
        cell
        for cell in load_record(NAME, root)
        if cell.factors["part"] == CHOOSE[setting] and cell.factors["strategy"] == strategy
    ]
    if len(cells) < len(GRIDS[strategy]):
        raise RecordError(
            f"{len(cells)} of {len(GRIDS[strategy])} values are measured for {strategy}",
            remedy=f"companion experiments {NAME} --cell {CHOOSE[setting]}-{strategy}",
        )
    return max(cells, key=lambda cell: (cell.result["average"], -cell.factors["value"])).factors["value"]
