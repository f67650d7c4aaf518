"""Numbers about the service for Prometheus; every label is a name that the service knows, none comes from a client."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
SIZES = (1, 2, 4, 8, 16, 32, 64)
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)


class Metrics:
    """The counters of one service, in a registry of their own: two services in one process do not mix."""

    def __init__(self, waiting: Callable[[], float]) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.requests = Counter(
            "companion_requests", "Requests by route and status.", ["route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "companion_request_seconds", "Time to answer.", ["route"], buckets=SECONDS, registry=registry
        )
        self.texts = Counter("companion_texts", "Texts that were answered.", ["model"], registry=registry)
        self.pieces = Counter("companion_pieces", "Word pieces that were read.", ["model"], registry=registry)
        self.batch = Histogram(
            "companion_batch_texts", "Texts computed at once.", ["model"], buckets=SIZES, registry=registry
        )
        self.scores = Histogram(
            "companion_score", "Score of each entity or label.", ["model"], buckets=SHARES, registry=registry
        )
        self.found = Counter("companion_found", "Entities or labels by type.", ["model", "type"], registry=registry)
        self.swaps = Counter("companion_model_swaps", "Times a model was replaced.", ["model"], registry=registry)
        waiting_texts = Gauge("companion_waiting_texts", "Texts in the queue.", registry=registry)
        waiting_texts.set_function(waiting)

    def saw(self, model: str, found: list[tuple[str, float]]) -> None:
        """Count what one text was answered with."""
        self.texts.labels(model).inc()
        for kind, score in found:
            self.found.labels(model, kind).inc()
            self.scores.labels(model).observe(score)

    def render(self) -> bytes:
        """All numbers in Prometheus' text format."""
        return generate_latest(self.registry)
