"""The measured experiments by name."""

from __future__ import annotations

import importlib
from types import ModuleType

from companion.errors import ConfigError

NAMES = (
    "default-recipe",
    "label-audit",
    "label-arms",
    "corpus-baselines",
    "originality",
    "saturation",
    "decay-against-l2",
    "learning-rate-sweep",
    "what-pretraining-buys",
    "two-hundred-labels",
    "search-table",
    "stopping-noise",
    "public-texts",
    "sentiment-learning-curve",
    "pooling-arms",
    "forensics-trial",
    "interval-coverage",
    "speed-profile",
    "constrained-rates",
    "constrained-methods",
    "constrained-costs",
    "continual",
    "language-head",
    "lambda-front",
    "hybrid-newsroom",
    "multi-task",
    "task-adaptive",
    "domain-adaptive",
    "few-labels-regularisers",
    "augmentation-arms",
    "adversarial-arms",
    "ensembles",
    "prompting-arms",
    "answer-loss",
    "attribution",
    "compression",
)


def find(name: str) -> ModuleType:
    """The module of an experiment, which has `run(profile, root, say)`.

    Raises:
        ConfigError: there is no such experiment, with the names there are.
    """
    if name not in NAMES:
        raise ConfigError(f"no experiment {name!r}", remedy=f"choose one of {', '.join(NAMES)}")
    return importlib.import_module(f"companion.experiments.{name.replace('-', '_')}")
