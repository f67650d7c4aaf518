"""The gradient of an update does not depend on how its rows are cut into pieces, padded or not."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from companion.encoding.source import TokenBatches
from companion.errors import ObjectiveError
from companion.objectives import TokenCrossEntropy
from companion.training import TrainConfig
from companion.training.gradients import Gradient, accumulate_gradient
from companion.training.optimizer import trained_parameters
from companion.training.parallel import Processes
from companion.training.pieces import collate, cut
from companion.training.resolve import resolve
from tests.tiny import tiny_tagger, tiny_windows

ROWS = 16
LIMIT = {torch.float64: 1e-12, torch.float32: 5e-6}
BUDGETS = (1, 20, 30, 50, 100, 10_000)
WEIGHTS = {"plain": None, "class weights": (0.1, 1.0, 2.5, 0.0, 7.0)}
each_dtype = pytest.mark.parametrize("dtype", LIMIT, ids=str)


class MeanOfMeans(TokenCrossEntropy):
    """The sabotaged twin: every micro-batch is averaged by itself, and the means are averaged."""

    def counts(self, batch):
        return {"supervised": 1.0}

    def __call__(self, model, batch):
        return {"supervised": super().__call__(model, batch)["supervised"] / super().counts(batch)["supervised"]}


class Padded(TokenBatches):
    """The same rows, padded further than they need."""

    def collate(self, part, ids):
        filler = {"input_ids": self.pad_token_id, "attention_mask": 0, "labels": -100}
        tensors = super().collate(part, ids)
        return {name: torch.nn.functional.pad(tensor, (0, 9), value=filler[name]) for name, tensor in tensors.items()}


def rows_source(kind: type[TokenBatches] = TokenBatches) -> TokenBatches:
    return kind(tiny_windows(ROWS), pad_token_id=0, batch_size=ROWS)


def split_by_budget(source: TokenBatches, budget: int) -> list[dict[str, list[int]]]:
    return cut(source, source.window(0, 0), budget)


def gradient_of(
    pieces: list[dict[str, list[int]]],
    dtype: torch.dtype,
    objective: TokenCrossEntropy | None = None,
    source: TokenBatches | None = None,
    model: torch.nn.Module | None = None,
) -> tuple[torch.Tensor, Gradient]:
    """The flat gradient that these pieces leave in a fresh model, and its report."""
    source, objective = source or rows_source(), objective or TokenCrossEntropy()
    model = (model or tiny_tagger()).to(dtype)
    named = trained_parameters(model, objective)
    gradient = accumulate_gradient(
        model,
        objective,
        [collate(source, piece) for piece in pieces],
        named,
        settings=resolve(TrainConfig(precision="fp32", device="cpu"), model),
        processes=Processes(rank=0, world=1),
        place=(0, 0),
    )
    return torch.cat([parameter.grad.reshape(-1) for _, parameter in named if parameter.grad is not None]), gradient


def whole() -> list[dict[str, list[int]]]:
    return [{"labelled": list(range(ROWS))}]


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return ((found - expected).norm() / expected.norm()).item()


@each_dtype
@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("kind", [TokenBatches, Padded])
def test_any_piece_budget_gives_the_gradient_of_one_batch(dtype, weights, kind):
    objective = TokenCrossEntropy(class_weights=weights)
    expected, reported = gradient_of(whole(), dtype, objective)
    pieces_seen = set()
    for budget in BUDGETS:
        source = rows_source(kind)
        pieces = split_by_budget(source, budget)
        assert sorted(row for piece in pieces for row in piece["labelled"]) == list(range(ROWS))
        found, report = gradient_of(pieces, dtype, objective, source)
        assert relative(found, expected) <= LIMIT[dtype]
        assert report.loss == pytest.approx(reported.loss, rel=LIMIT[dtype])
        pieces_seen.add(len(pieces))
    assert {1, ROWS} < pieces_seen
    assert len(pieces_seen) >= 4


@each_dtype
def test_any_partition_gives_the_gradient_of_one_batch(dtype):
    expected, _ = gradient_of(whole(), dtype)
    order = torch.randperm(ROWS, generator=torch.Generator().manual_seed(0)).tolist()
    partitions = [[1] * 16, [2] * 8, [4] * 4, [8, 8], [15, 1], [1, 15], [3, 5, 1, 7], [16]]
    for sizes in partitions:
        rows = iter(order)
        pieces = [{"labelled": [next(rows) for _ in range(size)]} for size in sizes]
        found, _ = gradient_of(pieces, dtype)
        assert relative(found, expected) <= LIMIT[dtype]
    assert len(partitions) == 8


@each_dtype
def test_a_mean_of_means_fails_the_same_check(dtype):
    expected, _ = gradient_of(whole(), dtype, MeanOfMeans())
    right, _ = gradient_of(whole(), dtype)
    assert relative(expected, right) <= LIMIT[dtype], "on one batch the two are the same"
    for budget in BUDGETS[:-1]:
        found, _ = gradient_of(split_by_budget(rows_source(), budget), dtype, MeanOfMeans())
        assert relative(found, expected) > 0.05


def test_rows_that_are_trained_elsewhere_change_nothing_here():
    source = rows_source()
    unlabelled = [replace(window, labels=[-100] * len(window.labels)) for window in tiny_windows(4, seed=1)]
    more = TokenBatches([*source.windows, *unlabelled], pad_token_id=0, batch_size=32)
    pieces = [{"labelled": [16, 17]}, *split_by_budget(source, 50), {"labelled": [18, 19, 0][:2]}]
    expected, _ = gradient_of(whole(), torch.float64)
    found, gradient = gradient_of(pieces, torch.float64, source=more)
    assert relative(found, expected) <= LIMIT[torch.float64]
    assert gradient.empty == ()


def test_the_report_is_the_mean_over_all_labels():
    source = rows_source()
    _, gradient = gradient_of(split_by_budget(source, 30), torch.float64, TokenCrossEntropy(weight=0.5))
    model = tiny_tagger().double()
    batch = source.collate("labelled", range(ROWS))
    logits = model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    expected = torch.nn.functional.cross_entropy(logits.reshape(-1, 5), batch["labels"].reshape(-1)).item()
    assert gradient.terms == {"supervised": pytest.approx(expected, rel=1e-12)}
    assert gradient.loss == pytest.approx(0.5 * expected, rel=1e-12)


class Two(TokenCrossEntropy):
    """Two terms; the second is the supervised loss of rows whose first piece is odd."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = {"supervised": 1.0, "odd": 0.3}

    def _odd(self, batch):
        even = batch["labelled"]["input_ids"][:, 1:2] % 2 == 0
        labels = batch["labelled"]["labels"].masked_fill(even, -100)
        return {"labelled": {**batch["labelled"], "labels": labels}}

    def counts(self, batch):
        return super().counts(batch) | {"odd": super().counts(self._odd(batch))["supervised"]}

    def __call__(self, model, batch):
        return super().__call__(model, batch) | {"odd": super().__call__(model, self._odd(batch))["supervised"]}


