"""A canary's three decisions, and a page that escapes what it is given."""

import math
from dataclasses import replace

import pytest

import companion
from companion.deployment.monitoring import DriftMonitor, Observation, dashboard_page, judge_canary
from companion.deployment.monitoring.dashboard import quantile_bound
from companion.deployment.service.metrics import Metrics
from companion.errors import ConfigError, DataError
from companion.evaluation import score_labels, score_numbers


def reports(wrong_before, wrong_after, rows=400):
    gold = ["a", "b"] * (rows // 2)

    def said(wrong):
        return [("b" if label == "a" else "a") if n < wrong else label for n, label in enumerate(gold)]

    return [score_labels(gold, said(wrong), bootstrap=200) for wrong in (wrong_before, wrong_after)]


def observed(report, confidence=0.9):
    return [
        Observation(words=5, pieces=6, unknown=0, confidence=confidence, answer=(label,)) for label in report.predicted
    ]


def verdict(before, after, **options):
    former, new = reports(before, after)
    compared = companion.compare(former, new, resamples=200)
    return judge_canary(observed(former), observed(new, 0.95), compared, resamples=200, **options)


def test_three_decisions():
    assert verdict(20, 20).decision == "promote"
    assert verdict(20, 80).decision == "roll back"
    unsure = verdict(20, 27)
    assert unsure.decision == "go on"
    assert unsure.changed.mean == pytest.approx(7 / 400)
    assert unsure.confidence.mean == pytest.approx(0.05)
    assert "go on" in str(unsure)
    assert unsure.to_dict()["margin"] == 0.02


def test_the_sabotaged_rule_would_promote_what_is_worse():
    """The twin: a rule that asks whether the difference is significant takes "not shown" for "not worse"."""
    unsure = verdict(20, 22, margin=0.0)
    assert unsure.quality.mean < 0
    assert unsure.decision != "promote"


def test_what_cannot_be_compared_is_refused():
    former, new = reports(20, 20)
    compared = companion.compare(former, new, resamples=50)
    rows = observed(former)
    with pytest.raises(ConfigError):
        judge_canary(rows, rows, compared, margin=-0.1)
    with pytest.raises(DataError):
        judge_canary(rows, rows[1:], compared)
    with pytest.raises(DataError):
        judge_canary(rows, [replace(one, words=6) for one in rows], compared)
    numbers = score_numbers([1.0, 2.0, 3.0], [1.0, 2.0, 2.0])
    with pytest.raises(ConfigError):
        judge_canary(rows, rows, companion.compare(numbers, numbers, resamples=50))


def served():
    metrics = Metrics(lambda: 3.0)
    metrics.requests.labels("/predict", "200").inc(40)
    metrics.seconds.labels("/predict").observe(0.004)
    metrics.saw("mood", [("good<script>alert(1)</script>", 0.97)])
    metrics.saw("mood", [("bad", 0.55)])
    return metrics.render()


def test_the_page_shows_the_service_and_escapes_it():
    former, _ = reports(20, 80)
    monitor = DriftMonitor(reference=observed(former)[:60], window=20, permutations=99, false_alarms=0.01)
    page = dashboard_page(served(), drift=monitor.watch(observed(former, 0.2)[:40]), canary=verdict(20, 80))
    assert "2 texts" in page
    assert "3 texts wait" in page
    assert "0.005 s" in page
    assert "▲ alarm" in page
    assert "Canary: roll back" in page
    assert "good&lt;script&gt;" in page
    assert "<script" not in page
    assert "http" not in page, "nothing is fetched from elsewhere"
    assert page.count("<meter") == 2 + 13


def test_an_empty_service_has_a_page_too():
    page = dashboard_page(Metrics(lambda: 0.0).render())
    assert "nothing yet" in page
    with pytest.raises(DataError):
        dashboard_page('companion_texts_total{model="a} 1 2 3 x\n')


def test_a_quantile_of_a_histogram_is_a_bound():
    assert quantile_bound([(0.1, 50), (1.0, 99), (math.inf, 100)], 0.95) == 1.0
    assert quantile_bound([(0.1, 50), (math.inf, 100)], 0.95) == math.inf
    assert math.isnan(quantile_bound([], 0.5))
