"""A smaller tagger, six ways: what each costs in F1 on Newsroom, what it saves in bytes, and what in time.

A cell is one seed. One teacher is fine-tuned on all labels (126 updates of 32 sentences), and every arm is made from
it: the smallest weights set to zero, with and without further training; upper layers taken out, with further training
on labels and on the teacher's answers beside them, from the same first weights; weights rounded to fewer bits; the
graph of onnxruntime in fp32 and int8; and a small body that has read nothing before, taught with and without the
teacher. Test is scored once for each arm, dev is used by the export's gate alone. Times are processor seconds for one
sentence after another, the arms in turns, so that only ratios within a cell mean anything.

Taught in: book/engineering/compression
"""

from __future__ import annotations

import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.experiments.constrained_systems import held_out, score, task_of
from companion.experiments.fixed_steps import fit
from companion.experiments.records import Cell, run_cells

if TYPE_CHECKING:
    from torch import nn

    from companion.tasks.tokens import TokenTask

NAME = "compression"
CORPUS = "newsroom"
SEEDS = (0, 1, 2, 3, 4)
BATCH, RATE, WARMUP = 32, 2e-4, 0.1
STEPS, RETRAINED, STUDENT = 126, 42, 84
"""Updates of the teacher, of a pruned model that is trained on, and of a student made of some of its layers."""
MINI_STEPS, MINI_RATE, MINI_WIDTH = 168, 1e-3, 128
"""Updates, rate and width of the students that begin from random weights; they need more than a body that has read."""
SHARES, LAYERS, BITS = (0.5, 0.7, 0.9), (5, 4, 3), (8, 4, 3)
TEMPERATURE = 2.0
TIMED, ROUNDS = 40, 3
"""Sentences that are timed, and how often."""
MATRIX, COLUMNS = (1536, 384), 24
"""A matrix of the encoder, and word pieces of a sentence, for the time of a sparse product."""


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record; the fast profile has one seed, two updates and eight test sentences."""
    full = profile == "full"
    cells = [{"corpus": CORPUS, "seed": seed} for seed in (SEEDS if full else SEEDS[:1])]
    command = f"companion experiments {NAME} --profile {profile}"
    return run_cells(NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say)


def measure(*, corpus: str, seed: int, full: bool) -> dict[str, Any]:
    """Score and bytes of every arm by name, the ratios of processor time, and those of a sparse product."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        task, most = task_of(corpus), None if full else 8
        rows, test = held_out(corpus, "train", None if full else 64), held_out(corpus, "test", most)
        workshop = Workshop(task, rows, seed, 1.0 if full else 0.01)
        teacher = workshop.train(task.model(seed=seed), STEPS)
        arms = {"teacher": (teacher, bytes_of(teacher))}
        arms |= {**pruned(workshop, teacher), **shortened(workshop, teacher), **rounded_arms(teacher)}
        arms |= small_bodies(workshop, teacher)
        with tempfile.TemporaryDirectory() as scratch:
            graphs, parity = exported(task, teacher, held_out(corpus, "dev", most), Path(scratch))
            arms |= graphs
            scored = {name: {**score(model, task, test), "bytes": size} for name, (model, size) in arms.items()}
            timed = {name: arms[name][0] for name in ("teacher", "pruned-0.9", "layers-3", *graphs, "mini-distilled")}
            ratios = time_ratios(task, timed, test[:TIMED], ROUNDS if full else 1)
        return {"arms": scored, "parity": parity, "times_faster": ratios, "sparse_product": sparse_product()}
    finally:
        torch.set_num_threads(threads)


class Workshop:
    """One task, its rows and a seed: everything in a cell is trained here."""

    def __init__(self, task: TokenTask, rows: Sequence[Any], seed: int, share: float) -> None:
        self.task, self.rows, self.seed, self.share = task, rows, seed, share

    def train(self, model: nn.Module, steps: int, *, rate: float = RATE, teacher: nn.Module | None = None) -> nn.Module:
        """The model after so many updates on the labels, and the teacher's answers where there is one."""
        from companion.objectives.distillation import Distillation

        objective: Any = self.task.objective
        if teacher is not None:
            objective = Distillation(objective, teacher, temperature=TEMPERATURE)
        source = self.task.batches(self.rows, batch_size=BATCH, seed=self.seed)
        steps = max(2, int(steps * self.share))
        return fit(model, source, objective, steps=steps, rate=rate, seed=self.seed, warmup=WARMUP).model


Arms = dict[str, tuple["nn.Module", int]]


def pruned(workshop: Workshop, teacher: nn.Module) -> Arms:
    """Zeros without further training, and 90 % zeros with an epoch of it; bytes with a bit for every zero."""
    import copy

    from companion.adaptation.apply import adapt
    from companion.adaptation.shrinking import Pruning
    from companion.deployment.rounding import sparse_bytes

    found = {f"pruned-{share}": adapt(copy.deepcopy(teacher), Pruning(share)) for share in SHARES}
    model = adapt(copy.deepcopy(teacher), Pruning(SHARES[-1]))
    found[f"pruned-{SHARES[-1]}-trained"] = workshop.train(model, RETRAINED)
    return {name: (model.eval(), sparse_bytes(model.parameters())) for name, model in found.items()}


