"""What the table of faults does not show: other loops, real runs, and where a probe says that it cannot tell."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from transformers import BertConfig, BertForMaskedLM, BertForTokenClassification

import companion
from companion.doctor import Report
from companion.objectives.supervised import TokenCrossEntropy
from tests.apple import Apple
from tests.clinic import Clinic
from tests.tiny import tiny_tagger

IDS = torch.randint(5, 60, (6, 9), generator=torch.Generator().manual_seed(0))
MASK = (torch.arange(9) < torch.arange(4, 10)[:, None]).long()
LABELS = torch.where(MASK.bool(), IDS % 5, -100)
DATA = [{"input_ids": IDS * MASK, "attention_mask": MASK, "labels": LABELS}] * 2


def ask(probe: str, **given: Any) -> Report:
    model = given.pop("model", None) or tiny_tagger()
    return companion.doctor(model, given.pop("loader", DATA), only=[probe], **given)


def said(report: Report) -> str:
    return " ".join(one.reason for one in report.not_checked)


def test_a_lightning_step_that_only_gives_its_loss_back_is_learnt():
    class Module(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tagger = tiny_tagger()

        def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            return self.tagger(**batch).loss

    module = Module()
    before = [parameter.clone() for parameter in module.parameters()]
    report = companion.doctor(module, DATA, step=module.training_step, only=["a few rows by heart"])
    assert "label frequencies alone give" in report.healthy[0].measured
    assert all(map(torch.equal, before, module.parameters()))
    assert all(parameter.grad is None for parameter in module.parameters())


def test_a_loss_that_cannot_be_judged_is_not_judged():
    assert "negative" in said(ask("a few rows by heart", loss=lambda model, batch: -model(**batch).loss))
    broken = ask("a few rows by heart", loss=lambda model, batch: model(**batch).loss * math.nan)
    assert "no number" in said(broken)


def test_a_loop_that_raises_hides_nothing_and_is_put_back():
    model = tiny_tagger()

    def step(batch: Any) -> None:
        loss = model(**batch).loss
        if not loss.isfinite():
            raise FloatingPointError("no number")
        loss.backward()

    before = [parameter.clone() for parameter in model.parameters()]
    assert ask("losses that are no numbers", model=model, step=step).healthy
    assert all(map(torch.equal, before, model.parameters()))


def test_a_batch_that_is_spoilt_is_named():
    odd = {**DATA[0], "labels": torch.full_like(LABELS, -100)}
    [finding] = ask("losses that are no numbers", loader=[DATA[0], odd]).findings
    assert finding.severity == "error"
    assert "1 of 2 batches" in finding.measured
    assert "the first is batch 1" in finding.measured


@pytest.mark.parametrize(
    ("factor", "says"),
    [
        (1.0, ""),
        (3.0, ": 3, the number of processes"),
        (1 / 3, ": 0.333, the number of processes, divided once too often"),
        (2.0, ": 2, accumulation"),
        (0.5, ": 0.5, accumulation, divided once too often"),
        (6.0, ": 6, processes times accumulation"),
        (11.0, None),
    ],
)
def test_the_factor_of_processes_and_accumulation_is_named(factor: float, says: str | None):
    model = tiny_tagger()

    def window(batches: Any) -> None:
        count = sum(int((batch["labels"] != -100).sum()) for batch in batches)
        for batch in batches:
            logits = model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits
            loss = functional.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten(), reduction="sum")
            (factor * loss / count).backward()

    report = ask("processes", model=model, window=window, accumulate=2, processes=3)
    if says is None:
        assert "which neither" in said(report)
    elif says:
        assert report.findings[0].measured.endswith(f"{says}.")
    else:
        assert report.healthy


def test_the_gradients_of_a_device_without_float64_are_measured():
    only = ["gradient cleared", "micro-batches", "processes", "a few rows by heart"]
    clinic = Clinic("plain", "tokens", extra={"accumulate": 2, "processes": 2})
    with Apple() as device:
        report = clinic.examine(only=only)
    assert device.brought
    assert "float64" not in str(report)
    assert {one.probe for one in report.healthy} >= set(only) - {"gradient cleared"}, report


def test_an_epoch_weighted_by_rows_is_told_and_not_accused():
    model = tiny_tagger()

    def epoch(batches: Any) -> float:
        with torch.no_grad():
            pairs = [(len(batch["labels"]), model(**batch).loss.item()) for batch in batches]
        return sum(size * loss for size, loss in pairs) / sum(size for size, _ in pairs)

    assert "rows; that over labels is" in ask("mean of means", model=model, epoch=epoch).healthy[0].measured
    assert "not its mean loss" in said(ask("mean of means", model=model, epoch=lambda batches: None))


def test_the_best_checkpoint_of_a_real_run(tmp_path: Path):
    clinic = Clinic("ours", "tokens")
    given = clinic.parts()
    scores = iter([0.1, 0.5, 0.3])
    config = companion.TrainConfig(epochs=3, learning_rate=1e-2, precision="fp32", device="cpu", progress=False)
    run = companion.train(
        clinic.model,
        given["loader"],
        TokenCrossEntropy(),
        config,
        evaluate=lambda model: {"f1": next(scores)},
        run_dir=tmp_path / "run",
        say=lambda line: None,
    )
    healthy = ask("best checkpoint", model=run.model, folder=tmp_path / "run").healthy
    assert "is best by its own account (0.5000), and the model is it" in healthy[0].measured
    with torch.no_grad():
        next(run.model.parameters()).add_(1.0)
    assert "none of the 2 checkpoints" in said(ask("best checkpoint", model=run.model, folder=tmp_path / "run"))


def test_a_best_checkpoint_that_is_gone_is_said(tmp_path: Path):
    model = tiny_tagger()
    model.save_pretrained(tmp_path / "checkpoint-2")
    log = [{"step": 1, "eval_loss": 0.5}, {"step": 2, "eval_loss": 0.6}, {"step": 2, "loss": 0.1}]
    (tmp_path / "checkpoint-2" / "trainer_state.json").write_text(json.dumps({"log_history": log}), "utf-8")
    [finding] = ask("best checkpoint", model=model, folder=tmp_path).findings
    assert "Checkpoint-1 is best by eval_loss (0.5000), and the model is checkpoint-2 (0.6000)" in finding.measured
    assert "is not in the folder any more" in finding.measured
    (tmp_path / "checkpoint-2" / "trainer_state.json").write_text("no history", "utf-8")
    assert "cannot be read" in said(ask("best checkpoint", model=model, folder=tmp_path))


def test_the_optimiser_of_a_probe_is_not_taken_for_the_patients():
    """Where somebody else takes the step, as in a Trainer, the rate that was named is judged, not the probe's own."""
    both = ["a few rows by heart", "learning rate"]
    model = tiny_tagger()
    report = companion.doctor(model, DATA, step=lambda batch: model(**batch).loss, learning_rate=0.5, only=both)
    assert [one.probe for one in report.healthy] == ["a few rows by heart"]
    assert report.findings[0].numbers["rate"] == 0.5


