"""The loop: what it leaves alone, what it skips and counts, where it stops, and what anyone may bring to it."""

from __future__ import annotations

import ast
import copy
import inspect
import math
import random
from dataclasses import replace
from types import MappingProxyType

import numpy
import pytest
import torch
from torch import nn

from companion.encoding.source import TokenBatches
from companion.errors import ConfigError, DataError, ExportError, NonFiniteError, ObjectiveError
from companion.objectives import TokenCrossEntropy
from companion.training import TrainConfig, train
from companion.training import resolve as resolve_module
from tests.tiny import TinyEvaluator, digest, tiny_batches, tiny_tagger, tiny_windows

BF16_HERE = resolve_module._computes_bf16(torch.device("cpu"))
needs_bf16 = pytest.mark.skipif(not BF16_HERE, reason="this processor does not compute in bf16")


def quiet(line: str) -> None:
    """Say nothing."""


def go(model=None, batches=None, objective=None, *, evaluate=None, log=None, **settings):
    return train(
        model or tiny_tagger(),
        batches or tiny_batches(16),
        objective or TokenCrossEntropy(),
        TrainConfig(**{"epochs": 2, "learning_rate": 3e-3, "precision": "fp32", **settings}),
        evaluate=evaluate,
        log=log,
        say=quiet,
    )


def half_way(seen: list) -> list[float]:
    """A model, batches and a loss of one's own, and nothing else of the package: at most 15 lines."""

    class SquaredError:
        weights = MappingProxyType({"error": 1.0})

        def counts(self, batch):
            return {"error": len(batch["labelled"]["y"])}

        def __call__(self, model, batch):
            return {"error": ((model(batch["labelled"]["x"]) - batch["labelled"]["y"]) ** 2).sum()}

    x = torch.linspace(-1, 1, 32).reshape(8, 4, 1)
    batches = [{"x": part, "y": 3 * part + 1} for part in x]
    return train(nn.Linear(1, 1), batches, SquaredError(), log=lambda step, values: seen.append((step, values))).losses


def test_anyone_can_stay_half_way(capsys):
    seen: list = []
    losses = half_way(seen)
    body = ast.parse(inspect.getsource(half_way)).body[0]
    assert body.end_lineno - body.body[0].end_lineno <= 15
    assert losses == [values["loss"] for _, values in seen]
    assert [step for step, _ in seen] == list(range(1, 33))
    assert "learning rate 0.001 (2e-06 M parameters, 100% trained)" in capsys.readouterr().out


def test_half_way_learns():
    model, x = nn.Linear(1, 1), torch.linspace(-1, 1, 16).reshape(16, 1)

    class SquaredError(TokenCrossEntropy):
        def counts(self, batch):
            return {"supervised": len(batch["labelled"]["y"])}

        def __call__(self, model, batch):
            return {"supervised": ((model(batch["labelled"]["x"]) - batch["labelled"]["y"]) ** 2).sum()}

    go(model, [{"x": x, "y": 3 * x + 1}], SquaredError(), epochs=400, learning_rate=0.05)
    assert model.weight.item() == pytest.approx(3, abs=0.05)
    assert model.bias.item() == pytest.approx(1, abs=0.05)


def attributes(model: nn.Module) -> dict[str, set[str]]:
    return {name: set(vars(module)) for name, module in model.named_modules()}


def hooks(model: nn.Module) -> int:
    return sum(
        len(value)
        for module in model.modules()
        for name, value in vars(module).items()
        if name.endswith("_hooks") and value is not None
    )


@pytest.mark.parametrize("precision", ["fp32", pytest.param("bf16", marks=needs_bf16), "fp16"])
def test_the_model_carries_nothing_afterwards(precision):
    model = tiny_tagger(dropout=0.1)
    before, methods = attributes(model), (model.forward.__func__, type(model))
    flags = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    run = go(model, precision=precision, evaluate=TinyEvaluator())
    assert run.model is model
    assert attributes(model) == before
    assert (model.forward.__func__, type(model)) == methods
    assert hooks(model) == 0
    assert {name: parameter.requires_grad for name, parameter in model.named_parameters()} == flags
    assert all(parameter.dtype == torch.float32 and parameter.grad is None for parameter in model.parameters())
    assert not torch.is_autocast_enabled("cpu")
    assert torch.is_grad_enabled()


def test_the_random_state_of_the_user_is_untouched():
    def states():
        return random.getstate(), numpy.random.get_state()[1].tolist(), torch.get_rng_state().tolist()

    random.seed(5), numpy.random.seed(5), torch.manual_seed(5)
    before = states()
    go(tiny_tagger(dropout=0.2), evaluate=TinyEvaluator(), evaluate_every=1)
    assert states() == before


