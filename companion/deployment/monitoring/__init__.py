"""Watching a model in service: what its traffic and its answers look like, and whether that has changed."""

from companion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "canary": ("CanaryVerdict", "judge_canary"),
        "dashboard": ("dashboard_page",),
        "drift": ("DriftMonitor", "DriftReport", "WindowVerdict"),
        "observations": ("Observation", "observe"),
        "stability": ("bin_codes", "population_stability"),
    },
)
