"""The probes, in the order in which they are asked; a new one is a file here and a line below."""

from companion.doctor.probe import Probe
from companion.doctor.probes import (
    absent_classes,
    baselines,
    contradictions,
    digits,
    dropout,
    duplicates,
    evaluation_randomness,
    ignored_positions,
    label_names,
    label_positions,
    learning_rate,
    micro_batches,
    padding,
    pickles,
    saved_model,
    scheme,
    trainable_parts,
    truncation,
    zero_grad,
)

PROBES: tuple[Probe, ...] = tuple(
    module.PROBE
    for module in (
        label_positions,
        ignored_positions,
        baselines,
        scheme,
        zero_grad,
        dropout,
        micro_batches,
        padding,
        evaluation_randomness,
        trainable_parts,
        learning_rate,
        duplicates,
        contradictions,
        absent_classes,
        truncation,
        label_names,
        saved_model,
        pickles,
        digits,
    )
)
"""All probes."""