def test_the_random_state_of_the_user_does_not_matter():
    torch.manual_seed(1)
    first = go(tiny_tagger(dropout=0.2))
    torch.manual_seed(2)
    second = go(tiny_tagger(dropout=0.2))
    assert first.losses == second.losses
    assert digest(first.model.state_dict()) == digest(second.model.state_dict())
    assert go(tiny_tagger(dropout=0.2), seed=1).losses != first.losses


@needs_bf16
def test_training_twice_in_one_process_in_two_precisions():
    alone = go(precision="bf16")
    full = go(precision="fp32")
    half = go(precision="bf16")
    assert half.losses == alone.losses
    assert half.losses != full.losses
    assert half.losses == pytest.approx(full.losses, rel=0.02)
    assert go(precision="fp32").losses == full.losses


def test_piece_budget_and_device_batches_do_not_change_which_rows_form_an_update():
    whole = go(piece_budget=10_000)
    for budget in (1, 37, 100):
        run = go(piece_budget=budget)
        assert run.losses == pytest.approx(whole.losses, rel=1e-4)
        assert run.steps == whole.steps == 8


def test_the_gradient_is_clipped_to_its_norm():
    norms = [row["gradient_norm"] for row in go(clip_norm=None).history]
    assert min(norms) > 0.5
    seen = []

    class Spy:
        name = "spy"

        def __call__(self, model):
            return model

        def after_step(self, model, update, total):
            seen.append(
                torch.nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None]).item()
            )

    from companion.adaptation import adapt

    run = go(adapt(tiny_tagger(), Spy()), clip_norm=0.25)
    assert seen == pytest.approx([0.25] * 8, rel=1e-5)
    assert run.history[0]["gradient_norm"] == pytest.approx(norms[0]), "what is reported is the length it had"


def unlabelled(windows):
    return [replace(window, labels=[-100] * len(window.labels)) for window in windows]


def test_an_update_without_labels_is_skipped_and_counted():
    windows = [*tiny_windows(6), *unlabelled(tiny_windows(2))]
    source = TokenBatches(windows, pad_token_id=0, batch_size=1, order="random")
    before: dict[int, str] = {}
    model = tiny_tagger()

    def log(step, values):
        before[step] = digest(model.state_dict())

    run = go(model, source, log=log)
    empty = [row["step"] for row in run.history if "supervised" not in row]
    assert len(empty) == 4
    assert all(row["gradient_norm"] == 0 and row["loss"] == 0 for row in run.history if row["step"] in empty)
    assert all(before[step] == before[step - 1] for step in empty if step > 1)
    assert all(before[step] != before.get(step - 1) for step in before if step not in empty)
    assert "4 updates without a single label were skipped" in run.notes
    assert "4 updates had nothing to count for 'supervised'" in run.notes


class TwoTerms(TokenCrossEntropy):
    """A second term that is counted in every other update only."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = {"supervised": 1.0, "rare": 0.5}
        self.turn = 0

    def counts(self, batch):
        self.turn += 1
        return super().counts(batch) | {"rare": float(self.turn % 2)}

    def __call__(self, model, batch):
        loss = super().__call__(model, batch)["supervised"]
        return {"supervised": loss, "rare": loss * 0 + 2.0}


def test_a_term_with_nothing_to_count_is_skipped_and_counted():
    run = go(objective=TwoTerms())
    with_rare = [row for row in run.history if "rare" in row]
    assert len(with_rare) == len(run.history) / 2 == 4
    assert all(row["loss"] == pytest.approx(row["supervised"] + 0.5 * 2.0) for row in with_rare)
    assert all(row["loss"] == pytest.approx(row["supervised"]) for row in run.history if "rare" not in row)
    assert run.notes == ("4 updates had nothing to count for 'rare'",)


@pytest.mark.parametrize("settings", [{}, {"max_updates": 2}])
def test_labels_that_are_nowhere_are_an_error(settings):
    rows = tiny_batches(4).collate("labelled", [0, 1])
    batches = [{**rows, "labels": torch.full_like(rows["labels"], -100)}] * 3
    with pytest.raises(
        DataError, match=f"none of the first {settings.get('max_updates', 3)} updates had a single label"
    ):
        go(None, batches, **settings)


class Poisoned(TokenCrossEntropy):
    """A loss that stops being a number in the fifth update."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value, self.turn = value, 0

    def __call__(self, model, batch):
        self.turn += 1
        loss = super().__call__(model, batch)["supervised"]
        return {"supervised": loss * self.value if self.turn == 5 else loss}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("clip_norm", [1.0, None])
