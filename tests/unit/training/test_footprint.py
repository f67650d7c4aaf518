"""The memory ledger: parameters and bytes equal those of real models, activations are near what autograd saves."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

from companion.errors import ConfigError
from companion.training.footprint import FOUR_BIT, SHAPES, ModelShape, estimate_memory

ROWS, LENGTH, LABELS, RANK = 3, 48, 5, 4


def encoder(layers: int = 3, *, dropout: float = 0.0, attention: str = "sdpa", **sizes: int) -> nn.Module:
    from transformers import BertConfig, BertForTokenClassification

    sizes = {"hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 256, "vocab_size": 500, **sizes}
    config = BertConfig(
        num_hidden_layers=layers,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        attn_implementation=attention,
        num_labels=LABELS,
        **sizes,
    )
    return BertForTokenClassification(config).train()


def decoder(layers: int = 3, **sizes: int) -> nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 176, "vocab_size": 500, **sizes}
    sizes = {"num_key_value_heads": 2, **sizes}
    return LlamaForCausalLM(LlamaConfig(num_hidden_layers=layers, tie_word_embeddings=False, **sizes)).train()


class LowRank(nn.Module):
    """A frozen linear layer with a thin pair of matrices beside it."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base
        self.down = nn.Parameter(torch.randn(RANK, base.in_features) / 100)
        self.up = nn.Parameter(torch.zeros(base.out_features, RANK))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.base(inputs) + (inputs @ self.down.T) @ self.up.T


def with_low_rank(model: nn.Module) -> nn.Module:
    model.requires_grad_(False)
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if name in {"query", "value", "q_proj", "v_proj"}:
                setattr(module, name, LowRank(child))
    if hasattr(model, "classifier"):
        model.classifier.requires_grad_(True)
    return model


def loss_of(model: nn.Module, precision: str = "fp32") -> torch.Tensor:
    ids = torch.randint(5, model.config.vocab_size, (ROWS, LENGTH))
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        logits = model(ids, attention_mask=torch.ones_like(ids)).logits
        return nn.functional.cross_entropy(logits.flatten(0, 1).float(), ids.flatten() % LABELS)


def saved_bytes(model: nn.Module, precision: str = "fp32") -> int:
    """The bytes that autograd keeps of one forward pass, each storage once, the model's own tensors not at all."""
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        loss_of(model, precision)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def ledger_of(model: nn.Module, **options: Any) -> Any:
    return estimate_memory(
        ModelShape.of(model.config), rows=ROWS, length=LENGTH, labels=LABELS, rank=RANK, **{"dropout": False, **options}
    )


def numbers(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_published_shapes_have_the_parameters_of_the_real_architectures() -> None:
    for published in SHAPES.values():
        shape = dataclasses.replace(published, layers=2)
        sizes = {
            "hidden_size": shape.width,
            "num_attention_heads": shape.heads,
            "intermediate_size": shape.inner,
            "vocab_size": shape.vocabulary,
        }
        with torch.device("meta"):
            if shape.decoder:
                model = decoder(shape.layers, num_key_value_heads=shape.key_heads or shape.heads, **sizes)
            else:
                model = encoder(shape.layers, **sizes)
        assert numbers(model) == shape.parameters(LABELS), shape.name
        assert dataclasses.replace(ModelShape.of(model.config, shape.name), key_heads=shape.key_heads) == shape
    assert len(SHAPES) == 7


def test_published_sizes_are_those_of_the_model_cards() -> None:
    millions = {name: round(shape.parameters() / 1e6) for name, shape in SHAPES.items()}
    assert millions == {
        "MiniLM-L6": 23,
        "BERT-base": 108,
        "BERT-large": 333,
        "TinyLlama 1.1B": 1100,
        "Llama 2 7B": 6738,
        "Llama 2 13B": 13016,
        "Llama 2 70B": 68977,
    }


def test_the_offline_encoder_has_the_shape_that_bears_its_name() -> None:
    from companion import load_encoder

    offline = load_encoder()
    assert ModelShape.of(offline.config, "MiniLM-L6") == SHAPES["MiniLM-L6"]
    model = offline.model_with_head("ForTokenClassification", seed=0, num_labels=LABELS)
    assert numbers(model) == SHAPES["MiniLM-L6"].parameters(LABELS)


@pytest.mark.parametrize("make", [encoder, decoder])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_weights_gradients_and_moments_are_exact(make: Any, method: str) -> None:
    model = make()
    if method == "lora":
        model = with_low_rank(model)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained)
    loss_of(model).backward()
    optimizer.step()
    ledger = ledger_of(model, method=method)
    assert ledger.trained == sum(parameter.numel() for parameter in trained)
    assert ledger.weights + ledger.adapters == sum(parameter.nbytes for parameter in model.parameters())
    assert ledger.gradients == sum(parameter.grad.nbytes for parameter in trained)
    means = [state[name] for state in optimizer.state.values() for name in ("exp_avg", "exp_avg_sq")]
    assert ledger.moments == sum(mean.nbytes for mean in means)


