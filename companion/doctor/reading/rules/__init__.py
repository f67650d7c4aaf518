"""The rules, in the order in which they are asked; a new one is a function in a file here and a line below."""

from companion.doctor.reading.rule import Rule
from companion.doctor.reading.rules import (
    files,
    inputs,
    labels,
    libraries,
    modes,
    names,
    removed,
    schedules,
    scores,
    settings,
    splits,
    updates,
)

MODULES = (updates, schedules, modes, labels, scores, libraries, splits, inputs, settings, names, removed, files)
RULES: tuple[Rule, ...] = tuple(rule for module in MODULES for rule in module.RULES)
"""All rules.

Taught in: book/engineering/a-second-opinion
"""