def test_a_loss_that_is_no_number_stops_before_the_step(value, clip_norm, tmp_path):
    model = tiny_tagger()
    digests = [digest(model.state_dict())]
    source = tiny_batches(16, seed=0)
    with pytest.raises(NonFiniteError) as caught:
        train(
            model,
            source,
            Poisoned(value),
            TrainConfig(epochs=2, learning_rate=1e-3, precision="fp32", clip_norm=clip_norm, checkpoint_every=1),
            log=lambda step, values: digests.append(digest(model.state_dict())),
            run_dir=tmp_path,
            say=quiet,
        )
    assert digest(model.state_dict()) == digests[-1]
    assert len(digests) == 5
    rows = ", ".join(map(str, source.window(1, 0)["labelled"]))
    assert f"update 5: the loss is {value:g}" in str(caught.value)
    assert f"no step was taken (labelled rows {rows})" in str(caught.value)
    assert [path.name for path in (tmp_path / "checkpoints").glob("step-*")] == ["step-00000004"]


def test_a_gradient_that_is_no_number_stops_before_the_step():
    class Root(TokenCrossEntropy):
        def __call__(self, model, batch):
            loss = super().__call__(model, batch)["supervised"]
            # Its value is finite, its derivative at 0 is not.
            return {"supervised": loss + (model.classifier.bias * 0).sum().sqrt()}

    model = tiny_tagger()
    before = digest(model.state_dict())
    with pytest.raises(NonFiniteError, match="update 1: the loss is .* and the gradient's norm (nan|inf)"):
        go(model, objective=Root())
    assert digest(model.state_dict()) == before


def test_a_weight_that_is_no_number_is_found_before_the_first_step():
    model = tiny_tagger()
    with torch.no_grad():
        model.classifier.weight[0, 0] = math.nan
    with pytest.raises(NonFiniteError, match="update 1: the loss is nan"):
        go(model)


def test_weights_that_left_the_range_are_never_saved(tmp_path):
    rows = [{"input": torch.ones(2, 1), "labels": torch.tensor([0, 1])}]
    model = nn.Linear(1, 2)
    config = TrainConfig(epochs=1, learning_rate=3e38, warmup=0.0, precision="fp32", weight_decay=0.9)
    with torch.no_grad():
        model.weight.fill_(3e38)
    with pytest.raises(NonFiniteError, match="weight.* not finite numbers any more"):
        train(model, rows, Huge(), config, run_dir=tmp_path, say=quiet)
    assert list((tmp_path / "checkpoints").glob("step-*")) == []


class Huge(TokenCrossEntropy):
    """A loss whose gradient has one sign, so that one enormous step leaves the range of fp32."""

    def __call__(self, model, batch):
        return {"supervised": -(model.weight * 1e-30).sum()}


def test_labels_outside_the_classes_name_the_rows():
    windows = tiny_windows(16)
    windows[9] = replace(windows[9], labels=[17] * len(windows[9].labels))
    source = TokenBatches(windows, pad_token_id=0, batch_size=4, seed=0)
    [update] = [number for number in range(4) if 9 in source.window(0, number)["labelled"]]
    rows = ", ".join(map(str, source.window(0, update)["labelled"]))
    with pytest.raises(ObjectiveError, match=f"update {update + 1}, labelled rows {rows}: labels run from .* to 17"):
        go(batches=source)


def test_things_that_are_no_objective_are_refused_at_the_start():
    for thing in (torch.nn.functional.cross_entropy, nn.CrossEntropyLoss(), None, lambda loss: loss):
        with pytest.raises(ObjectiveError, match="has no weights or no counts"):
            train(tiny_tagger(), tiny_batches(4), thing, say=quiet)
    with pytest.raises(ObjectiveError, match="a term is called 'loss'"):
        go(objective=TokenCrossEntropy(term="loss"))


def test_a_source_without_updates_is_refused():
    source = tiny_batches(4)
    source.updates = lambda epoch: 0
    source.seed = 0
    with pytest.raises(DataError, match="there is no update in any epoch"):
        go(batches=source)


def test_the_history_says_what_happened():
    run = go(evaluate=TinyEvaluator())
    assert len(run.history) == run.steps == 8
    assert [row["step"] for row in run.history] == list(range(1, 9))
    assert [row["epoch"] for row in run.history] == [0] * 4 + [1] * 4
    assert {tuple(row) for row in run.history} == {
        ("step", "epoch", "loss", "learning_rate", "gradient_norm", "supervised")
    }
    assert run.losses == [row["loss"] for row in run.history]
    assert run.losses[-1] < run.losses[0]
    assert (run.config.learning_rate, run.config.precision) == (3e-3, "fp32")


def test_log_sees_every_update_and_every_evaluation():
    seen: list = []
    run = go(evaluate=TinyEvaluator(), log=lambda step, values: seen.append((step, values)))
    updates = [(step, values) for step, values in seen if "gradient_norm" in values]
    assert [
        {"step": step, "epoch": row["epoch"], **values}
        for (step, values), row in zip(updates, run.history, strict=True)
    ] == run.history
    evaluations = [{"step": step, **values} for step, values in seen if "accuracy" in values]
    assert evaluations == run.evaluations
    assert len(seen) == 8 + 2


