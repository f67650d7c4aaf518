"""Members that an objective, an adaptation or a batch source may have: nothing without them, and used when there."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType

import pytest
import torch

from companion.adaptation import Full, adapt
from companion.errors import ObjectiveError
from companion.objectives import TokenCrossEntropy
from companion.training import TrainConfig, train
from companion.training.checkpoint import read_checkpoint
from tests.tiny import digest, tiny_batches, tiny_tagger


class BrokenOff(Exception):
    """What these tests raise where a run is to be broken off."""


def go(model=None, objective=None, *, folder=None, stop=None, batches=None, **settings):
    def log(step, values):
        if step == stop:
            raise BrokenOff

    return train(
        model or tiny_tagger(dropout=0.1),
        batches or tiny_batches(16),
        objective or TokenCrossEntropy(),
        TrainConfig(**{"epochs": 2, "learning_rate": 3e-3, "precision": "fp32", **settings}),
        run_dir=folder,
        log=log,
        say=lambda line: None,
    )


class Bare:
    """An objective with the required members alone, written anew."""

    weights = MappingProxyType({"supervised": 1.0})

    def counts(self, batch):
        return {"supervised": float((batch["labelled"]["labels"] != -100).sum())}

    def __call__(self, model, batch):
        inputs = {name: tensor for name, tensor in batch["labelled"].items() if name != "labels"}
        logits, labels = model(**inputs).logits, batch["labelled"]["labels"]
        return {
            "supervised": torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")
        }


class Idle(Bare):
    """The same with every optional member, each doing nothing."""

    row_additive = True

    def parameters(self):
        return []

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        assert state == {}

    def combine(self, gradients):
        return sum(gradients.values())


@dataclass
class Watching:
    """An adaptation that changes nothing and writes down when it is called."""

    calls: list = field(default_factory=list)
    name: str = "watching"

    def __repr__(self) -> str:
        return "Watching()"

    def __call__(self, model):
        return model

    def after_step(self, model, update, total):
        gradients = sum(parameter.grad is not None for parameter in model.parameters())
        self.calls.append((update, total, gradients, digest(model.state_dict())))


def test_optional_members_that_do_nothing_change_nothing(tmp_path):
    plain = go()
    assert go(objective=Bare()).history == plain.history
    for folder in (None, tmp_path):
        idle = go(adapt(tiny_tagger(dropout=0.1), Watching()), Idle(), folder=folder)
        assert idle.losses == pytest.approx(plain.losses, rel=1e-6)
        assert digest(idle.model.state_dict()) == digest(plain.model.state_dict())
    again = go(adapt(tiny_tagger(dropout=0.1), Watching()), Idle(), folder=tmp_path)
    assert again.notes == ("finished: 8 of 8 updates were done",)


def test_after_step_comes_between_the_step_and_the_clearing():
    watching, model = Watching(), tiny_tagger()
    start = digest(model.state_dict())
    go(adapt(model, watching))
    assert [(update, total) for update, total, _, _ in watching.calls] == [(update, 8) for update in range(1, 9)]
    assert {gradients for _, _, gradients, _ in watching.calls} == {len(list(model.parameters()))}
    digests = [start, *(found for _, _, _, found in watching.calls)]
    assert len(set(digests)) == 9, "each step was done before the call"
    assert digests[-1] == digest(model.state_dict())


class Averaging:
    """An adaptation with a state of its own: the running average of the head's bias, pulled back into it."""

    name = "averaging"

    def __init__(self) -> None:
        self.average = torch.zeros(5)

    def __call__(self, model):
        return model

    def after_step(self, model, update, total):
        self.average = 0.9 * self.average + 0.1 * model.classifier.bias.detach()
        with torch.no_grad():
            model.classifier.bias.copy_(self.average)

    def state_dict(self):
        return {"average": self.average}

    def load_state_dict(self, state):
        self.average = state["average"].clone()


