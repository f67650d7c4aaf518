"""Will it fit? The memory of one training pass for models of 22 million to 70 billion parameters, beside two cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from companion.errors import ConfigError
from companion.teaching.explore import Explore
from companion.training.footprint import GIB, SHAPES, MemoryLedger, ModelShape, estimate_memory

TRAINING = {
    "everything, fp32": {"method": "full", "precision": "fp32"},
    "everything, bf16": {"method": "full", "precision": "bf16"},
    "LoRA, bf16 base": {"method": "lora", "precision": "bf16"},
    "LoRA, 4-bit base": {"method": "4-bit-lora", "precision": "bf16"},
}
IN_MEMORY = {"1 × 128": (1, 128), "8 × 128": (8, 128), "32 × 512": (32, 512)}
CHECKPOINTING = {"keep everything": False, "checkpoint": True}
CARDS = (24, 80)


def memory_explorer(*, shapes: Sequence[ModelShape] = tuple(SHAPES.values()), cards: Sequence[int] = CARDS) -> Explore:
    """A calculator: choose what learns and in which precision, how many sentences are in memory, and checkpointing.

    One line for each part of the ledger over the models' sizes, and one for each card, in GiB on logarithmic axes;
    the sentence names the largest model that fits on each card. Everything is counted by `estimate_memory`, and the
    page ships the counts, so it needs no kernel.

    Raises: ConfigError for fewer than two models, or none or more than two cards, or what `Explore` refuses.
    Taught in: book/engineering/memory-and-speed
    """
    if len(shapes) < 2 or not 1 <= len(cards) <= 2:
        raise ConfigError(
            f"memory_explorer: {len(shapes)} models and {len(cards)} cards", remedy="Give two models, one or two cards."
        )
    shapes = sorted(shapes, key=lambda shape: shape.parameters())

    def ledgers(training: str, sentences: str, activations: str) -> dict[str, MemoryLedger]:
        rows, length = IN_MEMORY[sentences]
        settings = {**TRAINING[training], "activation_checkpointing": CHECKPOINTING[activations]}
        return {shape.name: estimate_memory(shape, rows=rows, length=length, **settings) for shape in shapes}

    return Explore(
        "Will it fit?",
        controls={"what learns": [*TRAINING], "rows × length": [*IN_MEMORY], "activations": [*CHECKPOINTING]},
        x=[round(shape.parameters() / 1e6) for shape in shapes],
        values=lambda *setting: _lines([*ledgers(*setting).values()], cards),
        say=lambda *setting: " ".join(_verdict(ledgers(*setting), card) for card in cards),
        x_label="million parameters",
        y_label="GiB",
        x_scale="log",
        y_scale="log",
        start=("everything, bf16", "8 × 128", "keep everything"),
        significant=2,
    )


def _lines(ledgers: list[MemoryLedger], cards: Sequence[int]) -> dict[str, list[float]]:
    parts = {
        "everything": [ledger.total for ledger in ledgers],
        "weights and their copies": [ledger.weights + ledger.adapters + ledger.copies for ledger in ledgers],
        "gradients and moments": [ledger.gradients + ledger.moments for ledger in ledgers],
        "activations": [ledger.activations for ledger in ledgers],
    }
    lines = {name: [value / GIB for value in values] for name, values in parts.items()}
    return lines | {f"a card of {card} GiB": [float(card)] * len(ledgers) for card in cards}


def _verdict(ledgers: Mapping[str, MemoryLedger], card: int) -> str:
    fitting = [name for name, ledger in ledgers.items() if ledger.total <= card * GIB]
    if not fitting:
        return f"In {card} GiB none of them fits."
    return f"In {card} GiB, up to {fitting[-1]} fits ({ledgers[fitting[-1]].total / GIB:.1f} GiB)."
