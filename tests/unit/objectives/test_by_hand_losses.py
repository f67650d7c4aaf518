"""The chapter's own functions, read from its notebook, against the package and PyTorch, extreme logits included.

Binary cases: within 1e-12 of the logit's size in double precision, 1e-6 in single. Softmax cases likewise.
"""

from __future__ import annotations

import ast
import functools
import json
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from companion.objectives import TokenCrossEntropy
from companion.teaching.cells import as_python, read_cells

NOTEBOOK = Path(__file__).resolve().parents[3] / "book" / "foundations" / "cross-entropy.ipynb"
NAMES = (
    "textbook",
    "first_try",
    "binary_loss",
    "softmax_loss",
    "softmax_gradient",
    "token_loss",
    "smoothed",
    "focal",
    "squared_error",
)
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-6}

logits = st.one_of(
    st.floats(-10, 10), st.floats(-1000, 1000), st.sampled_from([0.0, 20.0, -110.0, 1e4, -1e4, 1e-30, 88.7, 709.8])
)
precisions = st.sampled_from(list(TOLERANCE))


@functools.cache
def chapter() -> SimpleNamespace:
    """Every function that the chapter defines at the top level of a cell, its exercises left out."""
    namespace: dict = {"torch": torch, "functional": functional}
    for cell in read_cells(NOTEBOOK):
        if cell.kind == "code" and "starter" not in cell.tags:
            functions = [n for n in ast.parse(as_python(cell.source)).body if isinstance(n, ast.FunctionDef)]
            exec(compile(ast.Module(functions, []), str(NOTEBOOK), "exec"), namespace)
    return SimpleNamespace(**{name: namespace[name] for name in NAMES})


def gradient(loss, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    z = z.clone().requires_grad_()
    return torch.autograd.grad(loss(z, y).sum(), z)[0]


def close(one: torch.Tensor, other: torch.Tensor, scale: float = 1.0) -> bool:
    return bool(((one - other).abs() <= TOLERANCE[one.dtype] * max(1.0, scale)).all())


@settings(max_examples=1000, deadline=None)
@given(z=logits, y=st.integers(0, 1), precision=precisions)
def test_binary_losses(z: float, y: int, precision: torch.dtype) -> None:
    z, y = torch.tensor([z], dtype=precision), torch.tensor([y], dtype=precision)
    size = z.abs().item()
    torchs = functional.binary_cross_entropy_with_logits(z, y, reduction="none")
    pair, label = torch.stack([torch.zeros_like(z), z], dim=-1), y.long()
    package = TokenCrossEntropy().from_logits(pair, label)
    for loss in (chapter().binary_loss, chapter().first_try):
        assert close(loss(z, y), torchs, size)
        assert close(loss(z, y), package, size)
    assert close(gradient(chapter().binary_loss, z, y), torch.sigmoid(z) - y)
    p = torch.sigmoid(z)
    assert close(gradient(chapter().squared_error, z, y), 2 * (p - y) * p * (1 - p))
    if size < 5:
        assert chapter().textbook(z, y).item() == pytest.approx(torchs.item(), rel=1e-3)


@settings(max_examples=1000, deadline=None)
@given(
    row=st.lists(logits, min_size=2, max_size=9),
    gold=st.integers(0, 8),
    precision=precisions,
    epsilon=st.floats(0, 0.5),
)
def test_softmax_losses(row: list[float], gold: int, precision: torch.dtype, epsilon: float) -> None:
    z_NC, gold_N = torch.tensor([row], dtype=precision), torch.tensor([gold % len(row)])
    size = z_NC.abs().max().item()
    package = TokenCrossEntropy().from_logits
    loss_N = chapter().softmax_loss(z_NC, gold_N)
    assert loss_N.isfinite().all()
    assert close(loss_N.sum(), package(z_NC, gold_N), size)
    assert close(loss_N, functional.cross_entropy(z_NC, gold_N, reduction="none"), size)
    own = chapter().softmax_gradient(z_NC, gold_N)
    # A gradient is at most 1; near ties of huge logits p itself is only as exact as the logits are.
    for other in (gradient(package, z_NC, gold_N), gradient(chapter().softmax_loss, z_NC, gold_N)):
        assert close(own, other, size)
    smooth = TokenCrossEntropy(label_smoothing=epsilon).from_logits(z_NC, gold_N)
    assert close(chapter().smoothed(z_NC, gold_N, epsilon).sum(), smooth, size)
    focal = TokenCrossEntropy(focal_gamma=2.0).from_logits(z_NC, gold_N)
    assert close(chapter().focal(z_NC, gold_N, 2.0).sum(), focal, size)


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([1.0, 30.0, 1000.0]))
def test_token_sums_and_counts(seed: int, scale: float) -> None:
    draw = torch.Generator().manual_seed(seed)
    logits_BTC = torch.randn(3, 7, 5, generator=draw, dtype=torch.float64) * scale
    labels_BT = torch.randint(5, (3, 7), generator=draw).masked_fill(torch.rand(3, 7, generator=draw) < 0.4, -100)
    total, count = chapter().token_loss(logits_BTC, labels_BT)
    objective = TokenCrossEntropy()
    assert close(total, objective.from_logits(logits_BTC, labels_BT), 21 * scale)
    assert objective.counts({"labelled": {"labels": labels_BT}}) == {"supervised": float(count)}


def test_the_corner_that_the_chapter_shows_is_there() -> None:
    zero, one = torch.zeros(1), torch.ones(1)
    assert gradient(chapter().first_try, zero, one).item() == 0.0
    assert gradient(chapter().binary_loss, zero, one).item() == -0.5


def test_the_textbook_form_is_as_broken_as_the_chapter_says() -> None:
    z, y = torch.tensor([20.0, 20.0, -110.0]), torch.tensor([0.0, 1.0, 1.0])
    losses = chapter().textbook(z, y)
    assert losses[[0, 2]].tolist() == [math.inf, math.inf] and losses[1].isnan()
    assert gradient(chapter().textbook, z, y).isnan().all()


def test_the_functions_come_from_the_notebook() -> None:
    code = "".join("".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"])
    assert all(f"def {name}(" in code for name in NAMES)
