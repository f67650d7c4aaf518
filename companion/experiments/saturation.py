"""Cross-entropy from probabilities against the same loss from logits: where the first one stops being a number.

Random logits of growing spread with random labels, in single and in double precision. The textbook form takes a sigmoid
and two logarithms; the stable form is softplus(z) − y z, which for y = 0 or 1 is the softplus of the logit in the wrong
direction. What is exact is computed with 50 decimal digits. The chapter's own failure is a small detector of names; the
words it learns from are prepared here.

Taught in: book/foundations/cross-entropy
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.experiments.records import Cell, run_cells

if TYPE_CHECKING:
    from torch import Tensor

NAME = "saturation"
SPREADS = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96)
SEEDS = range(5)
PRECISIONS = ("float32", "float64")
FORMS = ("textbook", "stable")
SIZES = {"full": 4_000, "fast": 200}


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record: two precisions and five seeds, or (fast) one seed and few examples."""
    seeds = SEEDS if profile == "full" else range(1)
    cells = [
        {"precision": precision, "examples": SIZES["full" if profile == "full" else "fast"], "seed": seed}
        for precision in PRECISIONS
        for seed in seeds
    ]
    return run_cells(
        NAME, cells, measure, root=root, command=f"companion experiments {NAME} --profile {profile}", say=say
    )


def measure(*, precision: str, examples: int, seed: int) -> dict[str, Any]:
    """For each form and spread: the shares of losses and gradients that are no finite number, and the largest error.

    The same standard normal draws serve all spreads. Errors are relative, over the finite losses whose exact value is
    at least 1e-30 (below that, single precision itself runs out of numbers).
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(examples, generator=generator, dtype=torch.float32)
    label = torch.randint(2, (examples,), generator=generator).to(getattr(torch, precision))
    result: dict[str, Any] = {"spreads": list(SPREADS)}
    for form in FORMS:
        rows = [_compare(form, normal.to(label.dtype) * spread, label) for spread in SPREADS]
        for number, name in enumerate(("loss_not_finite", "gradient_not_finite", "largest_error")):
            result[f"{form}_{name}"] = [row[number] for row in rows]
    result["textbook_last_finite_logit"] = _last_finite_logit(label.dtype)
    return result


def textbook(z: Tensor, y: Tensor) -> Tensor:
    """The formula as it is printed: probabilities first, then their logarithms."""
    p = z.sigmoid()
    return -(y * p.log() + (1 - y) * (1 - p).log())


def stable(z: Tensor, y: Tensor) -> Tensor:
    """softplus(z) − y z for labels 0 and 1, written as ln(e^0 + e^w) with w = z or −z, so that nothing cancels."""
    wrong_way = (1 - 2 * y) * z
    return wrong_way.logaddexp(wrong_way.new_zeros(()))


def exact(z: float, y: float) -> float:
    """The loss of one example, correct to the last digit of a double; `y` is 0 or 1."""
    with localcontext() as context:
        context.prec = 50
        wrong_way = Decimal(z) if y == 0 else -Decimal(z)
        small = (-abs(wrong_way)).exp()
        # The series is exact to 42 digits here, and much faster than a logarithm.
        tail = small - small**2 / 2 + small**3 / 3 if small < Decimal("1e-14") else (1 + small).ln()
        return float(max(wrong_way, Decimal(0)) + tail)


def hinted_words() -> tuple[Tensor, Tensor, Tensor, Tensor, int]:
    """Newsroom as a task for a linear detector: is this word part of a name?

    Returns hints (words, 5) and labels (words,) of the training part, the same of the development part, and how many
    different hints there are. A word's hints, as numbers: the word, its ending, the word before it, whether it is
    written with a capital, whether it comes first.
    """
    import torch

    from companion.corpora import load_corpus

    numbers: dict[tuple[int, object], int] = {}
    tables: list[Tensor] = []
    corpus = load_corpus("newsroom")
    for sentences in (corpus.train, corpus.dev):
        rows, labels = [], []
        for sentence in sentences:
            lowered = [word.lower() for word in sentence.words]
            for n, word in enumerate(sentence.words):
                hints = (lowered[n], lowered[n][-3:], lowered[n - 1] if n else "", word.istitle(), n == 0)
                rows.append([numbers.setdefault(hint, len(numbers)) for hint in enumerate(hints)])
                labels.append(float(sentence.tags[n] != "O"))
        tables += [torch.tensor(rows), torch.tensor(labels)]
    return (*tables, len(numbers))


def _compare(form: str, logits: Tensor, label: Tensor) -> tuple[float, float, float]:
    logits = logits.clone().requires_grad_()
    losses = {"textbook": textbook, "stable": stable}[form](logits, label)
    losses.sum().backward()
    finite = losses.detach().isfinite()
    pairs = zip(losses[finite].tolist(), logits[finite].tolist(), label[finite].tolist(), strict=True)
    errors = [abs(loss - truth) / truth for loss, z, y in pairs if (truth := exact(z, y)) >= 1e-30]
    return (
        (~finite).double().mean().item(),
        (~logits.grad.isfinite()).double().mean().item(),
        float(f"{max(errors):.3g}"),
    )


def _last_finite_logit(dtype: Any) -> float:
    """The largest logit, in steps of 1/64, whose textbook loss with label 0 is still finite."""
    import torch

    steps = torch.arange(0, 64 * 64, dtype=dtype) / 64
    infinite = ~textbook(steps, torch.zeros_like(steps)).isfinite()
    first = int(infinite.double().argmax())
    return steps[first - 1].item() if bool(infinite.any()) else math.inf
