"""What was left open becomes a value with a reason."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from companion.adaptation import HeadOnly, TopLayers, adapt
from companion.errors import ConfigError
from companion.objectives import TokenCrossEntropy
from companion.training import TrainConfig, train
from companion.training import resolve as resolve_module
from companion.training.resolve import resolve, suggest_learning_rate
from tests.tiny import tiny_batches, tiny_tagger

BF16_HERE = torch.ops.mkldnn._is_mkldnn_bf16_supported()


def model_of(size: int, trainable: int | None = None) -> torch.nn.Module:
    """A model with this many parameters that takes no memory."""
    model = torch.nn.Module()
    some = size if trainable is None else trainable
    model.trained = torch.nn.Parameter(torch.empty(some, device="meta"))
    model.frozen = torch.nn.Parameter(torch.empty(size - some, device="meta"), requires_grad=False)
    return model


@pytest.mark.parametrize(
    ("millions", "rate"),
    [(0.1, 1e-3), (0.5, 1e-3), (22.7, 2e-4), (66, 5.5e-5), (110, 3e-5), (340, 1.5e-5), (1000, 1.5e-5)],
)
def test_the_rate_follows_the_size(millions, rate):
    found, reason = suggest_learning_rate(model_of(round(millions * 1e6)))
    assert found == pytest.approx(rate)
    assert f"{millions:.3g} M parameters, 100% trained" in reason


def test_bigger_models_never_get_a_higher_rate():
    sizes = sorted([*(round(10 ** (exponent / 10)) for exponent in range(40, 92)), 500_000, 110_000_000, 340_000_000])
    rates = [suggest_learning_rate(model_of(size))[0] for size in sizes]
    assert all(later <= earlier for earlier, later in pairwise(rates))
    assert 2e-5 <= suggest_learning_rate(model_of(110_000_000))[0] <= 5e-5


def test_heads_get_a_higher_rate():
    rate, reason = suggest_learning_rate(model_of(22_000_000, 4000))
    assert rate == 1e-3
    assert "0.0% of the parameters are trained: heads want more" in reason
    partly, reason = suggest_learning_rate(model_of(22_700_000, 11_000_000))
    assert partly == pytest.approx(2e-4)
    assert "48% trained" in reason


def test_nothing_trainable_is_refused():
    with pytest.raises(ConfigError, match="no parameter of the model is trainable"):
        suggest_learning_rate(model_of(10, 0))


def test_what_was_open_is_settled_with_reasons_and_the_rest_is_kept():
    settled = resolve(TrainConfig(epochs=7, patience=2), tiny_tagger())
    assert set(settled.reasons) == {"learning_rate", "device", "precision"}
    assert settled.config.learning_rate == 1e-3
    assert settled.config.precision in ("fp32", "bf16")
    assert (settled.config.epochs, settled.config.patience) == (7, 2)
    assert settled.device == torch.device(settled.config.device)
    lines = settled.describe().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("learning rate 0.001 (0.0")
    fixed = TrainConfig(learning_rate=0.1, device="cpu", precision="fp32")
    settled = resolve(fixed, tiny_tagger())
    assert (settled.config, settled.reasons, settled.describe(), settled.autocast) == (fixed, {}, "", None)


def test_the_run_prints_and_stores_the_reasons():
    lines = []
    config = TrainConfig(max_updates=1)
    run = train(tiny_tagger(), tiny_batches(4), TokenCrossEntropy(), config, say=lines.append)
    assert list(run.reasons) == ["learning_rate", "device", "precision"]
    for reason in run.reasons.values():
        assert reason in "\n".join(lines)
    lines = []
    model = adapt(tiny_tagger(), HeadOnly())
    assert train(model, tiny_batches(4), TokenCrossEntropy(), config, say=lines.append).config.learning_rate == 1e-3
    assert resolve(config, adapt(tiny_tagger(), TopLayers(1))).config.learning_rate == 1e-3


@pytest.mark.parametrize("device", ["banana", "cuda:99", "xla"])
def test_a_device_that_is_not_there_is_refused(device):
    with pytest.raises(ConfigError, match=f'device is \'{device}\'.*\n.*"cpu" or "auto"'):
        resolve(TrainConfig(device=device), tiny_tagger())


@pytest.mark.parametrize("native", [True, False])
def test_bf16_is_chosen_only_where_the_processor_computes_in_it(monkeypatch, native):
    monkeypatch.setattr(resolve_module, "_computes_bf16", lambda device: native)
    settled = resolve(TrainConfig(device="cpu"), tiny_tagger())
    assert settled.config.precision == ("bf16" if native else "fp32")
    assert settled.autocast == (torch.bfloat16 if native else None)
    assert ("does not compute" in settled.reasons["precision"]) is not native
    if native:
        assert resolve(TrainConfig(device="cpu", precision="bf16"), tiny_tagger()).reasons.keys() == {"learning_rate"}
    else:
        with pytest.raises(ConfigError, match="this processor does not compute in it"):
            resolve(TrainConfig(device="cpu", precision="bf16"), tiny_tagger())


def test_the_processor_is_asked_itself():
    assert resolve_module._computes_bf16(torch.device("cpu")) is bool(BF16_HERE)
    assert resolve_module._computes_bf16(torch.device("mps")) is False


def test_a_learning_rate_that_is_a_typing_error_is_pointed_at():
    large, small = torch.nn.Linear(1100, 1000), torch.nn.Linear(3, 3)
    given = TrainConfig(learning_rate=2.0, device="cpu", precision="fp32")
    assert "times the usual" in resolve(given, large).reasons["learning_rate"]
    assert resolve(given, small).reasons == {}
    usual = TrainConfig(learning_rate=1e-2, device="cpu", precision="fp32")
    assert resolve(usual, large).reasons == {}
    assert resolve(given, large.requires_grad_(False)).reasons == {}


def test_under_a_launcher_cuda_is_the_gpu_of_this_process(monkeypatch):
    model, settings = tiny_tagger(), TrainConfig(device="cuda", precision="fp32", learning_rate=1e-3)
    monkeypatch.setattr(torch, "empty", lambda *sizes, device: None)
    assert str(resolve(settings, model).device) == "cuda"
    monkeypatch.setenv("LOCAL_RANK", "1")
    found = resolve(settings, model)
    assert str(found.device) == found.config.device == "cuda:1"