def shortened(workshop: Workshop, teacher: nn.Module) -> Arms:
    """The lowest layers alone, as they are; and three layers trained on, from the same weights, in two ways."""
    from companion.adaptation.methods import Full
    from companion.adaptation.shrinking import drop_layers

    found = {f"layers-{count}": drop_layers(teacher, range(count)) for count in LAYERS}
    for name, guide in (("trained", None), ("distilled", teacher)):
        student = Full()(drop_layers(teacher, range(3)))
        found[f"layers-3-{name}"] = workshop.train(student, STUDENT, teacher=guide)
    return {name: (model.eval(), bytes_of(model)) for name, model in found.items()}


def rounded_arms(teacher: nn.Module) -> Arms:
    """Weights of fewer bits, computed with in fp32."""
    from companion.deployment.rounding import round_weights

    return {f"bits-{bits}": round_weights(teacher, bits=bits) for bits in BITS}


def small_bodies(workshop: Workshop, teacher: nn.Module) -> Arms:
    """Two layers with random first weights, taught by the labels alone, and with the teacher's answers beside them."""
    from companion.models.miniature import mini_encoder_like
    from companion.tasks.tokens import TokenTask

    task = workshop.task
    small = TokenTask(
        task.labels, mini_encoder_like(task.encoder, width=MINI_WIDTH), max_length=task.settings.max_length
    )
    found: Arms = {}
    for name, guide in (("trained", None), ("distilled", teacher)):
        model = workshop.train(small.model(seed=workshop.seed), MINI_STEPS, rate=MINI_RATE, teacher=guide)
        found[f"mini-{name}"] = (model.eval(), bytes_of(model))
    return found


def exported(task: TokenTask, teacher: nn.Module, rows: Sequence[Any], folder: Path) -> tuple[Arms, dict[str, Any]]:
    """The teacher as a graph in fp32 and in int8, and what the gate measured on dev; nothing is refused here."""
    from dataclasses import asdict

    from companion.deployment.compression import ParityBound, export_onnx, measure_parity, quantise
    from companion.deployment.onnx_folder import ONNX_FILE, OnnxModel
    from companion.deployment.predictor import Predictor

    predictor, plain, whole = Predictor(task, teacher), folder / "fp32", folder / "int8.onnx"
    gate = {
        "fp32": export_onnx(predictor, plain, rows, precision="fp32", bound=ParityBound(agreement=0.0, f1_drop=1.0))
    }
    quantise(plain / ONNX_FILE, whole)
    graphs = {"fp32": OnnxModel(plain / ONNX_FILE), "int8": OnnxModel(whole)}
    gate["int8"] = measure_parity(predictor, graphs["int8"], rows)
    found = {f"onnx-{name}": (graph, graph.size) for name, graph in graphs.items()}
    kept = ("rows", "positions", "agreement", "largest_difference", "f1_before", "f1_after")
    return found, {name: {part: asdict(parity)[part] for part in kept} for name, parity in gate.items()}


def time_ratios(task: TokenTask, models: Mapping[str, nn.Module], rows: Sequence[Any], rounds: int) -> dict[str, float]:
    """How many times as fast as the teacher each model answers one sentence: the median over sentences."""
    spent: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(rounds + 1):
        for row in rows:
            for name, model in models.items():
                began = time.process_time()
                task.predict(model, [row])
                # The first turn warms caches and buffers up.
                if turn:
                    spent[name].append(time.process_time() - began)
    return {name: _median_ratio(spent["teacher"], taken) for name, taken in spent.items() if name != "teacher"}


def sparse_product(repeats: int = 60) -> dict[str, float]:
    """How many times as fast as the dense product a sparse one (CSR) is, by the share of zeros in the matrix."""
    import torch

    from companion.adaptation.shrinking import smallest
    from companion.randomness import torch_stream

    with torch_stream("cpu", 0, NAME):
        weight, columns = torch.randn(MATRIX), torch.randn(MATRIX[1], COLUMNS)
    found = {}
    with warnings.catch_warnings():
        # That its sparse tensors are a beta is what torch warns of.
        warnings.simplefilter("ignore")
        for share in (0.5, 0.9, 0.99):
            dense = weight.masked_fill(smallest(weight, share), 0.0)
            sparse, times = dense.to_sparse_csr(), ([], [])
            for _ in range(repeats):
                for matrix, kept in zip((dense, sparse), times, strict=True):
                    began = time.process_time()
                    for _ in range(5):
                        matrix @ columns
                    kept.append(time.process_time() - began)
            found[str(share)] = _median_ratio(*times)
    return found


def bytes_of(model: nn.Module) -> int:
    """What the weights take in fp32."""
    return sum(tensor.numel() * tensor.element_size() for tensor in model.parameters())


def _median_ratio(slow: Sequence[float], quick: Sequence[float]) -> float:
    return round(statistics.median(one / other for one, other in zip(slow, quick, strict=True) if other > 0), 3)