LARGER = BertConfig(
    vocab_size=60, hidden_size=192, num_hidden_layers=3, num_attention_heads=2, intermediate_size=768, num_labels=5
)
"""Above a million parameters, from where on the usual rate is a narrow one."""
METHODS = ("full", "top:1", "head", "bitfit", "adapter:4", "lora:4", "adalora:2", "prefix:4", "prompt:4")


@pytest.mark.parametrize("method", METHODS)
def test_how_many_times_the_usual_rate_a_method_stands(method: str):
    """By the record `constrained-rates`: ten times the rate ends full fine-tuning, and twenty do no prompt harm."""
    from companion.cli.train import read_method
    from companion.training.resolve import suggest_learning_rate

    model = companion.adapt(BertForTokenClassification(LARGER), read_method(method))
    usual, _ = suggest_learning_rate(model)
    outside = method in ("head", "prefix:4", "prompt:4")
    expected = {7: [], 10: ["note"] * (method == "full"), 25: ["warning"] * (not outside), 150: ["warning"]}
    for times, found in expected.items():
        report = ask("learning rate", model=model, learning_rate=times * usual)
        assert [one.severity for one in report.findings] == found, f"{times} times: {report}"


def test_a_tiny_model_and_a_language_model_stand_ten_times_the_rate():
    from companion.training.resolve import suggest_learning_rate

    for model in (tiny_tagger(), BertForMaskedLM(LARGER)):
        report = ask("learning rate", model=model, learning_rate=10 * suggest_learning_rate(model)[0])
        assert [one.probe for one in report.healthy] == ["learning rate"], report


class Wrapped(nn.Module):
    """A model of one's own: a body as `from_pretrained` gives it, asleep, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.body = tiny_tagger(dropout=0.1).bert.eval()
        self.dropout, self.out = nn.Dropout(0.1), nn.Linear(32, 5)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **rest: torch.Tensor) -> torch.Tensor:
        return self.out(self.dropout(self.body(input_ids, attention_mask=attention_mask).last_hidden_state))


def loss_of(model: nn.Module, batch: Any) -> torch.Tensor:
    return functional.cross_entropy(model(**batch).flatten(0, 1), batch["labels"].flatten())


def test_a_body_that_sleeps_while_it_trains():
    model, teacher = Wrapped(), Wrapped().eval()

    def step(batch: Any) -> torch.Tensor:
        with torch.no_grad():
            teacher(**batch)
        return loss_of(model, batch)

    [finding] = ask("dropout", model=model, step=step).findings
    assert (finding.severity, finding.numbers["off"]) == ("warning", 5)
    assert "5 of 6 dropout layers" in finding.measured
    model.train()
    assert ask("dropout", model=model, step=step).healthy, "a teacher sleeps rightly"
    model.body.requires_grad_(False).eval()
    assert ask("dropout", model=model, step=step).healthy, "a frozen body, too"


def test_a_frozen_head_of_ones_own_model():
    model = Wrapped().train()
    model.out.requires_grad_(False)
    [finding] = ask("what trains", model=model, loss=loss_of).findings
    assert "The head (out: 165 parameters) is frozen" in finding.measured
    assert ask("what trains", model=Wrapped().train(), loss=loss_of).healthy
    model.out = nn.Sequential(model.out, nn.Linear(5, 5))
    assert ask("what trains", model=model, loss=loss_of).healthy, "something beside it learns"


def test_the_share_of_leaked_rows_is_a_number():
    rows = [(f"the parcel with number {number} has not come", "late") for number in range(10)]
    other = [("why is nobody answering the telephone today please", "late")]
    [finding] = companion.doctor(train=rows[:1], test=[rows[0], *other * 3], only=["test rows in train"]).findings
    assert finding.numbers["share"] == 0.25
    assert "25.0% of 4 rows" in finding.measured


@pytest.mark.parametrize("form", ["Text", "dictionary"])
def test_two_hypotheses_about_one_premise_are_no_contradiction(form):
    made = {
        "Text": lambda second, label: companion.Text(text="A man sleeps.", text_pair=second, label=label),
        "dictionary": lambda second, label: {"text": "A man sleeps.", "text_pair": second, "label": label},
    }[form]
    told = companion.doctor(only=["contradictory labels"], train=[made("He rests.", "yes"), made("He runs.", "no")])
    assert not told.findings
    told = companion.doctor(only=["contradictory labels"], train=[made("He rests.", "yes"), made("He rests.", "no")])
    assert len(told.findings) == 1