def test_a_model_that_no_task_made_cannot_be_exported(tmp_path):
    with pytest.raises(ExportError, match="was not made by a task"):
        go().export(tmp_path / "tagger")


def test_models_of_64_bits_stay_so():
    run = go(tiny_tagger().double(), evaluate=TinyEvaluator())
    assert {parameter.dtype for parameter in run.model.parameters()} == {torch.float64}
    single = go()
    assert run.losses == pytest.approx(single.losses, rel=1e-4)
    assert run.losses != single.losses


def test_tied_weights_stay_tied_through_a_checkpoint(tmp_path):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(60, 60)
            self.output = nn.Linear(60, 60, bias=False)
            self.output.weight = self.embedding.weight
            self.register_buffer("empty", torch.zeros(0))

        def forward(self, input_ids, attention_mask):
            return self.output(self.embedding(input_ids))

    def run_it(folder, stop=None):
        def log(step, values):
            if step == stop:
                raise KeyboardInterrupt

        torch.manual_seed(0)
        model = Tied()
        config = TrainConfig(epochs=2, learning_rate=1e-3, precision="fp32")
        train(model, tiny_batches(16), TokenCrossEntropy(), config, run_dir=folder, log=log, say=quiet)
        return model

    straight = run_it(None)
    with pytest.raises(KeyboardInterrupt):
        run_it(tmp_path, stop=6)
    resumed = run_it(tmp_path)
    assert resumed.output.weight is resumed.embedding.weight
    assert digest(resumed.state_dict()) == digest(straight.state_dict())


def test_the_config_of_the_run_is_the_settled_one():
    config = TrainConfig(max_updates=1)
    before = copy.copy(config)
    run = train(tiny_tagger(), tiny_batches(4), TokenCrossEntropy(), config, say=quiet)
    assert config == before
    assert run.config.learning_rate == 1e-3
    assert run.config.device == ("cuda" if torch.cuda.is_available() else "cpu")


def test_what_was_left_open_is_said_and_nothing_else() -> None:
    for settings, expected in (({}, 1), ({"learning_rate": 1e-3, "device": "cpu", "precision": "fp32"}, 0)):
        said: list[str] = []
        config = TrainConfig(max_updates=1, **settings)
        train(tiny_tagger(), tiny_batches(4), TokenCrossEntropy(), config, say=said.append)
        assert len(said) == expected and all(line.strip() for line in said)


class Squares:
    """A squared error with its count, in the contract's own form."""

    weights = MappingProxyType({"supervised": 1.0})

    def counts(self, batch):
        return {"supervised": len(batch["labelled"]["x"])}

    def __call__(self, model, batch):
        return {"supervised": squares(model, batch["labelled"])}


def squares(model, batch):
    return (model(batch["x"]) - batch["y"]).square().sum()


def test_a_function_that_returns_a_summed_loss_is_an_objective():
    batches = [{"x": torch.full((rows, 2), float(rows)), "y": torch.ones(rows, 1)} for rows in (1, 2, 5)]

    def trained(objective):
        torch.manual_seed(0)
        return go(nn.Linear(2, 1), batches, objective, accumulate=3)

    assert trained(squares).history == trained(Squares()).history


def test_what_is_no_model_no_objective_and_no_configuration_is_named():
    batches = [{"x": torch.ones(1, 2), "y": torch.ones(1, 1)}]
    with pytest.raises(ConfigError, match="the model is a str, not an nn.Module"):
        go("bert", batches, squares)
    with pytest.raises(ObjectiveError, match="the objective is the class Squares"):
        go(nn.Linear(2, 1), batches, Squares)
    with pytest.raises(ObjectiveError, match="MSELoss has no weights"):
        go(nn.Linear(2, 1), batches, nn.MSELoss())
    with pytest.raises(ConfigError, match="the config is a dict"):
        train(nn.Linear(2, 1), batches, squares, {"epochs": 1})
    wrong = Squares()
    wrong.counts = lambda batch: {"supervised": len(batch["x"])}
    with pytest.raises(KeyError) as caught:
        go(nn.Linear(2, 1), batches, wrong)
    assert caught.value.__notes__ == ["(a batch is {part: {name: tensor}}, and this one holds 'labelled': 'x', 'y')"]


def test_a_run_is_shown_without_its_weights_and_history():
    shown = repr(go(nn.Linear(2, 1), [{"x": torch.ones(1, 2), "y": torch.ones(1, 1)}], squares))
    assert "steps=2" in shown and "Linear" not in shown and "gradient_norm" not in shown
