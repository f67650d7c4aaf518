"""Where the time of an update goes: the tutorials' loop in fp32, and the package's in fp32 and bf16, by kind of work.

The same offline encoder learns the same Newsroom sentences, sixteen to an update, on one thread. Every operation that
reaches PyTorch's kernels is timed by the processor time it took, so that other programs on the machine do not count;
operations are then grouped. Shares can be compared, seconds only within one machine. Word pieces are counted, too.

Taught in: book/engineering/memory-and-speed
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.errors import ConfigError
from companion.experiments.records import Cell, run_cells

if TYPE_CHECKING:
    from torch import nn

    from companion.encoding.source import TokenBatches
    from companion.tasks.tokens import TokenTask

NAME = "speed-profile"
ARMS = ("tutorial fp32", "loop fp32", "loop bf16")
SEEDS = range(5)
ROWS, PADDED, LEARNING_RATE = 16, 128, 2e-4
WARM, UPDATES = 1, {"full": 2, "fast": 1}
# The first kind whose pattern is found in the operation's name; what matches none is "other".
KINDS = {
    "matrix products": r"mm$|linear|scaled_dot_product|flash_attention",
    "softmax": r"softmax",
    "activation function": r"gelu",
    "dropout": r"dropout|bernoulli|random_|^ge$",
    "optimiser": r"adamw|sqrt|addc|lerp|^div$",
    "clipping": r"vector_norm|_foreach_",
    "normalisation": r"layer_norm",
    "embedding tables": r"embedding|index|coalesce|sparse|unique",
    "copies and casts": r"copy|clone|^cat$|zero|fill|empty|^new_|ones",
}
OTHER = "other"


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record: three arms and five seeds, or (fast) one seed and one update."""
    seeds = SEEDS if profile == "full" else range(1)
    cells = [{"arm": arm, "updates": UPDATES[profile], "seed": seed} for seed in seeds for arm in ARMS]
    return run_cells(
        NAME, cells, measure, root=root, command=f"companion experiments {NAME} --profile {profile}", say=say
    )


def measure(*, arm: str, updates: int, seed: int) -> dict[str, Any]:
    """Seconds by kind of work over `updates` updates after a warm one, and how many word pieces they held.

    Raises:
        ConfigError: there is no such arm.
    """
    import torch

    from companion.corpora.catalog import load_corpus
    from companion.models.encoder import load_encoder
    from companion.tasks.tokens import TokenTask

    if arm not in ARMS:
        raise ConfigError(f"arm is {arm!r}", remedy=f"choose one of {', '.join(ARMS)}")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        corpus = load_corpus("newsroom")
        task = TokenTask(corpus.labels, load_encoder())
        source = task.batches(corpus.train, batch_size=ROWS, seed=seed)
        windows = [source.window(0, update)["labelled"] for update in range(WARM, WARM + updates)]
        train = train_as_tutorials if arm.startswith("tutorial") else train_with_the_loop
        with stopwatch(range(WARM, WARM + updates)) as watch:
            train(task, source, watch.next_update, precision=arm.split()[1], updates=WARM + updates, seed=seed)
    finally:
        torch.set_num_threads(threads)
    lengths = [[source.length("labelled", row) for row in rows] for rows in windows]
    padded = [len(row) * (PADDED if arm.startswith("tutorial") else max(row)) for row in lengths]
    return {
        "seconds_by_kind": {kind: round(seconds, 4) for kind, seconds in by_kind(watch.seconds).items()},
        "word_pieces": sum(map(sum, lengths)),
        "padded_pieces": sum(padded),
    }


def stopwatch(counted: range) -> Any:
    """A `with` block that times every operation of PyTorch in the counted updates; `seconds` holds them by name."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Stopwatch(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.seconds: dict[str, float] = {}
            self.updates = 0

        def next_update(self) -> None:
            self.updates += 1

        def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            start = time.thread_time()
            result = operation(*args, **(kwargs or {}))
            if self.updates in counted:
                name = operation.overloadpacket.__name__
                self.seconds[name] = self.seconds.get(name, 0.0) + time.thread_time() - start
            return result

    return Stopwatch()


def by_kind(seconds: Mapping[str, float]) -> dict[str, float]:
    """Seconds by operation, summed by kind of work."""
    summed = dict.fromkeys([*KINDS, OTHER], 0.0)
    for operation, taken in seconds.items():
        summed[kind_of(operation)] += taken
    return summed


def kind_of(operation: str) -> str:
    """The kind of work that an operation of PyTorch belongs to."""
    return next((kind for kind, pattern in KINDS.items() if re.search(pattern, operation)), OTHER)


def train_with_the_loop(
    task: TokenTask, source: TokenBatches, step: Callable[[], None], *, precision: str, updates: int, seed: int
) -> None:
    """The package's loop over buckets of about the same length."""
    from companion.training import TrainConfig, train

    # One update more than is timed: at the end of a run all weights are checked, which is no part of an update.
    config = TrainConfig(
        max_updates=updates + 1,
        learning_rate=LEARNING_RATE,
        precision=precision,
        seed=seed,
        device="cpu",
        progress=False,
    )
    train(task.model(seed=seed), source, task.objective, config, log=lambda _, values: step(), say=lambda line: None)


def train_as_tutorials(
    task: TokenTask, source: TokenBatches, step: Callable[[], None], *, precision: str, updates: int, seed: int
) -> None:
    """The loop of many tutorials: every row padded to 128, PyTorch's dropout, AdamW as it comes, fp32."""
    import torch

    assert precision == "fp32"
    torch.manual_seed(seed)
    model = with_plain_dropout(task.model(seed=seed)).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    for batch in _padded(source, updates):
        optimizer.zero_grad()
        model(**batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step()


def with_plain_dropout(model: nn.Module) -> nn.Module:
    """The model as transformers makes it: quicker masks are the package's."""
    from torch import nn

    from companion.models.dropout import Dropout

    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is Dropout:
                setattr(module, name, nn.Dropout(child.p))
    return model


def _padded(source: TokenBatches, updates: int) -> Iterable[dict[str, Any]]:
    from torch.nn.functional import pad

    filler = {"input_ids": source.pad_token_id, "attention_mask": 0, "labels": -100}
    for update in range(updates):
        batch = source.collate("labelled", source.window(0, update)["labelled"])
        yield {name: pad(batch[name], (0, PADDED - batch[name].shape[1]), value=fill) for name, fill in filler.items()}
