"""Cross-entropy as a sum and a count: against the definition by hand, and against every label that cannot be."""

from __future__ import annotations

import math

import pytest
import torch

from companion.errors import ConfigError, ObjectiveError
from companion.objectives import TokenCrossEntropy

LOGITS = torch.tensor(
    [[[2.0, 0.0, -1.0], [0.5, 0.5, 0.5], [9.0, 9.0, 9.0]], [[0.0, 3.0, 0.0], [1.0, 2.0, 3.0], [0.0] * 3]]
)
LABELS = torch.tensor([[0, 2, -100], [1, 0, -100]])


class Fixed(torch.nn.Module):
    """A model whose logits are given; it remembers what it was called with."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits, self.inputs = torch.nn.Parameter(logits), None

    def forward(self, **inputs):
        self.inputs = inputs
        return self.logits


def batch(labels=LABELS, part="labelled"):
    return {part: {"input_ids": torch.zeros_like(labels), "labels": labels}}


def by_hand(weights=(1.0, 1.0, 1.0), smoothing=0.0) -> float:
    total = 0.0
    for row, labels in zip(LOGITS.tolist(), LABELS.tolist(), strict=True):
        for logits, label in zip(row, labels, strict=True):
            if label == -100:
                continue
            log_sum = math.log(sum(math.exp(value) for value in logits))
            losses = [log_sum - value for value in logits]
            total += (1 - smoothing) * weights[label] * losses[label]
            total += smoothing / 3 * sum(weight * loss for weight, loss in zip(weights, losses, strict=True))
    return total


def test_it_is_a_sum_over_labelled_positions():
    objective, model = TokenCrossEntropy(), Fixed(LOGITS)
    assert objective.weights == {"supervised": 1.0}
    assert objective.counts(batch()) == {"supervised": 4.0}
    loss = objective(model, batch())["supervised"]
    assert loss.item() == pytest.approx(by_hand(), rel=1e-6)
    assert set(model.inputs) == {"input_ids"}, "the model must not compute a loss of its own"
    loss.backward()
    assert model.logits.grad[:, 2].abs().sum() == 0


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_class_weights_weigh_both_the_sum_and_the_count(smoothing):
    weights = (0.5, 2.0, 3.0)
    objective = TokenCrossEntropy(class_weights=weights, label_smoothing=smoothing)
    assert objective.counts(batch()) == {"supervised": 0.5 + 3.0 + 2.0 + 0.5}
    assert objective(Fixed(LOGITS), batch())["supervised"].item() == pytest.approx(
        by_hand(weights, smoothing), rel=1e-6
    )


def test_the_quotient_is_the_mean_of_pytorch():
    weights = torch.tensor([0.5, 2.0, 3.0])
    objective = TokenCrossEntropy(class_weights=weights.tolist())
    mean = objective(Fixed(LOGITS), batch())["supervised"] / objective.counts(batch())["supervised"]
    expected = torch.nn.functional.cross_entropy(LOGITS.reshape(-1, 3), LABELS.reshape(-1), weight=weights)
    assert mean.item() == pytest.approx(expected.item(), rel=1e-6)


def test_labels_belong_to_the_last_positions_when_a_prompt_lengthens_the_logits():
    prompt = torch.full((2, 4, 3), 50.0)
    longer = torch.cat([prompt, LOGITS], dim=1)
    objective = TokenCrossEntropy()
    assert objective(Fixed(longer), batch())["supervised"].item() == pytest.approx(by_hand(), rel=1e-6)


def test_one_label_a_row_is_read_the_same_way():
    labels = torch.tensor([0, 2])
    logits = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 0.5]])
    objective = TokenCrossEntropy(part="texts", term="topics", weight=2.0)
    assert objective.weights == {"topics": 2.0}
    assert objective.counts(batch(labels, "texts")) == {"topics": 2.0}
    expected = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
    assert objective(Fixed(logits), batch(labels, "texts"))["topics"].item() == pytest.approx(expected.item())


def test_another_part_counts_for_nothing():
    objective = TokenCrossEntropy()
    assert objective.counts(batch(part="texts")) == objective(Fixed(LOGITS), batch(part="texts")) == {}


def test_half_precision_logits_are_summed_in_full_precision():
    for dtype in (torch.bfloat16, torch.float16):
        loss = TokenCrossEntropy().from_logits(LOGITS.to(dtype), LABELS)
        assert loss.dtype == torch.float32
    assert TokenCrossEntropy().from_logits(LOGITS.double(), LABELS).dtype == torch.float64


def test_an_unlabelled_batch_costs_nothing_and_counts_nothing():
    nothing = torch.full_like(LABELS, -100)
    for objective in (TokenCrossEntropy(), TokenCrossEntropy(class_weights=[1, 2, 3])):
        assert objective.counts(batch(nothing)) == {"supervised": 0.0}
        assert objective(Fixed(LOGITS), batch(nothing))["supervised"].item() == 0.0


@pytest.mark.parametrize("label", [3, -1, 7, -101])
@pytest.mark.parametrize("weights", [None, [1.0, 1.0, 1.0]])
def test_a_label_outside_the_classes_is_refused(label, weights):
    labels = LABELS.clone()
    labels[0, 0] = label
    objective = TokenCrossEntropy(class_weights=weights)
    with pytest.raises(ObjectiveError, match="3 classes\n.*number the labels 0 to 2"):
        objective.counts(batch(labels))
        objective(Fixed(LOGITS), batch(labels))


def test_labels_that_are_no_whole_numbers_are_refused():
    with pytest.raises(ObjectiveError, match="float32"):
        TokenCrossEntropy().counts(batch(LABELS.float()))


@pytest.mark.parametrize("weight", [-1.0, math.nan, math.inf])
def test_impossible_weights_are_refused(weight):
    with pytest.raises(ConfigError, match="weight of 'supervised'"):
        TokenCrossEntropy(weight=weight)
    with pytest.raises(ConfigError, match="class_weights"):
        TokenCrossEntropy(class_weights=[1.0, weight])


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, math.nan])
def test_impossible_smoothing_is_refused(smoothing):
    with pytest.raises(ConfigError, match="label_smoothing"):
        TokenCrossEntropy(label_smoothing=smoothing)


@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0), (0.5, 2.0, 3.0)])
@pytest.mark.parametrize("gamma", [1.0, 2.0, 5.0])
def test_focal_loss_is_cross_entropy_weighed_by_what_is_missing(gamma, weights):
    expected = 0.0
    for row, labels in zip(LOGITS.tolist(), LABELS.tolist(), strict=True):
        for logits, label in zip(row, labels, strict=True):
            if label != -100:
                p = math.exp(logits[label]) / sum(math.exp(value) for value in logits)
                expected -= weights[label] * (1 - p) ** gamma * math.log(p)
    objective, model = TokenCrossEntropy(focal_gamma=gamma, class_weights=weights), Fixed(LOGITS)
    loss = objective(model, batch())["supervised"]
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    loss.backward()
    assert model.logits.grad[:, 2].abs().sum() == 0
    assert objective.counts(batch()) == TokenCrossEntropy(class_weights=weights).counts(batch())


@pytest.mark.parametrize("logit", [0.0, 20.0, 110.0, 1e4])
def test_focal_loss_is_finite_where_the_model_is_sure(logit):
    logits = torch.tensor([[logit, 0.0]], requires_grad=True)
    for label in (0, 1):
        [gradient] = torch.autograd.grad(
            TokenCrossEntropy(focal_gamma=1.0).from_logits(logits, torch.tensor([label])), logits
        )
        assert gradient.isfinite().all()


@pytest.mark.parametrize("gamma", [-1.0, 0.5, math.nan, math.inf])
def test_impossible_focal_exponents_are_refused(gamma):
    with pytest.raises(ConfigError, match="focal_gamma"):
        TokenCrossEntropy(focal_gamma=gamma)
    with pytest.raises(ConfigError, match="both"):
        TokenCrossEntropy(focal_gamma=2.0, label_smoothing=0.1)


def test_too_few_class_weights_are_refused_before_the_loss():
    with pytest.raises(ObjectiveError, match="2 class_weights, but the model has 3 classes"):
        TokenCrossEntropy(class_weights=[1.0, 1.0])(Fixed(LOGITS), batch(LABELS.clamp(max=1)))


def test_its_text_names_every_setting():
    texts = {
        repr(TokenCrossEntropy(**settings))
        for settings in (
            {},
            {"part": "texts"},
            {"term": "topics"},
            {"weight": 2.0},
            {"class_weights": [1.0, 2.0]},
            {"class_weights": [1.0, 3.0]},
            {"label_smoothing": 0.1},
            {"focal_gamma": 2.0},
        )
    }
    assert len(texts) == 8
    assert all("0x" not in text for text in texts)
