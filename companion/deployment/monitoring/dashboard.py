"""One page about a service, made from its own Prometheus numbers: no script, nothing from another host."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from companion.deployment.monitoring.canary import CanaryVerdict
from companion.deployment.monitoring.drift import DriftReport
from companion.errors import DataError, MissingDependencyError

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;color:CanvasText;"
    "background:Canvas;color-scheme:light dark}h2{border-bottom:1px solid GrayText}section{overflow-x:auto}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    "td,th{text-align:left;padding:.2rem .9rem .2rem 0;vertical-align:top}"
    "meter{width:min(10rem,24vw);height:1rem}.share{white-space:nowrap}.alarm{font-weight:700}.note{color:GrayText}"
)
Rows = list[tuple[Mapping[str, str], float]]


def dashboard_page(
    metrics: str | bytes, *, drift: DriftReport | None = None, canary: CanaryVerdict | None = None
) -> str:
    """HTML about a service, from what `GET /metrics` answered, and from reports where there are some.

    Every string of the numbers is escaped. Counters run since the service began: they say nothing about the last hour.

    Raises:
        DataError: this is not Prometheus' text format.
        MissingDependencyError: the extra `serve` is not installed.

    Taught in: book/engineering/watching
    """
    found = _samples(metrics)
    answers = [
        [labels.get("route", ""), labels.get("status", ""), f"{count:,.0f}"]
        for labels, count in found["companion_requests_total"]
        if count
    ]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width,initial-scale=1'>",
        f"<title>Service dashboard</title><style>{STYLE}</style><h1>Service dashboard</h1>",
        f"<p>{_sum(found['companion_texts_total']):,.0f} texts and {_sum(found['companion_pieces_total']):,.0f} word "
        f"pieces since the service began; {_sum(found['companion_waiting_texts']):,.0f} texts wait.</p>",
        _section("Requests", ["route", "status", "requests"], answers),
        _section("Time to answer", ["route", "requests", "half within", "95 % within"], _times(found)),
        _shares("Answers", found["companion_found_total"], "type"),
        _shares("Scores", _steps(found["companion_score_bucket"]), "le", note="score up to"),
        _drift(drift) if drift is not None else "",
        _canary(canary) if canary is not None else "",
        "</html>",
    ]
    return "".join(parts)


def quantile_bound(buckets: Iterable[tuple[float, float]], share: float) -> float:
    """The upper bound of the bucket that holds this quantile, from cumulative (upper bound, count) pairs.

    A histogram knows no more: what it says is "at most", and infinity above its last bound. NaN without a count.

    Taught in: book/engineering/watching
    """
    ordered = sorted(buckets)
    total = ordered[-1][1] if ordered else 0.0
    return next((bound for bound, count in ordered if count >= share * total), math.inf) if total else math.nan


def _samples(metrics: str | bytes) -> dict[str, Rows]:
    try:
        from prometheus_client.parser import text_string_to_metric_families
    except ImportError as error:
        raise MissingDependencyError(
            "prometheus_client is not installed", remedy='install the extra: pip install "finetuning-companion[serve]"'
        ) from error
    text = metrics.decode("utf-8", "replace") if isinstance(metrics, bytes) else metrics
    found: dict[str, Rows] = defaultdict(list)
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found[sample.name].append((sample.labels, sample.value))
    except (ValueError, KeyError, IndexError) as error:
        raise DataError("this is not Prometheus' text format", remedy="give what GET /metrics answers") from error
    return found


def _sum(rows: Rows) -> float:
    return sum(value for _, value in rows)


def _times(found: Mapping[str, Rows]) -> list[list[str]]:
    routes: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for labels, count in found["companion_request_seconds_bucket"]:
        routes[labels.get("route", "")].append((float(labels.get("le", "inf")), count))
    return [
        [route, f"{max(count for _, count in buckets):,.0f}", *(_seconds(buckets, share) for share in (0.5, 0.95))]
        for route, buckets in routes.items()
    ]


def _seconds(buckets: list[tuple[float, float]], share: float) -> str:
    bound = quantile_bound(buckets, share)
    return "–" if math.isnan(bound) else "more" if math.isinf(bound) else f"{bound:g} s"


def _steps(rows: Rows) -> Rows:
    """What each bucket holds by itself, model by model, from cumulative counts."""
    models: dict[str, list[tuple[float, Mapping[str, str], float]]] = defaultdict(list)
    for labels, count in rows:
        models[labels.get("model", "")].append((float(labels.get("le", "inf")), labels, count))
    steps: Rows = []
    for buckets in models.values():
        before = 0.0
        for _, labels, count in sorted(buckets, key=lambda one: one[0]):
            steps.append((labels, count - before))
            before = count
    return steps


def _shares(title: str, rows: Rows, label: str, *, note: str = "") -> str:
    totals: dict[str, float] = defaultdict(float)
    for labels, count in rows:
        totals[labels.get("model", "")] += count
    cells = []
    for labels, count in rows:
        model = labels.get("model", "")
        share = count / totals[model] if totals[model] else 0.0
        bar = f"<meter min=0 max=1 value={share:.4f}></meter>"
        cells.append(
            [model, labels.get(label, ""), f"{count:,.0f}", Raw(f"<span class=share>{bar} {share:.0%}</span>")]
        )
    return _section(title, ["model", note or label, "count", "share"], cells)


class Raw(str):
    """HTML of our own, which is not escaped again."""


def _section(title: str, names: list[str], rows: list[list[str]], note: str = "") -> str:
    head = "".join(f"<th scope=col>{escape(name)}" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{_cell(cell)}" for cell in row) + "</tr>" for row in rows)
    below = f"<p class=note>{escape(note)}</p>" if note else ""
    table = f"<table><tr>{head}</tr>{body}</table>" if rows else "<p class=note>nothing yet</p>"
    return f"<h2>{escape(title)}</h2><section>{table}{below}</section>"


def _cell(cell: Any) -> str:
    return cell if isinstance(cell, Raw) else escape(str(cell))


def _drift(report: DriftReport) -> str:
    rows = [
        [
            f"{window.start:,}–{window.end - 1:,}",
            f"{window.p_value:.3f}",
            Raw("<span class=alarm>▲ alarm</span>") if window.alarm else "ok",
            ", ".join(window.moved),
        ]
        for window in report.windows
    ]
    note = (
        f"Each window against {report.reference:,} rows; a window of unchanged traffic gives an alarm with probability "
        f"{report.false_alarms:g} at most."
    )
    return _section("Drift", ["rows", "p", "verdict", "moved"], rows, note)


def _canary(verdict: CanaryVerdict) -> str:
    rows = [
        ["answered differently", str(verdict.changed)],
        ["confidence, new minus former", f"{verdict.confidence:+.3f}"],
        ["quality, new minus former", f"{verdict.quality:+.3f}"],
    ]
    return _section(f"Canary: {verdict.decision}", ["measure", "value"], rows, verdict.reason)
