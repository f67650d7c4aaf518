"""Calibration: errors by hand, scikit-learn and scipy as witnesses, and a temperature that finds what was hidden."""

import numpy as np
import pytest
import torch

from companion.errors import EvaluationError
from companion.evaluation import apply_temperature, calibration_report, fit_temperature, wilson_interval
from companion.evaluation.calibration import expected_calibration_error
from companion.evaluation.ranking import auroc, rank_of
from companion.evaluation.rejection import cost_curve


def answers(rows: int = 4000, labels: int = 3, sharpness: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose softmax at temperature `sharpness` is exactly how the right labels were drawn."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(rows, labels)) * 2
    truth = apply_temperature(logits, 1.0)
    gold = (generator.random(rows)[:, None] > truth.cumsum(1)).sum(1)
    return logits * sharpness, gold


def test_the_error_by_hand():
    probabilities = [[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]]
    report = calibration_report(probabilities, [0, 1, 0, 1], bins=2)
    # One bin of equal width, (0.5, 1]: accuracy 3 / 4, confidence 3 / 4.
    assert report.error == pytest.approx(0.0)
    # Two of equal mass: {0.6, 0.6} is always right, {0.9, 0.9} half of the time.
    assert report.error_equal_mass == pytest.approx(0.4)
    assert (report.accuracy, report.confidence, report.n, len(report.bins)) == (0.75, pytest.approx(0.75), 4, 1)
    assert report.brier == pytest.approx((2 * 0.01 + 2 * 0.81 + 2 * 0.16 * 2) / 4)


def test_brier_and_loss_are_scikit_learns():
    from sklearn.metrics import brier_score_loss, log_loss

    logits, gold = answers(500)
    probabilities = apply_temperature(logits, 1.0)
    report = calibration_report(probabilities, gold)
    assert report.loss == pytest.approx(log_loss(gold, probabilities), abs=1e-12)
    two = apply_temperature(logits[:, :2], 1.0)
    binary = (gold > 0).astype(int)
    assert calibration_report(two, binary).brier == pytest.approx(2 * brier_score_loss(binary, two[:, 1]), abs=1e-12)


def test_bins_hold_every_answer_once_and_edges_belong_below():
    report = calibration_report([[0.5, 0.5], [0.6, 0.4], [1.0, 0.0], [0.6001, 0.3999]], [0, 0, 0, 0], bins=5)
    assert [(one.low, one.count) for one in report.bins] == [(0.4, 2), (0.6, 1), (0.8, 1)]
    assert sum(one.count for one in report.bins) == report.n
    # 0.7 · 10 is a little more than 7 in floating point; the answer belongs to (0.6, 0.7] all the same.
    edge = calibration_report([[0.7, 0.3], [0.71, 0.29]], [0, 0], bins=10)
    assert [(one.high, one.count) for one in edge.bins] == [(0.7, 1), (0.8, 1)]
    assert len(calibration_report([[0.5, 0.5], [1.0, 0.0]], [0, 0], bins=1).bins) == 1


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.5])
def test_the_temperature_that_was_hidden_is_found(sharpness):
    logits, gold = answers(sharpness=sharpness)
    found = fit_temperature(logits, gold)
    assert found.value == pytest.approx(sharpness, rel=0.06) and not found.at_bound
    assert found.loss_after <= found.loss_before
    if sharpness == 2.5:
        before = calibration_report(apply_temperature(logits, 1.0), gold)
        after = calibration_report(apply_temperature(logits, found), gold)
        assert before.error > 0.08 and after.error < 0.03, "without this the temperature would do nothing"
        assert before.accuracy == after.accuracy


def test_the_search_is_scipys():
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    logits, gold = answers(300, sharpness=3.0, seed=2)
    rows = np.arange(len(gold))
    best = minimize_scalar(
        lambda t: -log_softmax(logits / t, axis=1)[rows, gold].mean(), bounds=(0.05, 20), method="bounded"
    )
    assert fit_temperature(logits, gold).value == pytest.approx(best.x, rel=1e-3)


def test_perfect_answers_have_no_best_temperature_and_it_says_so():
    assert fit_temperature([[3.0, 0.0], [0.0, 3.0]], [0, 1]).at_bound
    assert fit_temperature([[3.0, 0.0], [0.0, 3.0]], [1, 0]).at_bound


