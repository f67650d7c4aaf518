"""Weight decay against an L2 penalty, under SGD and under Adam: where four ways to "decay" end.

A regression with two inputs, one of which is measured in far too large units, so that its values are tiny and the loss
is almost flat in its weight. The answers are exact: both weights should be 1. The curvature and the data differ from
seed to seed; the gradient is that of all rows, so nothing else is random.

Taught in: book/foundations/optimisers
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.experiments.records import Cell, run_cells

if TYPE_CHECKING:
    from torch import Tensor

NAME = "decay-against-l2"
ARMS = ("sgd-l2", "sgd-decoupled", "adam-l2", "adamw")
DECAYS = (0.0, 0.001, 0.01, 0.1, 0.3)
SEEDS = range(5)
ROWS = 200
RATES = {"sgd": 0.5, "adam": 0.01}
STEPS = {"full": 5_000, "fast": 600}


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record: four arms and five seeds, or (fast) one seed and few steps."""
    full = profile == "full"
    seeds = SEEDS if full else range(1)
    cells = [{"arm": arm, "steps": STEPS["full" if full else "fast"], "seed": seed} for seed in seeds for arm in ARMS]
    return run_cells(
        NAME, cells, measure, root=root, command=f"companion experiments {NAME} --profile {profile}", say=say
    )


def measure(*, arm: str, steps: int, seed: int) -> dict[str, Any]:
    """Where one arm ends for each strength of decay, beside the exact minimum of loss plus L2 penalty."""
    curvature_22, target_2 = problem(seed)
    ends = descend(arm, curvature_22, target_2, steps=steps)
    flat, steep = curvature_22.diagonal().sort().values.tolist()
    return {
        "decays": list(DECAYS),
        "first_weight": [end[0] for end in ends],
        "second_weight": [end[1] for end in ends],
        "minimum_first_weight": [penalised(curvature_22, target_2, decay)[0] for decay in DECAYS],
        "minimum_second_weight": [penalised(curvature_22, target_2, decay)[1] for decay in DECAYS],
        "steep_curvature": steep,
        "flat_curvature": flat,
        "learning_rate": RATES[arm.split("-")[0].removesuffix("w")],
    }


def problem(seed: int) -> tuple[Tensor, Tensor]:
    """The curvature (2, 2) of half the mean squared error, and the weights (2,) that make it 0: both are 1.

    The second input is 10 to 20 times smaller than the first, so its curvature is 100 to 400 times smaller.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    scale = 0.05 + 0.05 * torch.rand((), generator=generator, dtype=torch.float64)
    inputs_N2 = torch.randn(ROWS, 2, generator=generator, dtype=torch.float64) * torch.stack([scale**0, scale])
    return inputs_N2.T @ inputs_N2 / ROWS, torch.ones(2, dtype=torch.float64)


def penalised(curvature_22: Tensor, target_2: Tensor, decay: float) -> list[float]:
    """The weights that minimise half the mean squared error plus decay/2 times the sum of their squares."""
    import torch

    identity = torch.eye(2, dtype=torch.float64)
    return torch.linalg.solve(curvature_22 + decay * identity, curvature_22 @ target_2).tolist()


def descend(arm: str, curvature_22: Tensor, target_2: Tensor, *, steps: int) -> list[list[float]]:
    """The last weights for each decay, from a start at 0, with a learning rate that falls to 0 in a straight line."""
    import torch

    from companion.training.optimizer import schedule_factor

    rate = RATES[arm.split("-")[0].removesuffix("w")]
    weights = [torch.zeros(2, dtype=torch.float64, requires_grad=True) for _ in DECAYS]
    # torch's SGD and Adam add decay · weight to the gradient; only AdamW keeps it apart.
    inside = [0.0 if arm == "sgd-decoupled" else decay for decay in DECAYS]
    groups = [{"params": [weight], "weight_decay": decay} for weight, decay in zip(weights, inside, strict=True)]
    kind = {"sgd-l2": "SGD", "sgd-decoupled": "SGD", "adam-l2": "Adam", "adamw": "AdamW"}[arm]
    optimizer = getattr(torch.optim, kind)(groups, lr=rate)
    for step in range(steps):
        now = rate * schedule_factor(step, steps, warmup=0.0)
        for group, weight, decay in zip(optimizer.param_groups, weights, DECAYS, strict=True):
            group["lr"] = now
            weight.grad = curvature_22 @ (weight.detach() - target_2)
            if arm == "sgd-decoupled":
                weight.data.mul_(1 - now * decay)
        optimizer.step()
    return [weight.tolist() for weight in weights]