class Anchored(TokenCrossEntropy):
    """An objective with a parameter to learn and a state to carry: a scale, and a count of its forward passes."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.passes = torch.nn.Parameter(torch.tensor([0.5])), torch.zeros(1)

    def parameters(self):
        return [self.scale]

    def state_dict(self):
        return {"passes": self.passes}

    def load_state_dict(self, state):
        self.passes = state["passes"].clone()

    def __call__(self, model, batch):
        self.passes = self.passes + 1
        loss = super().__call__(model, batch)["supervised"]
        return {"supervised": loss * (1 + (self.scale - 1) ** 2).sum() + 0.01 * self.passes.sum()}


@pytest.mark.parametrize("stop", [1, 4, 6])
def test_states_of_objective_and_adaptation_travel_through_a_checkpoint(tmp_path, stop):
    def run_it(folder, stop=None):
        averaging, anchored = Averaging(), Anchored()
        run = go(adapt(tiny_tagger(dropout=0.1), averaging), anchored, folder=folder, stop=stop, checkpoint_every=3)
        return run, averaging, anchored

    straight, averaging, anchored = run_it(tmp_path / "straight")
    with pytest.raises(BrokenOff):
        run_it(tmp_path / "broken", stop)
    resumed, averaging_again, anchored_again = run_it(tmp_path / "broken")
    assert resumed.history == straight.history
    assert torch.equal(averaging.average, averaging_again.average)
    assert torch.equal(anchored.scale, anchored_again.scale)
    assert anchored.scale.item() != 0.5
    assert anchored.passes.item() == anchored_again.passes.item() == 8
    assert read_checkpoint(resumed.last)[0].keys() == {
        "adaptation.safetensors",
        "model.safetensors",
        "objective.safetensors",
        "objective_parameters.safetensors",
        "optimizer.safetensors",
    }
    assert (resumed.last / "manifest.json").read_text() == (straight.last / "manifest.json").read_text()


@pytest.mark.parametrize("stored", [False, True])
def test_the_objective_ends_with_the_parameters_of_the_best_evaluation_as_the_model_does(tmp_path, stored):
    """The evaluation likes the first epoch best; what it saw then is what the caller is given."""
    seen = []

    def run_it():
        model, objective = tiny_tagger(), Anchored()

        def evaluate(model):
            seen.append((digest(model.state_dict()), objective.scale.item()))
            return {"accuracy": 1.0 / len(seen)}

        config = TrainConfig(epochs=3, learning_rate=3e-3, precision="fp32", metric="accuracy")
        options = {"evaluate": evaluate, "run_dir": tmp_path / "run" if stored else None, "say": lambda line: None}
        run = train(model, tiny_batches(16), objective, config, **options)
        assert (run.best_step, run.steps) == (4, 12)
        return digest(run.model.state_dict()), objective.scale.item()

    assert run_it() == seen[0]
    assert len({scale for _, scale in seen}) == 3, "it was learned all along"
    if stored:
        # The finished run, asked for again with a fresh model and objective.
        assert run_it() == seen[0]
        assert len(seen) == 3


def test_the_parameters_of_the_objective_are_those_of_the_model_or_more():
    model = tiny_tagger()

    class Sharing(TokenCrossEntropy):
        def parameters(self):
            return [model.classifier.bias, torch.nn.Parameter(torch.zeros(3), requires_grad=False)]

    assert digest(go(model, Sharing()).model.state_dict()) == digest(go(tiny_tagger()).model.state_dict())


class Projecting(TokenCrossEntropy):
    """Two terms whose gradients are merged as PCGrad does: a conflicting part is projected away."""

    def __init__(self, sign: float, *, project: bool = True) -> None:
        super().__init__()
        self.weights, self.sign, self.project = {"supervised": 1.0, "opposed": 1.0}, sign, project

    def counts(self, batch):
        return dict.fromkeys(self.weights, super().counts(batch)["supervised"])

    def __call__(self, model, batch):
        loss = super().__call__(model, batch)["supervised"]
        return {"supervised": loss, "opposed": self.sign * 0.5 * loss + 0.01 * (model.classifier.bias**2).sum()}

    def combine(self, gradients):
        first, second = gradients["supervised"], gradients["opposed"]
        if not self.project or first @ second >= 0:
            return first + second
        return (
            first - (first @ second) / (second @ second) * second + second - (first @ second) / (first @ first) * first
        )


@pytest.mark.parametrize("piece_budget", [30, 10_000])
def test_merged_gradients_are_those_of_the_sum_where_nothing_conflicts(piece_budget):
    class Added(Projecting):
        combine = None

    summed, merged = (go(tiny_tagger(), kind(1.0), piece_budget=piece_budget) for kind in (Added, Projecting))
    assert merged.losses == pytest.approx(summed.losses, rel=1e-5)
    assert [row["gradient_norm"] for row in merged.history] == pytest.approx(
        [row["gradient_norm"] for row in summed.history], rel=1e-4
    )


def test_a_conflict_is_projected_away():
    conflicting, plain = go(tiny_tagger(), Projecting(-1.0)), go(tiny_tagger(), Projecting(-1.0, project=False))
    assert conflicting.history[0]["loss"] == pytest.approx(plain.history[0]["loss"])
    assert conflicting.history[0]["gradient_norm"] < 0.2 * plain.history[0]["gradient_norm"]


class NotAdditive(TokenCrossEntropy):
    row_additive = False


def test_a_loss_that_is_no_sum_over_rows_needs_the_whole_update():
    assert go(objective=NotAdditive()).losses == go().losses
    with pytest.raises(ObjectiveError, match="update 1, labelled rows .*: NotAdditive is no sum over rows") as caught:
        go(objective=NotAdditive(), piece_budget=20)
    assert "piece_budget" in caught.value.remedy


class Rows:
    """A batch source with the required members alone."""

    def __init__(self) -> None:
        self.source = tiny_batches(16, seed=0)

    def updates(self, epoch):
        return self.source.updates(epoch)

    def window(self, epoch, update):
        return self.source.window(epoch, update)

    def collate(self, part, ids):
        return self.source.collate(part, ids)

    def fingerprint(self):
        return self.source.fingerprint()


def test_a_source_without_optional_members_trains_the_same_rows(tmp_path):
    plain = go(tiny_tagger(), batches=Rows(), folder=tmp_path)
    assert plain.losses == pytest.approx(go(tiny_tagger()).losses, rel=1e-4)
    assert go(tiny_tagger(), batches=Rows(), folder=tmp_path).notes == ("finished: 8 of 8 updates were done",)


def test_full_is_what_a_model_is_without_an_adaptation():
    assert go(adapt(tiny_tagger(), Full())).history == go(tiny_tagger()).history