class Summed(Two):
    """The same terms, merged gradient by gradient instead of loss by loss."""

    def combine(self, gradients):
        assert set(gradients) == {"supervised", "odd"}
        return sum(gradients.values())


def test_merging_by_sum_is_the_gradient_of_the_sum():
    for budget in (30, 10_000):
        pieces = split_by_budget(rows_source(), budget)
        expected, report = gradient_of(pieces, torch.float64, Two())
        found, merged = gradient_of(pieces, torch.float64, Summed())
        assert relative(found, expected) <= 1e-12
        assert merged.terms == pytest.approx(report.terms)
        assert merged.loss == pytest.approx(report.loss)


def test_merging_leaves_unused_parameters_without_a_gradient():
    found = {}
    for objective in (Two(), Summed()):
        model = tiny_tagger()
        model.unused = torch.nn.Linear(3, 3)
        gradient_of(whole(), torch.float64, objective, model=model)
        found[type(objective)] = {name for name, parameter in model.named_parameters() if parameter.grad is None}
    assert found[Two] == found[Summed] == {"unused.weight", "unused.bias"}


def test_a_merge_of_the_wrong_shape_is_refused():
    objective = Summed()
    objective.combine = lambda gradients: gradients["odd"][1:]
    with pytest.raises(ObjectiveError, match=r"combine returned a gradient of shape \(\d+,\)\n.*return one of shape"):
        gradient_of(whole(), torch.float32, objective)


class NotAdditive(TokenCrossEntropy):
    row_additive = False


def test_a_loss_that_is_no_sum_over_rows_refuses_to_be_split():
    assert gradient_of(whole(), torch.float32, NotAdditive())[1].loss > 0
    with pytest.raises(ObjectiveError, match="NotAdditive is no sum over rows, but the update is split into 16 pieces"):
        gradient_of(split_by_budget(rows_source(), 1), torch.float32, NotAdditive())


BROKEN = {
    "a term without a weight": (
        lambda loss: {"supervised": loss, "other": loss},
        None,
        "a term 'other' without a weight",
    ),
    "a misspelt term": (lambda loss: {"Supervised": loss}, None, "a term 'Supervised' without a weight"),
    "a term that is counted but missing": (lambda loss: {}, None, "for 'supervised' but returns no loss"),
    "a loss per row": (lambda loss: {"supervised": loss.expand(3)}, None, "is no scalar tensor"),
    "a number": (lambda loss: {"supervised": loss.item()}, None, "is no scalar tensor"),
    "a bare loss": (lambda loss: loss, None, "the objective returned a Tensor"),
    "a detached loss": (lambda loss: {"supervised": loss.detach()}, None, "depends on no trainable parameter"),
    "a bare count": (None, 7.0, "counts returned a float"),
    "a count that is no number": (None, {"supervised": float("nan")}, "the count of 'supervised' is nan"),
    "a negative count": (None, {"supervised": -3.0}, "the count of 'supervised' is -3"),
    "a count of something else": (None, {"other": 3.0}, "a term 'other' without a weight"),
}


@pytest.mark.parametrize(("change", "count", "message"), BROKEN.values(), ids=BROKEN)
def test_an_objective_that_breaks_its_contract_is_told_so(change, count, message):
    class Broken(TokenCrossEntropy):
        def counts(self, batch):
            return super().counts(batch) if count is None else count

        def __call__(self, model, batch):
            losses = super().__call__(model, batch)
            return losses if change is None else change(losses["supervised"])

    with pytest.raises(ObjectiveError, match=message) as caught:
        gradient_of(whole(), torch.float32, Broken())
    assert caught.value.remedy


def test_dropout_follows_the_place_and_not_the_callers_random_state():
    def gradient_at(place, seed):
        model = tiny_tagger(dropout=0.3).train()
        named = trained_parameters(model, TokenCrossEntropy())
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        accumulate_gradient(
            model,
            TokenCrossEntropy(),
            [collate(rows_source(), piece) for piece in whole()],
            named,
            settings=resolve(TrainConfig(precision="fp32", device="cpu"), model),
            processes=Processes(rank=0, world=1),
            place=place,
        )
        assert torch.equal(before, torch.get_rng_state())
        return named[0][1].grad

    assert torch.equal(gradient_at((0, 0), 1), gradient_at((0, 0), 2))
    assert not torch.equal(gradient_at((0, 0), 1), gradient_at((0, 1), 1))
    assert not torch.equal(gradient_at((0, 1), 1), gradient_at((1, 1), 1))