# A CPU's own kernel keeps no table of pairs without dropout; "eager" is attention by single operations.
CASES = {
    "encoder, fused": (lambda: encoder(), {}),
    "encoder, by steps": (lambda: encoder(attention="eager"), {"fused_attention": False}),
    "encoder, dropout": (
        lambda: encoder(dropout=0.1, attention="eager"),
        {"dropout": True, "fused_attention": False},
    ),
    "decoder": (lambda: decoder(), {}),
    "encoder, LoRA": (lambda: with_low_rank(encoder()), {"method": "lora"}),
    "encoder, LoRA, dropout": (
        lambda: with_low_rank(encoder(dropout=0.1, attention="eager")),
        {"method": "lora", "dropout": True, "fused_attention": False},
    ),
    "decoder, LoRA": (lambda: with_low_rank(decoder()), {"method": "lora"}),
}


@pytest.mark.parametrize("case", CASES)
def test_activations_are_within_five_per_cent_of_what_autograd_saves(case: str) -> None:
    make, options = CASES[case]
    model = make()
    assert ledger_of(model, **options).activations == pytest.approx(saved_bytes(model), rel=0.05)


@pytest.mark.parametrize("case", ["encoder, fused", "encoder, dropout", "decoder"])
def test_bf16_activations_with_their_copies_are_within_five_per_cent(case: str) -> None:
    make, options = CASES[case]
    model = make()
    ledger = ledger_of(model, precision="bf16", **options)
    assert ledger.activations + ledger.copies == pytest.approx(saved_bytes(model, "bf16"), rel=0.05)


def test_a_wrong_ledger_is_not_within_five_per_cent() -> None:
    model = encoder(dropout=0.1, attention="eager")
    found = saved_bytes(model)
    for wrong in ({"fused_attention": True, "dropout": True}, {"fused_attention": False, "dropout": False}):
        assert ledger_of(model, **wrong).activations != pytest.approx(found, rel=0.05)


def test_one_block_more_costs_one_line_more() -> None:
    for make in (encoder, decoder):
        few, more = make(2), make(3)
        assert ledger_of(more).layer == pytest.approx(saved_bytes(more) - saved_bytes(few), rel=0.01)


def test_checkpointing_keeps_the_inputs_of_the_blocks() -> None:
    model = encoder(6)
    ledger = ledger_of(model, activation_checkpointing=True)
    # The older, reentrant form hands its inputs to autograd, where they can be counted; it computes the same.
    model.gradient_checkpointing_enable({"use_reentrant": True})
    model.enable_input_require_grads()
    assert ledger.activations - ledger.layer == pytest.approx(saved_bytes(model), rel=0.05)
    assert ledger.activations < ledger_of(model).activations / 3


def test_a_four_bit_base_has_a_little_more_than_four_bits() -> None:
    shape = SHAPES["Llama 2 7B"]
    assert pytest.approx(4.127, abs=5e-4) == FOUR_BIT * 8
    four, sixteen = (
        estimate_memory(shape, rows=1, length=8, method=method, precision="bf16") for method in ("4-bit-lora", "lora")
    )
    rest = shape.parameters() - shape.matrices
    assert four.weights == round(FOUR_BIT * shape.matrices) + 2 * rest
    assert sixteen.weights == 2 * shape.parameters()
    assert four.adapters == sixteen.adapters == 4 * 32 * 8 * 4 * 4096


def test_the_lines_add_up() -> None:
    ledger = estimate_memory(SHAPES["BERT-base"], rows=4, length=64, precision="bf16")
    assert sum(ledger.lines().values()) == ledger.total == ledger.fixed + ledger.activations
    assert all(value > 0 for name, value in ledger.lines().items() if name != "adapters")


@pytest.mark.parametrize(
    "wrong", [{"rows": 0}, {"length": 1.5}, {"rank": True}, {"method": "magic"}, {"precision": "fp8"}]
)
def test_what_cannot_be_counted_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        estimate_memory(SHAPES["MiniLM-L6"], **{"rows": 1, "length": 8, **wrong})


def test_other_architectures_are_refused() -> None:
    from transformers import GPT2Config, LlamaConfig

    for config in (GPT2Config(), LlamaConfig(tie_word_embeddings=True)):
        with pytest.raises(ConfigError, match="not counted here"):
            ModelShape.of(config)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "ElectraConfig"},
        {"kind": "MistralConfig", "hidden_size": 5120, "num_attention_heads": 32, "head_dim": 128},
        {"kind": "LlamaConfig", "attention_bias": True},
        {"kind": "LlamaConfig", "mlp_bias": True},
    ],
)
def test_a_shape_that_would_be_counted_wrongly_is_refused(change):
    import transformers

    change = dict(change)
    config = getattr(transformers, change.pop("kind"))(**change)
    with pytest.raises(ConfigError, match="is not counted here"):
        ModelShape.of(config)


def test_a_llama_of_the_default_shape_is_counted_to_the_parameter():
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    with torch.device("meta"):
        real = LlamaForCausalLM(LlamaConfig())
    assert (
        sum(tensor.numel() for tensor in real.parameters())
        == ModelShape.of(LlamaConfig()).parameters()
        == 6_738_415_616
    )
