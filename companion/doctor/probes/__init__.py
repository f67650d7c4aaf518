"""The probes, in the order in which they are asked; a new one is a file here and a line below."""

from companion.doctor.probe import Probe
from companion.doctor.probes import (
    absent_classes,
    baselines,
    best_checkpoint,
    contradictions,
    digits,
    dropout,
    duplicates,
    empty_words,
    epoch_mean,
    evaluation_randomness,
    few_rows,
    ignored_positions,
    label_names,
    label_positions,
    learning_rate,
    micro_batches,
    not_finite,
    padding,
    pickles,
    processes,
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
        processes,
        epoch_mean,
        not_finite,
        padding,
        evaluation_randomness,
        trainable_parts,
        few_rows,
        learning_rate,
        duplicates,
        contradictions,
        absent_classes,
        truncation,
        empty_words,
        label_names,
        saved_model,
        best_checkpoint,
        pickles,
        digits,
    )
)
"""All probes.

Taught in: book/engineering/a-second-opinion
"""
