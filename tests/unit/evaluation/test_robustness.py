"""The same test made harder: clean first, every condition against it, and an attack that writes no weight."""

from __future__ import annotations

import copy

import pytest
import torch

from companion.corpora import Sentence, Text, Typos, corrupt
from companion.errors import ConfigError, EvaluationError
from companion.evaluation import UnderAttack, measure_robustness
from companion.evaluation.robustness import NOISES
from companion.models import Ensemble, mini_encoder
from companion.objectives import FGM, PGD, perturbed
from companion.tasks import TextTask, TokenTask
from companion.training import TrainConfig, train
from tests.tiny import digest

PLACES = ("Garrow", "Lantern", "Rivers", "Norwick")
WORDS = ("the", "ship", "left", "for", "again", "report", "people", "called", *map(str.lower, PLACES), *PLACES)


def sentences(count=24):
    rows = []
    for number in range(count):
        place = PLACES[number % 4]
        words = ("the", "people", "left", place, "again")[number % 2 :]
        rows.append(Sentence(words=words, tags=tuple("B-LOC" if word == place else "O" for word in words)))
    return rows


def fitted(task, rows):
    model = task.model(seed=0)
    config = TrainConfig(epochs=12, learning_rate=3e-3, precision="fp32", device="cpu", progress=False)
    return train(model, task.batches(rows, batch_size=8), task.objective, config, say=lambda line: None).model


@pytest.fixture(scope="module")
def encoder():
    return mini_encoder(WORDS, width=16, layers=1, heads=2, dropout=0.0)


@pytest.fixture(scope="module")
def tagger(encoder):
    task = TokenTask(("O", "B-LOC", "I-LOC"), encoder)
    return task, fitted(task, sentences())


def test_a_tagger_under_noise_and_attack(tagger):
    task, model = tagger
    before = digest(model.state_dict())
    found = measure_robustness(model, task, sentences(12), attack=20.0, bootstrap=50)
    assert list(found.reports) == ["clean", *NOISES, "attack"]
    assert list(found.differences) == [*NOISES, "attack"]
    assert found.metric == "entity_f1"
    assert found.score("clean").mean == 1.0
    for name, difference in found.differences.items():
        assert difference.mean == pytest.approx(found.score(name).mean - 1.0)
        assert difference.low <= difference.mean <= difference.high
    # The vocabulary knows no capitals but those of places: in capitals every word is unknown.
    assert found.score("upper").mean < 1.0
    assert found.score("attack").mean < 0.7
    assert digest(model.state_dict()) == before
    assert not model.training
    assert "minus clean" in str(found)
    assert str(found).count("\n") == 5
    with pytest.raises(EvaluationError, match="no condition 'rain'"):
        found.score("rain")
    assert measure_robustness(model, task, sentences(12), attack=20.0, bootstrap=50) == found


def test_a_stronger_attack_hurts_at_least_as_much_and_a_weak_one_not_at_all(tagger):
    task, model = tagger
    scores = [
        measure_robustness(model, task, sentences(12), noises={}, attack=attack, bootstrap=0).score("attack").mean
        for attack in (1e-6, 5.0, PGD(task.objective, epsilon=20.0, steps=4))
    ]
    assert scores[0] == 1.0
    assert scores[0] >= scores[1] >= scores[2]


def test_a_classifier_and_an_ensemble(encoder):
    rows = [
        Text(text=f"the ship {verb} for {place}", label=label)
        for place in PLACES
        for verb, label in (("left", "go"), ("called", "say"))
    ]
    task = TextTask(("go", "say"), encoder)
    model = fitted(task, rows)
    for one in (model, Ensemble([model, copy.deepcopy(model)])):
        found = measure_robustness(one, task, rows, noises={"typos": Typos(share=1.0)}, attack=30.0, bootstrap=20)
        assert found.metric == "accuracy"
        assert found.score("clean").mean == 1.0
        assert found.score("attack").mean < 1.0
        assert list(found.reports) == ["clean", "typos", "attack"]
    alone = measure_robustness(model, task, rows, noises={}, attack=None, bootstrap=0)
    assert list(alone.reports) == ["clean"]
    assert alone.differences == {}


def test_the_attack_is_the_one_that_training_uses(tagger):
    """By hand: move the vectors of one row, and read the logits."""
    task, model = tagger
    rows = sentences(1)
    attack, source = FGM(task.objective, epsilon=2.0), task.batches(rows)
    batch = source.collate("labelled", [0])
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    table = model.bert.embeddings.word_embeddings
    moved = attack.perturbation(model, {"labelled": batch})
    attacked = UnderAttack(model, attack, source)
    with torch.inference_mode():
        under = attacked(**inputs).logits
    handle = table.register_forward_hook(lambda module, given, output: output + moved)
    with torch.no_grad():
        by_hand = model(**inputs).logits
    handle.remove()
    torch.testing.assert_close(under, by_hand)
    assert attacked.config is model.config
    stranger = {name: tensor[:, :3] for name, tensor in inputs.items()}
    with pytest.raises(EvaluationError, match="no right label for a row"):
        attacked(**stranger)


def test_equal_texts_with_different_labels_are_each_attacked_on_their_own(encoder):
    """What is asked of the attack are rows of pieces; which of the equal ones is meant follows from their order."""
    task = TextTask(("go", "say"), encoder)
    said = ["the ship left", "the ship left for the harbour today", "the ship left"]
    rows = [Text(text=text, label=label) for text, label in zip(said, ("go", "say", "say"), strict=True)]
    model, source = task.model().eval(), task.batches(rows)
    attack = FGM(task.objective, epsilon=5.0)
    by_hand = []
    for place in range(3):
        batch = source.collate("labelled", [place])
        moved = attack.perturbation(model, {"labelled": batch})
        with torch.no_grad(), perturbed(model, moved):
            by_hand.append(model(batch["input_ids"], batch["attention_mask"]).logits[0])
    assert not torch.allclose(by_hand[0], by_hand[2])
    attacked = UnderAttack(model, attack, source)
    for _ in range(2):
        found = [prediction.probabilities for prediction in task.predict(attacked, rows)]
        for one, logits in zip(found, by_hand, strict=True):
            assert one == pytest.approx(logits.softmax(-1).tolist(), abs=1e-6)


def test_noise_is_the_same_for_every_model_and_keeps_every_row():
    rows = sentences(12)
    assert corrupt(rows, NOISES["typos"], seed=3) == corrupt(rows, NOISES["typos"], seed=3)
    assert [row.tags for row in corrupt(rows, NOISES["upper"])] == [row.tags for row in rows]


def test_what_it_refuses(tagger, encoder):
    task, model = tagger
    with pytest.raises(ConfigError, match="called 'clean'"):
        measure_robustness(model, task, sentences(2), noises={"clean": Typos()})
    with pytest.raises(ConfigError, match="'multi'"):
        measure_robustness(model, TextTask(("a", "b"), encoder, kind="multi"), [])
    with pytest.raises(EvaluationError, match="no sentence"):
        measure_robustness(model, task, [])
