"""One body under several heads: the same object, each part answered by its own head, each exportable alone."""

from __future__ import annotations

import pytest
import torch

import companion
from companion.errors import ModelError
from companion.models import SharedBody, load_encoder, model_for
from companion.tasks import MaskedLMTask, TextTask, TokenTask
from tests.tiny import LABELS
from tests.tokenizers import make_model_folder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return load_encoder(str(make_model_folder("wordpiece", tmp_path_factory.mktemp("body") / "tiny")))


@pytest.fixture
def shared(encoder):
    return SharedBody(
        {
            "labelled": TokenTask(LABELS, encoder).model(seed=1),
            "texts": TextTask(("a", "b"), encoder).model(seed=2),
            "unlabelled": MaskedLMTask(encoder).model(seed=3),
        }
    )


IDS = torch.arange(5, 17).view(2, 6)


def test_the_bodies_are_one_and_are_counted_once(shared):
    bodies = {id(model.base_model) for model in shared.parts.values()}
    assert len(bodies) == 1
    assert len(shared.parts) == 3
    names = [name for name, _ in shared.named_parameters()]
    assert len(names) == len(set(names))
    body = sum(parameter.numel() for parameter in shared.base_model.parameters())
    total = sum(parameter.numel() for parameter in shared.parameters())
    assert body < total < 1.5 * body


def test_a_step_on_one_head_moves_what_the_others_say(shared):
    before = {name: shared(part=name, input_ids=IDS).logits.detach() for name in shared.parts}
    shared(part="texts", input_ids=IDS).logits.sum().backward()
    with torch.no_grad():
        for parameter in shared.base_model.parameters():
            if parameter.grad is not None:
                parameter -= 0.1 * parameter.grad
    for name, said in before.items():
        assert not torch.equal(shared(part=name, input_ids=IDS).logits, said)


def test_the_head_of_the_masked_language_model_stays_tied(shared):
    model = shared.part("unlabelled")
    assert model.cls.predictions.decoder.weight is shared.base_model.embeddings.word_embeddings.weight


def test_each_part_is_the_model_that_its_task_knows(shared, encoder, tmp_path):
    task = TokenTask(LABELS, encoder)
    folder = task.export(shared.part("labelled"), tmp_path / "tagger")
    again = companion.load(folder)
    torch.testing.assert_close(again.model(input_ids=IDS).logits, shared.eval()(part="labelled", input_ids=IDS).logits)
    assert torch.equal(shared(input_ids=IDS).logits, shared(part="labelled", input_ids=IDS).logits)


def test_a_plain_model_answers_for_every_part(shared):
    plain = torch.nn.Linear(2, 2)
    assert model_for(plain, "anything") is plain
    assert model_for(shared, "texts") is shared.part("texts")


def test_what_cannot_share_a_body_is_refused(shared, encoder, tmp_path):
    with pytest.raises(ModelError, match="no model to share"):
        SharedBody({})
    with pytest.raises(ModelError, match="no model for the part 'other'"):
        shared.part("other")
    other = load_encoder(str(make_model_folder("bytelevel", tmp_path / "other")))
    with pytest.raises(ModelError, match="the bodies of .* differ"):
        SharedBody({"labelled": TokenTask(LABELS, encoder).model(), "texts": TokenTask(LABELS, other).model()})
