"""The chapter's own optimisers, read from its notebook, against torch: 1,000 random cases within 1e-6."""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.teaching.cells import as_python, read_cells

NOTEBOOK = Path(__file__).resolve().parents[3] / "book" / "foundations" / "optimisers.ipynb"
NAMES = ("sgd", "momentum", "adam", "adamw", "walk")
TOLERANCE = 1e-6

rates = st.floats(1e-5, 0.1)
decays = st.floats(0.0, 0.5)
shares = st.floats(0.0, 0.999)
epsilons = st.sampled_from([1e-8, 1e-6, 1e-3])
scales = st.sampled_from([1e-6, 1e-3, 1.0, 1e3])
seeds = st.integers(0, 10**6)


@functools.cache
def chapter() -> SimpleNamespace:
    """The optimisers that the chapter defines, its exercises left out."""
    namespace: dict = {"torch": torch}
    for cell in read_cells(NOTEBOOK):
        if cell.kind == "code" and "starter" not in cell.tags:
            functions = [n for n in ast.parse(as_python(cell.source)).body if isinstance(n, ast.FunctionDef)]
            exec(compile(ast.Module(functions, []), str(NOTEBOOK), "exec"), namespace)
    return SimpleNamespace(**{name: namespace[name] for name in NAMES})


def paths(step, optimizer, seed: int, scale: float, steps: int = 8, **settings_by_hand):
    """The same weights under the same gradients (random, some exactly 0), by hand and by torch."""
    generator = torch.Generator().manual_seed(seed)
    by_hand = torch.randn(4, generator=generator, dtype=torch.float64)
    torchs = by_hand.clone().requires_grad_()
    optimizer, memory = optimizer([torchs]), {}
    for _ in range(steps):
        gradient = scale * torch.randn(4, generator=generator, dtype=torch.float64)
        gradient[torch.rand(4, generator=generator) < 0.2] = 0.0
        by_hand = step(by_hand, gradient, memory, **settings_by_hand)
        torchs.grad = gradient
        optimizer.step()
    return by_hand, torchs.detach()


def distance(by_hand: torch.Tensor, torchs: torch.Tensor) -> float:
    """Absolute below 1, relative above: plain SGD walks far when gradients are large."""
    return float(((by_hand - torchs).abs() / torchs.abs().clamp(min=1.0)).max())


@settings(max_examples=250, deadline=None)
@given(rate=rates, seed=seeds, scale=scales)
def test_sgd(rate: float, seed: int, scale: float) -> None:
    pair = paths(chapter().sgd, lambda w: torch.optim.SGD(w, lr=rate), seed, scale, rate=rate)
    assert distance(*pair) <= TOLERANCE


@settings(max_examples=250, deadline=None)
@given(rate=rates, seed=seeds, scale=scales, keep=shares)
def test_momentum(rate: float, seed: int, scale: float, keep: float) -> None:
    pair = paths(
        chapter().momentum,
        lambda w: torch.optim.SGD(w, lr=rate, momentum=keep),
        seed,
        scale,
        rate=rate,
        keep=keep,
    )
    assert distance(*pair) <= TOLERANCE


@settings(max_examples=500, deadline=None)
@given(rate=rates, seed=seeds, scale=scales, beta1=shares, beta2=shares, epsilon=epsilons, decay=decays)
def test_adam_with_and_without_decoupled_decay(
    rate: float, seed: int, scale: float, beta1: float, beta2: float, epsilon: float, decay: float
) -> None:
    more = {"rate": rate, "beta1": beta1, "beta2": beta2, "epsilon": epsilon}
    betas = (beta1, beta2)
    pair = paths(chapter().adam, lambda w: torch.optim.Adam(w, lr=rate, betas=betas, eps=epsilon), seed, scale, **more)
    assert distance(*pair) <= TOLERANCE
    pair = paths(
        chapter().adamw,
        lambda w: torch.optim.AdamW(w, lr=rate, betas=betas, eps=epsilon, weight_decay=decay),
        seed,
        scale,
        decay=decay,
        **more,
    )
    assert distance(*pair) <= TOLERANCE


@pytest.mark.parametrize("steps", [300])
def test_many_steps_do_not_drift_apart(steps: int) -> None:
    pair = paths(
        chapter().adamw,
        lambda w: torch.optim.AdamW(w, lr=0.01, weight_decay=0.1),
        0,
        1.0,
        steps=steps,
        rate=0.01,
        decay=0.1,
    )
    assert distance(*pair) <= TOLERANCE


def test_an_l2_penalty_inside_the_gradient_is_not_adamw() -> None:
    """The sabotaged twin: the same test must fail for the formula that it is there to catch."""

    def inside(weight, gradient, memory, *, decay, **more):
        return chapter().adam(weight, gradient + decay * weight, memory, **more)

    adamw = lambda w: torch.optim.AdamW(w, lr=0.01, weight_decay=0.1)  # noqa: E731
    assert distance(*paths(inside, adamw, 0, 1.0, rate=0.01, decay=0.1)) > 1e-3
    adam = lambda w: torch.optim.Adam(w, lr=0.01, weight_decay=0.1)  # noqa: E731
    assert distance(*paths(inside, adam, 0, 1.0, rate=0.01, decay=0.1)) <= TOLERANCE


def test_a_forgotten_bias_correction_is_caught() -> None:
    def uncorrected(weight, gradient, memory, *, rate):
        memory["m"] = 0.9 * memory.get("m", 0.0) + 0.1 * gradient
        memory["v"] = 0.999 * memory.get("v", 0.0) + 0.001 * gradient**2
        return weight - rate * memory["m"] / (memory["v"].sqrt() + 1e-8)

    adam = lambda w: torch.optim.Adam(w, lr=0.01)  # noqa: E731
    assert distance(*paths(uncorrected, adam, 0, 1.0, rate=0.01)) > 1e-3


def test_a_walk_starts_at_its_start_and_takes_every_step() -> None:
    start = torch.tensor([1.0, 2.0])
    path = chapter().walk(chapter().sgd, start, lambda weight: weight, 3, rate=0.5)
    assert torch.equal(path, start * torch.tensor([[1.0], [0.5], [0.25], [0.125]]))