def test_log_probabilities_and_tensors_are_logits_too():
    logits, gold = answers(200, sharpness=2.0)
    log_p = torch.tensor(logits).log_softmax(-1)
    assert fit_temperature(log_p, torch.tensor(gold)).value == pytest.approx(fit_temperature(logits, gold).value)


@pytest.mark.parametrize(("right", "n"), [(0, 10), (3, 10), (10, 10), (173, 346)])
def test_wilsons_interval_is_scipys(right, n):
    from scipy.stats import binomtest

    expected = binomtest(right, n).proportion_ci(method="wilson")
    interval = wilson_interval(right, n)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: calibration_report([], []), "shape"),
        (lambda: calibration_report([[1.0]], [0]), "two labels"),
        (lambda: calibration_report([[0.5, 0.6]], [0]), "no probabilities"),
        (lambda: calibration_report([[1.5, -0.5]], [0]), "no probabilities"),
        (lambda: calibration_report([[0.5, 0.5]], [2]), "outside 0 to 1"),
        (lambda: calibration_report([[0.5, 0.5]], [0, 1]), "1 rows"),
        (lambda: calibration_report([[0.5, 0.5]], [0.0]), "kind"),
        (lambda: calibration_report([[0.5, 0.5]], [0], bins=0), "bins is 0"),
        (lambda: fit_temperature([[float("nan"), 0.0]], [0]), "finite"),
        (lambda: apply_temperature([[1.0, 0.0]], 0.0), "temperature is 0"),
        (lambda: wilson_interval(0, 0), "0 of 0"),
    ],
)
def test_what_cannot_be_judged_is_refused(call, message):
    with pytest.raises(EvaluationError, match=message):
        call()


def test_it_prints_every_bin():
    logits, gold = answers(300)
    report = calibration_report(apply_temperature(logits, 1.0), gold)
    assert str(report).count(" to ") == len(report.bins)


def test_the_error_from_confidences_alone() -> None:
    # Two answers at 0.95 of which one is right, two at 0.55 of which both are: gaps 0.45 and 0.45.
    assert expected_calibration_error([0.95, 0.95, 0.55, 0.55], [True, False, True, True], bins=10) == pytest.approx(
        0.45
    )
    assert expected_calibration_error([1.0, 1.0], [True, True]) == 0.0
    confidences = np.random.default_rng(0).uniform(0.3, 1.0, 20_000)
    drawn = np.random.default_rng(1).uniform(size=20_000)
    assert expected_calibration_error(confidences, drawn < confidences) < 0.02
    assert expected_calibration_error(confidences, drawn < confidences**2) > 0.1
    for wrong in (([0.5], []), ([], []), ([1.5], [True]), ([np.nan], [True])):
        with pytest.raises(EvaluationError, match="confidences of shape"):
            expected_calibration_error(*wrong)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float32])
def test_tensors_will_do_whatever_their_type_and_with_a_gradient(kind):
    logits, gold = torch.tensor([[2.0, 0.5], [0.25, 1.0]], dtype=kind, requires_grad=True), torch.tensor([0, 1])
    plain = [[2.0, 0.5], [0.25, 1.0]]
    assert fit_temperature(logits, gold) == fit_temperature(plain, [0, 1])
    assert np.array_equal(apply_temperature(logits, 2.0), apply_temperature(plain, 2.0))
    half = torch.tensor([[0.75, 0.25], [0.5, 0.5]], dtype=kind, requires_grad=True)
    assert calibration_report(half, gold) == calibration_report(half.tolist(), [0, 1])
    assert expected_calibration_error(half[:, 0], gold == 0) == expected_calibration_error([0.75, 0.5], [True, False])
    assert auroc(logits.flatten(), [1, 0, 0, 1]) == auroc([2.0, 0.5, 0.25, 1.0], [1, 0, 0, 1])
    assert rank_of(logits.flatten(), 0) == rank_of([2.0, 0.5, 0.25, 1.0], 0)
    costs = {"wrong": 2.0, "handover": 1.0}
    assert cost_curve(half[:, 0], gold == 0, **costs) == cost_curve([0.75, 0.5], [True, False], **costs)
