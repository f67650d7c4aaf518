"""Hybrid on Newsroom: market sentences that no training saw, and a language judge that no text arm reads."""

from __future__ import annotations

from companion.experiments import hybrid_newsroom
from companion.experiments.hybrid_newsroom import LABELLED, of_topic
from companion.experiments.language_head import sides
from companion.experiments.sentiment_learning_curve import stratified_draw


def test_training_and_judging_share_no_sentence():
    rows = {text.text for text in stratified_draw(of_topic("train"), LABELLED, 0)}
    judged = {text.text for split in ("dev", "test") for text in of_topic(split)}
    assert len(rows) == LABELLED
    assert len(judged) > 90
    assert not rows & judged
    read = set(sides("markets").train)
    assert read < set(sides().train)
    assert not read & ({*sides().held_out} | judged)


def test_the_fast_profile_measures_plain_and_joint(tmp_path):
    plain, joint = hybrid_newsroom.run("fast", tmp_path, say=lambda line: None)
    assert [cell.factors["weight"] for cell in (plain, joint)] == [0.0, 1.0]
    assert plain.result["loss_before"] == joint.result["loss_before"]
    assert joint.result["word_pieces"] > 1.5 * plain.result["word_pieces"]
    assert plain.result["judged"] == joint.result["judged"] == 8
