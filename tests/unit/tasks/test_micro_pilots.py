"""Two experiments on the micro-language, asserted by their ordering.

What masked-language pre-training buys for names that are never labelled, and what training in sequence forgets.
"""

import pytest

import companion
from companion import MaskedLMTask, MicroLanguage, TokenTask, TrainConfig, mini_encoder
from companion.training import train

FIRST, SECOND = ("PER", "LOC"), ("ORG", "PROD")
SEED = 0


def quiet(line: str) -> None:
    """Say nothing."""


def settings(seed: int, **more) -> TrainConfig:
    return TrainConfig(**{"precision": "fp32", "device": "cpu", "seed": seed, "learning_rate": 3e-3, **more})


@pytest.fixture(scope="module")
def world():
    """A world, a fresh encoder, and the same encoder after 800 updates of masked-language training."""
    seed = SEED
    language = MicroLanguage(seed=seed)
    fresh = mini_encoder(language.vocabulary, dropout=0.0)
    task = MaskedLMTask(fresh, share=0.3)
    evaluate = task.evaluator(language.text(200, purpose="held out"))
    start = task.model(seed=seed)
    before = evaluate(start)["masked_lm_loss"]
    batches = task.batches(language.text(4000), batch_size=64)
    run = train(start, batches, task.objective, settings(seed, epochs=40, max_updates=800), say=quiet)
    assert evaluate(run.model)["masked_lm_loss"] < before - 2.0
    return seed, language, fresh, fresh.with_body(run.model)


def tuned(seed, task, sentences, model=None):
    model = task.model(seed=seed) if model is None else model
    return train(model, task.batches(sentences), task.objective, settings(seed, epochs=5), say=quiet).model


def f1(model, task, sentences) -> float:
    return companion.evaluate(model, task, sentences, bootstrap=0).entity_f1 or 0.0


def test_pre_training_finds_names_that_were_never_labelled(world) -> None:
    seed, language, fresh, pretrained = world
    corpus = language.corpus(test=200)
    scores = {}
    for name, encoder in (("scratch", fresh), ("pre-trained", pretrained)):
        task = TokenTask(corpus.labels, encoder)
        model = tuned(seed, task, corpus.train)
        assert f1(model, task, corpus.train) > 0.95, "both learn the labelled names"
        scores[name] = f1(model, task, corpus.test)
    assert scores["scratch"] < 0.3 and scores["pre-trained"] > 0.8, scores


def test_training_in_sequence_forgets_and_training_together_does_not(world) -> None:
    seed, language, _, pretrained = world
    task = TokenTask(language.corpus(train=2, dev=2, test=2).labels, pretrained)
    learn = {types: language.sentences(300, types=types) for types in (FIRST, SECOND)}
    held = {types: language.sentences(150, purpose="test", types=types, names="all") for types in (FIRST, SECOND)}
    model = tuned(seed, task, learn[FIRST])
    before = f1(model, task, held[FIRST])
    model = tuned(seed, task, learn[SECOND], model)
    after, second = f1(model, task, held[FIRST]), f1(model, task, held[SECOND])
    joint = tuned(seed, task, [*learn[FIRST], *learn[SECOND]])
    assert before > 0.85 and second > 0.85, (before, second)
    assert after < 0.15, after
    assert min(f1(joint, task, held[FIRST]), f1(joint, task, held[SECOND])) > 0.85
