"""What each method costs: seconds an update, memory above that after imports, and the bytes of what it stores.

Every method trains on the same 320 sentences of Newsroom for forty updates of eight rows, in a process of its own,
one after another; the time is the median of the last thirty. Memory is the highest resident size above that before the
model was trained.

Taught in: book/constraints/lora
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from companion.errors import RecordError
from companion.experiments.constrained_systems import BATCH, METHODS, MORE_METHODS, draw, method_of, task_of
from companion.experiments.records import Cell, run_cells

NAME = "constrained-costs"
SENTENCES, UPDATES, SKIPPED = 320, 40, 10


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record; the fast profile is one method with twelve updates."""
    full = profile == "full"
    cells = [{"method": method} for method in ((*METHODS, *MORE_METHODS) if full else ("lora",))]
    command = f"companion experiments {NAME} --profile {profile}"
    return run_cells(NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say)


def measure(*, method: str, full: bool) -> dict[str, Any]:
    """One method in a process of its own.

    Raises:
        RecordError: the process failed.
    """
    words = [sys.executable, "-m", "companion.experiments.constrained_costs", method, str(UPDATES if full else 12)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RecordError(f"{method} failed: {done.stderr[-1000:]}", remedy="run the command by hand")
    return json.loads(done.stdout.splitlines()[-1])


def cost_of(method: str, updates: int) -> dict[str, Any]:
    """Train in this process and say what it took."""
    import tempfile
    import time
    from statistics import median

    from companion.adaptation.apply import adapt, count_trainable
    from companion.experiments.process_memory import highest_resident, resident
    from companion.objectives.penalty import Orthogonality
    from companion.training.config import TrainConfig
    from companion.training.loop import train

    task = task_of("newsroom")
    model = adapt(task.model(seed=0), method_of(method))
    source = task.batches(draw("newsroom", SENTENCES, 0), batch_size=BATCH, seed=0)
    before, marks = resident(), [time.perf_counter()]
    run = train(
        model,
        source,
        Orthogonality(task.objective) if method == "adalora" else task.objective,
        TrainConfig(epochs=updates, max_updates=updates, learning_rate=1e-3, device="cpu", progress=False),
        log=lambda step, values: marks.append(time.perf_counter()),
        say=lambda line: None,
    )
    peak = highest_resident()
    times = [after - start for start, after in pairwise(marks)][SKIPPED:]
    with tempfile.TemporaryDirectory() as folder:
        alone = method != "full"
        stored = run.export(Path(folder) / "stored", adapter_only=alone)
        size = sum(file.stat().st_size for file in stored.glob("*.safetensors"))
    return {
        "seconds_per_update": round(median(times), 4),
        "memory": peak - before,
        "stored_bytes": size,
        "trainable": sum(some for some, _ in count_trainable(run.model).values()),
        "precision_of_arithmetic": run.config.precision,
        "updates": run.steps,
    }


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    print(json.dumps(cost_of(sys.argv[1], int(sys.argv[2]))))
