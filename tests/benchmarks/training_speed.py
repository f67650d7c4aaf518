"""How fast and how large training is, beside what people use today; prints ratios, checks nothing.

    COMPANION_DATA=... python -m tests.benchmarks.training_speed            prints the table
    COMPANION_DATA=... python -m tests.benchmarks.training_speed --record   and writes it to data/records/training-speed

The same model (the offline encoder with a new head), the same rows of WNUT-17 with the same labels, the same number of
epochs, learning rate, schedule and clipping; every system in a process of its own, one after another, by turns. Speed
is real word pieces (no padding) per second of the training call alone; memory is the highest resident size above that
after imports; F1 is that of entities on WNUT-17's dev split, by the same evaluator.

* tutorial: every sentence padded to 128, fp32, AdamW, the model's own loss
* trainer: `transformers.Trainer` as it comes (fp32, padded to the longest of a batch)
* trainer-best: the same with bf16 and length groups
* companion: `companion.train` as it comes
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SYSTEMS = ("tutorial", "trainer", "trainer-best", "companion")
LEARNING_RATE, WARMUP, PADDED = 2e-4, 0.1, 128


def matrix_rate(half: bool) -> float:
    """Floating-point operations per second of 1024 × 1024 matrix products: the best of twenty."""
    import torch

    left, right = (torch.randn(1024, 1024, dtype=torch.bfloat16 if half else torch.float32) for _ in range(2))
    times = []
    for _ in range(20):
        start = time.perf_counter()
        left @ right
        times.append(time.perf_counter() - start)
    return 2 * 1024**3 / min(times)


def measure(system: str, batch_size: int, sentences: int, epochs: int, seed: int) -> dict[str, Any]:
    """Train one system in this process."""
    import torch
    from transformers import Trainer  # noqa: F401  imported here so that every system starts from the same size

    import companion
    from companion.experiments.process_memory import highest_resident, resident

    encoder = companion.load_encoder()
    corpus = companion.load_corpus("wnut17")
    task = companion.TokenTask(corpus.labels, encoder)
    source = task.batches(corpus.train[:sentences], batch_size=batch_size)
    model = task.model(seed=seed)
    pieces = sum(len(row) for row in source.rows) * epochs
    before = resident()
    start = time.perf_counter()
    if system == "companion":
        from companion.training import TrainConfig

        model = companion.train(
            model,
            source,
            task.objective,
            TrainConfig(epochs=epochs, learning_rate=LEARNING_RATE, warmup=WARMUP, seed=seed, progress=False),
            say=lambda line: None,
        ).model
    elif system == "tutorial":
        tutorial_loop(plain_dropout(model), source, batch_size, epochs, seed)
    else:
        trainer(plain_dropout(model), source, batch_size, epochs, seed, best=system == "trainer-best")
    seconds = time.perf_counter() - start
    peak = highest_resident()
    body = sum(weight.numel() for name, weight in model.named_parameters() if weight.dim() == 2 and "embed" not in name)
    report = companion.evaluate(model, task, corpus.dev, bootstrap=0)
    return {
        "pieces_per_second": round(pieces / seconds, 1),
        "memory": peak - before,
        "dev_f1": round(report.entity_f1 or 0.0, 4),
        # Forward once, backward twice, a product and a sum for each weight.
        "matrix_share": round(6 * body * pieces / seconds / matrix_rate(half=True), 4),
        "seconds": round(seconds, 1),
        "threads": torch.get_num_threads(),
    }


def plain_dropout(model: Any) -> Any:
    """The model as `transformers` makes it: our quicker dropout is ours to be measured."""
    from torch import nn

    from companion.models.dropout import Dropout

    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is Dropout:
                setattr(module, name, nn.Dropout(child.p))
    return model


def rows_of(source: Any) -> list[dict[str, list[int]]]:
    """The rows as the other systems want them."""
    return [
        {"input_ids": window.input_ids, "attention_mask": [1] * len(window.input_ids), "labels": window.labels}
        for window in source.windows
    ]


def tutorial_loop(model: Any, source: Any, batch_size: int, epochs: int, seed: int) -> None:
    """The loop of many tutorials, with the schedule and clipping of the others."""
    import torch
    from transformers import get_linear_schedule_with_warmup

    filler = {"input_ids": source.pad_token_id, "attention_mask": 0, "labels": -100}
    columns = [
        torch.tensor([(row[name] + [fill] * PADDED)[:PADDED] for row in rows_of(source)])
        for name, fill in filler.items()
    ]
    torch.manual_seed(seed)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*columns), batch_size=batch_size, shuffle=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    total = len(loader) * epochs
    schedule = get_linear_schedule_with_warmup(optimizer, round(WARMUP * total), total)
    model.train()
    for _ in range(epochs):
        for input_ids, attention_mask, labels in loader:
            optimizer.zero_grad()
            model(input_ids=input_ids, attention_mask=attention_mask, labels=labels).loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()


def trainer(model: Any, source: Any, batch_size: int, epochs: int, seed: int, *, best: bool) -> None:
    """`Trainer` as it comes, or with the flags that make it fastest here."""
    from transformers import DataCollatorForTokenClassification, Trainer, TrainingArguments
    from transformers.utils import logging

    import companion

    logging.set_verbosity_error()
    flags = {"bf16": True, "train_sampling_strategy": "group_by_length", "optim": "adamw_torch_fused"} if best else {}
    updates = -(-len(source.windows) // batch_size) * epochs
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=batch_size,
            num_train_epochs=epochs,
            learning_rate=LEARNING_RATE,
            warmup_steps=round(WARMUP * updates),
            weight_decay=0.01,
            seed=seed,
            use_cpu=True,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            **flags,
        )
        collator = DataCollatorForTokenClassification(companion.load_encoder().tokenizer)
        Trainer(model=model, args=arguments, train_dataset=rows_of(source), data_collator=collator).train()


def run_apart(system: str, batch_size: int, options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Measure one system in a process of its own."""
    words = [
        sys.executable,
        "-m",
        "tests.benchmarks.training_speed",
        "--only",
        system,
        "--batch-sizes",
        str(batch_size),
    ]
    words += ["--sentences", str(options.sentences), "--epochs", str(options.epochs), "--seed", str(seed)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{system} at batch size {batch_size} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def compare(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Every system at every batch size, turn by turn; medians over turns, dev F1 as the list of its seeds."""
    found: dict[str, list[dict[str, Any]]] = {}
    for turn in range(options.turns):
        for batch_size in options.batch_sizes:
            for system in SYSTEMS:
                if turn and system in {"tutorial", "trainer"} and not options.all_turns:
                    continue
                found.setdefault(f"{system} {batch_size}", []).append(run_apart(system, batch_size, options, turn))
                print(
                    f"{system:13} batch {batch_size}, turn {turn + 1}: {found[f'{system} {batch_size}'][-1]}",
                    flush=True,
                )
    return {
        name: {
            **{
                key: statistics.median(turn[key] for turn in turns)
                for key in ("pieces_per_second", "memory", "matrix_share", "seconds")
            },
            "dev_f1": [turn["dev_f1"] for turn in turns],
            "threads": turns[0]["threads"],
        }
        for name, turns in found.items()
    }


def table(systems: dict[str, dict[str, Any]]) -> list[str]:
    """Each system beside the tutorial loop and beside `Trainer` at its best, at the same batch size."""
    lines = [f"{'':17}{'pieces/s':>9}{'× tutorial':>12}{'× Trainer best':>16}{'memory MB':>11}{'matrix':>8}  dev F1"]
    for name, found in systems.items():
        batch_size = name.split()[1]
        base, best = (systems[f"{other} {batch_size}"]["pieces_per_second"] for other in ("tutorial", "trainer-best"))
        speed, scores = found["pieces_per_second"], " ".join(f"{score:.3f}" for score in found["dev_f1"])
        lines.append(
            f"{name:17}{speed:9,.0f}{speed / base:12.2f}{speed / best:16.2f}{found['memory'] / 1e6:11,.0f}"
            f"{found['matrix_share']:8.1%}  {scores}"
        )
    return lines


def write_cell(experiment: str, measure: Callable[[], dict[str, Any]], root: Path) -> None:
    """Measure, and write the result as the record's cell of this processor, in place of an older one."""
    from companion.experiments.records import describe_environment, run_cells

    processor = str(describe_environment()["processor"]).split("@")[0].strip()
    factors = {"processor": processor, "cores": os.cpu_count() or 1}
    name = "-".join(map(str, factors.values())).replace("/", "_").replace(" ", "_")
    (root / experiment / f"{name}.json").unlink(missing_ok=True)
    command = f"python -m tests.benchmarks.{experiment.replace('-', '_')} --record"
    run_cells(experiment, [factors], lambda **_: measure(), root=root, command=command)


def main() -> None:
    """Measure, print, and with `--record` write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=1000, help="how many sentences of WNUT-17 (1000)")
    parser.add_argument("--epochs", type=int, default=2, help="how many epochs (2)")
    parser.add_argument("--turns", type=int, default=3, help="how often the quick systems are measured (3)")
    parser.add_argument("--all-turns", action="store_true", help="the slow systems as often as the quick ones")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[16, 32], help="rows per update (16 32)")
    parser.add_argument("--record", action="store_true", help="write data/records/training-speed")
    parser.add_argument("--only", choices=SYSTEMS, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(
            json.dumps(measure(options.only, options.batch_sizes[0], options.sentences, options.epochs, options.seed))
        )
        return

    def result() -> dict[str, Any]:
        systems = compare(options)
        print("\n".join(table(systems)))
        settings = {"sentences": options.sentences, "epochs": options.epochs, "turns": options.turns}
        return {"settings": settings, "systems": systems}

    if options.record:
        from companion.corpora.location import data_root

        write_cell("training-speed", result, data_root() / "records")
    else:
        result()


if __name__ == "__main__":
    main()
