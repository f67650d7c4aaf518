"""Answers are those of the predictor, bit for bit and in any company; models are swapped and share what is equal."""

from __future__ import annotations

import random
from dataclasses import asdict
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import companion
from companion.deployment.service import ModelRegistry, ServedModel
from companion.deployment.service.invariance import SameBits
from companion.deployment.service.models import TextTooLong, share_weights
from companion.errors import ConfigError, DataError, ModelError
from companion.tasks.inference import predict_tags
from tests.faults.service import make_folder
from tests.tokenizers import NAMES, PLACES, VERBS


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def folder(root):
    return make_folder(root, "one")


@pytest.fixture(scope="module")
def classifier(root, folder):
    task = companion.TextTask(("bad", "good"), companion.load_encoder(str(root / "body")), max_length=20)
    return task.export(task.model(seed=1), root / "classifier")


@pytest.fixture(scope="module")
def texts():
    draw = random.Random(0)
    made = [
        " ".join(
            f"{draw.choice(NAMES)} {draw.choice(VERBS)} {draw.choice(PLACES)} ." for _ in range(draw.choice((1, 1, 2)))
        )
        for _ in range(40)
    ]
    return [*made, "", "a", "Wolfsburg left . " * 40, "\t", *made[:3]]


def test_answers_are_the_predictors_in_any_company(folder, texts):
    predictor, served = companion.load(folder), ServedModel("one", folder)
    alone = [{"entities": [asdict(entity) for entity in predictor.predict(text)]} for text in texts]
    assert sum(len(answer["entities"]) for answer in alone) > 40
    draw = random.Random(1)
    for size in (1, 2, 3, 7, 16):
        prepared = [served.prepare(text) for text in texts]
        groups: dict[object, list[int]] = {}
        for place in draw.sample(range(len(texts)), len(texts)):
            groups.setdefault(prepared[place].key, []).append(place)
        found = {}
        for places in groups.values():
            for start in range(0, len(places), size):
                batch = places[start : start + size]
                found |= dict(zip(batch, served.answer([prepared[place] for place in batch]), strict=True))
        assert [found[place] for place in range(len(texts))] == alone
    assert served._model.proved, "some rows shared a batch"


def test_padding_would_change_bits(folder, texts):
    predictor = companion.load(folder)
    prepared = [ServedModel("one", folder).prepare(text) for text in texts[:12]]
    together = predict_tags(
        predictor.model,
        [text.alignment for text in prepared],
        predictor.labels,
        pad_token_id=predictor.task.pad_token_id,
    )
    alone = [predictor.tag([[text.text[start:end] for start, end in text.spans]])[0] for text in prepared]
    assert [one.scores for one in together] != [one.scores for one in alone]


class Jittery(nn.Module):
    """Sabotage: a model whose rows of three pieces depend on how many there are."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []
        self.place = nn.Parameter(torch.zeros(1))

    def forward(self, input_ids, attention_mask):
        self.shapes.append(tuple(input_ids.shape))
        extra = 1e-7 * len(input_ids) if input_ids.shape[1] == 3 else 0.0
        return SimpleNamespace(logits=input_ids.double()[..., None] + extra)


def test_a_shape_that_changes_bits_is_computed_row_by_row():
    model = Jittery()
    same = SameBits(model)
    for length, expected in ((3, [(1, 3)] * 4), (5, [(4, 5)])):
        rows = torch.arange(4 * length).reshape(4, length)
        alone = torch.cat([model(row[None], None).logits for row in rows])
        for _ in range(2):
            model.shapes.clear()
            assert torch.equal(same(rows, torch.ones_like(rows)).logits, alone)
        assert model.shapes == expected
    assert same.proved == {(4, 3): False, (4, 5): True}
    assert same(torch.ones(7, 5).long(), torch.ones(7, 5).long()).logits.shape[0] == 7


def test_a_classifier_cuts_only_where_it_may(classifier):
    served, predictor = ServedModel("mood", classifier), companion.load(classifier)
    for text in ("Angela Merkel left", "Wolfsburg"):
        found = predictor.predict(text)
        answer = served.answer([served.prepare(text)])[0]
        probabilities = dict(zip(("bad", "good"), found.probabilities, strict=True))
        assert answer == {"label": found.label, "score": found.score, "probabilities": probabilities, "cut": False}
    long = "Angela Merkel left " * 20
    with pytest.raises(TextTooLong):
        served.prepare(long)
    assert served.answer([served.prepare(long, cut_allowed=True)])[0]["cut"]
    with pytest.raises(DataError):
        served.prepare("")


def test_models_are_swapped_or_stay(root, folder, classifier):
    registry = ModelRegistry({"one": folder})
    former = registry.get("one")
    other = make_folder(root, "other", seed=9)
    assert registry.get() is former
    assert registry.get("two") is None
    assert registry.swap("one", other).version != former.version
    assert registry.get("one").folder == other
    for wrong in (root / "nowhere", classifier):
        with pytest.raises(ModelError):
            registry.swap("one", wrong)
    assert registry.get("one").folder == other
    with pytest.raises(ConfigError, match="no model of this name"):
        registry.swap("two", other)


def test_equal_weights_are_held_once(folder, texts):
    registry = ModelRegistry({"one": folder, "again": folder})
    one, again = (dict(registry.get(name).predictor.model.named_parameters()) for name in ("one", "again"))
    shared = [name for name in one if one[name].data_ptr() == again[name].data_ptr()]
    assert len(shared) > 10
    assert share_weights([registry.get("one"), registry.get("again")]) == 0
    assert registry.get("again").answer([registry.get("again").prepare(texts[0])]) == registry.get("one").answer(
        [registry.get("one").prepare(texts[0])]
    )
