"""The λ front: same judged names in both worlds, the text of the old one without them, plain fine-tuning at λ = 0."""

from __future__ import annotations

import copy

import pytest

from companion.corpora.microlanguage import MicroLanguage
from companion.experiments import lambda_front
from companion.experiments.hybrid_arms import HEAD_ALONE, fit_arm
from companion.experiments.lambda_front import bare, judged, late_names, measure, pretrained
from companion.tasks.masked_lm import MaskedLMTask
from companion.tasks.tokens import TokenTask

WORLD = MicroLanguage(seed=0)


def test_the_judged_names_are_never_labelled_and_only_the_new_world_lacks_them():
    late = late_names(WORLD)
    assert len(late) == 4 * 26
    rows = judged(WORLD, 50)
    assert len(rows) == 50
    assert {row.meta["name"] for row in rows} <= late
    assert not {row.meta["name"] for row in WORLD.corpus(train=64, dev=1, test=1).train} & late


def test_the_fast_profile_measures_plain_and_joint_in_both_worlds(tmp_path):
    cells = lambda_front.run("fast", tmp_path, say=lambda line: None)
    assert [tuple(cell.factors.values()) for cell in cells] == [
        (world, "joint", weight, 0) for world in ("read", "new") for weight in (0.0, 1.0)
    ]
    plain, joint = cells[0].result, cells[1].result
    assert joint["word_pieces"] > 2 * plain["word_pieces"]
    assert plain["loss_before"] == joint["loss_before"]
    assert plain["loss"] != joint["loss"]


@pytest.mark.parametrize("arm", ["longer", "frozen-30", "sequence"])
def test_the_other_arms_are_what_they_say(arm):
    found = measure(world="read", arm=arm, weight=0.0, seed=0, full=False)
    plain = measure(world="read", arm="joint", weight=0.0, seed=0, full=False)
    if arm in HEAD_ALONE:
        assert found["loss"] == found["loss_before"]
        assert found["word_pieces"] == plain["word_pieces"]
    else:
        joint = measure(world="read", arm="joint", weight=1.0, seed=0, full=False)
        assert abs(found["word_pieces"] - joint["word_pieces"]) < 300


def test_each_head_alone_moves_by_its_own_rate():
    encoder, language = bare(0), MicroLanguage(seed=0)
    corpus = language.corpus(train=8, dev=1, test=1)
    tagging, masking = TokenTask(corpus.labels, encoder), MaskedLMTask(encoder)
    sources = tagging.batches(corpus.train, batch_size=8), masking.batches(language.text(8), batch_size=8)
    first, moved = tagging.model(seed=0), {}
    for arm in HEAD_ALONE:
        tagger = copy.deepcopy(first)
        models = tagger, masking.model(seed=0)
        fit_arm(arm, 0.0, models=models, sources=sources, objective=tagging.objective, steps=1, rate=1e-4, seed=0)
        moved[arm] = {
            name: float((new - old).detach().abs().max())
            for (name, new), old in zip(tagger.named_parameters(), first.parameters(), strict=True)
        }
    for arm, times in HEAD_ALONE.items():
        assert [name for name, size in moved[arm].items() if size] == ["classifier.weight", "classifier.bias"]
        # The first step of Adam is the learning rate, whatever the gradient's size.
        assert moved[arm]["classifier.bias"] == pytest.approx(times * moved["frozen"]["classifier.bias"], rel=1e-2)


def test_measuring_leaves_the_shared_pretrained_model_as_it_was():
    before = {name: tensor.clone() for name, tensor in pretrained("read", 0, 2).state_dict().items()}
    measure(world="read", arm="sequence", weight=1.0, seed=0, full=False)
    after = pretrained("read", 0, 2).state_dict()
    assert all(bool((after[name] == tensor).all()) for name, tensor in before.items())
