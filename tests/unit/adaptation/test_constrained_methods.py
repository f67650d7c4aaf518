"""BitFit, bottlenecks, LoRA, AdaLoRA, prefix, prompt: counts, identity at the start, equality with a by-hand form."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import companion
from companion.adaptation import (
    AdaLoRA,
    BitFit,
    Bottleneck,
    BottleneckAdapter,
    Full,
    HeadOnly,
    LoRA,
    PrefixTuning,
    PromptTuning,
    TopLayers,
    adapt,
    adaptation_of,
    count_trainable,
    trainable_table,
)
from companion.corpora.records import Sentence
from companion.errors import ConfigError, MissingDependencyError, ObjectiveError
from companion.models.origin import exporter_of, remember_exporter
from companion.objectives import TokenCrossEntropy
from companion.tasks import TokenTask
from companion.training import TrainConfig, train
from companion.training.resolve import suggest_learning_rate
from tests.tiny import LABELS, TinyEvaluator, tiny_batches, tiny_tagger

HEAD = {"classifier.weight", "classifier.bias"}
WIDTHS = [(32, 2), (48, 3), (64, 1)]
METHODS = [
    HeadOnly(),
    TopLayers(1),
    BitFit(),
    BottleneckAdapter(4),
    BottleneckAdapter(4, after="feed-forward"),
    LoRA(4),
    LoRA(2, targets="all-linear"),
    LoRA(2, targets=("output.dense",)),
    AdaLoRA(2, 4),
    PrefixTuning(3),
    PromptTuning(3),
]
ADDING = [method for method in METHODS if not isinstance(method, (HeadOnly, TopLayers, BitFit))]


def tagger(width: int = 32, layers: int = 2, **config):
    from transformers import BertConfig, BertForTokenClassification

    made = BertConfig(
        vocab_size=60,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=2 * width,
        max_position_embeddings=64,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        id2label=dict(enumerate(LABELS)),
        label2id={label: index for index, label in enumerate(LABELS)},
        **config,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return BertForTokenClassification(made).eval()


def rows(count: int = 3, length: int = 9) -> dict[str, torch.Tensor]:
    ids = torch.randint(5, 60, (count, length), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    mask[0, -3:] = 0
    return {"input_ids": ids, "attention_mask": mask}


def logits(model) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(**rows()).logits


def added(model) -> int:
    return sum(count for part, (count, _) in count_trainable(model).items() if part.startswith("added"))


@pytest.mark.parametrize(("width", "layers"), WIDTHS)
def test_trainable_counts_follow_from_the_sizes(width, layers):
    def trained(method):
        return sum(count for count, _ in count_trainable(adapt(tagger(width, layers), method)).values())

    head = width * len(LABELS) + len(LABELS)
    inner = 2 * width
    # Biases: queries, keys, values, two outputs and two normalisations a layer, and one normalisation below.
    assert trained(BitFit()) == head + layers * (4 * width + inner + width + 2 * width) + width
    assert trained(BottleneckAdapter(5)) == head + layers * 2 * (2 * width * 5 + 5 + width)
    assert trained(BottleneckAdapter(5, after="feed-forward")) == head + layers * (2 * width * 5 + 5 + width)
    assert trained(LoRA(3)) == head + layers * 2 * 3 * (width + width)
    attention, feed_forward = 4 * (width + width), 2 * (width + inner)
    assert trained(LoRA(3, targets="all-linear")) == head + layers * 3 * (attention + feed_forward)
    assert trained(AdaLoRA(2, 3)) == head + layers * 2 * (3 * (width + width) + 3)
    assert trained(PrefixTuning(7)) == head + layers * 2 * 7 * width
    assert trained(PromptTuning(7)) == head + 7 * width
    assert trained(HeadOnly()) == head


@pytest.mark.parametrize("method", ADDING, ids=repr)
def test_what_was_there_is_untouched_and_the_table_adds_up(method):
    before = {name: tensor.clone() for name, tensor in tagger().state_dict().items()}
    model = adapt(tagger(), method)
    plain = sum(tensor.numel() for tensor in tagger().parameters())
    counts = count_trainable(model)
    assert sum(total for _, total in counts.values()) == plain + added(model)
    assert added(model) > 0
    assert counts["bert.encoder"][0] == counts["bert.embeddings"][0] == 0
    assert counts["classifier"] == (165, 165)
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    kept = {
        name.replace(".base_layer", "").replace(".original_module", ""): tensor
        for name, tensor in inner.state_dict().items()
    }
    assert all(torch.equal(kept[name], tensor) for name, tensor in before.items())
    assert f"added ({method.name})" in trainable_table(model)


@pytest.mark.parametrize("method", [method for method in METHODS if "tuning" not in method.name], ids=repr)
def test_at_the_start_nothing_changes_to_the_bit(method):
    assert torch.equal(logits(tagger()), logits(adapt(tagger(), method)))


@pytest.mark.parametrize("method", [PrefixTuning(3), PromptTuning(3)], ids=repr)
def test_a_prefix_changes_the_output_from_the_start(method):
    assert (logits(tagger()) - logits(adapt(tagger(), method))[:, -9:]).abs().max() > 1e-3


@pytest.mark.parametrize("method", ADDING, ids=repr)
def test_the_first_values_depend_on_the_seed_alone(method):
    def first(seed):
        state = torch.get_rng_state()
        model = adapt(tagger(), dataclasses.replace(method, seed=seed))
        assert torch.equal(state, torch.get_rng_state())
        return torch.cat(
            [tensor.flatten() for name, tensor in model.named_parameters() if tensor.requires_grad]
        ).detach()

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_training_moves_what_is_trainable_and_nothing_else(method):
    model = adapt(tiny_tagger(), method)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    run = train(
        model,
        tiny_batches(),
        TokenCrossEntropy(),
        TrainConfig(epochs=3, learning_rate=1e-2, precision="fp32", progress=False),
        say=lambda line: None,
    )
    assert run.losses[-1] < run.losses[0]
    moved = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved <= trained
    assert len(moved) >= 0.8 * len(trained)


@pytest.mark.parametrize("method", [method for method in METHODS if "tuning" not in method.name], ids=repr)
def test_prediction_and_evaluation_work_with_every_method(method):
    encoder = companion.mini_encoder(["ann", "sees", "bob", "in", "rome"])
    task = TokenTask(LABELS, encoder)
    model = adapt(task.model(), method)
    sentences = [Sentence(words=("ann", "sees", "rome"), tags=("B-PER", "O", "B-LOC"), source="made")] * 3
    [first, *_] = task.predict(model, sentences)
    assert len(first.tags) == 3
    assert 0 <= task.evaluator(sentences)(model)["entity_f1"] <= 1


@pytest.mark.parametrize("method", [PrefixTuning(2), PromptTuning(2)], ids=repr)
def test_a_body_that_takes_no_vectors_cannot_have_a_prefix(method):
    model = TokenTask(LABELS, companion.mini_encoder(["ann", "rome"])).model()
    with pytest.raises(ConfigError, match="is not known to work with MiniBert"):
        adapt(model, method)


SIZES = st.tuples(st.integers(1, 7), st.integers(7, 24), st.integers(7, 24), st.integers(0, 2**31))


@settings(max_examples=40, deadline=None)
@given(SIZES, st.floats(0.5, 64))
def test_a_low_rank_layer_by_hand_is_that_of_peft(sizes, alpha):
    from peft import LoraConfig
    from peft.tuners.lora import Linear

    rank, inputs, outputs, seed = sizes
    torch.manual_seed(seed)
    base = nn.Linear(inputs, outputs)
    layer = Linear(base, "default", LoraConfig(r=rank, lora_alpha=alpha), r=rank, lora_alpha=alpha)
    a, b = torch.randn(rank, inputs), torch.randn(outputs, rank)
    with torch.no_grad():
        layer.lora_A["default"].weight.copy_(a)
        layer.lora_B["default"].weight.copy_(b)
        x = torch.randn(5, inputs)
        by_hand = x @ base.weight.T + base.bias + (alpha / rank) * (x @ a.T) @ b.T
        torch.testing.assert_close(layer(x), by_hand, rtol=1e-5, atol=1e-6 * float(by_hand.abs().max()))
        merged = base.weight + (alpha / rank) * b @ a
        unmerged = base.weight.clone()
        layer.merge()
        torch.testing.assert_close(base.weight, merged)
        layer.unmerge()
        torch.testing.assert_close(base.weight, unmerged, rtol=1e-4, atol=1e-5 * float(merged.abs().max()))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 24), st.integers(1, 24), st.integers(0, 2**31))
def test_a_bottleneck_by_hand_is_that_of_the_package(width, size, seed):
    torch.manual_seed(seed)
    layer, x = Bottleneck(width, size), torch.randn(4, 3, width)
    assert torch.equal(layer(x), x)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
        narrow = x @ layer.down.weight.T + layer.down.bias
        smooth = narrow * 0.5 * (1 + torch.erf(narrow / math.sqrt(2)))
        by_hand = x + smooth @ layer.up.weight.T + layer.up.bias
        torch.testing.assert_close(layer(x), by_hand, rtol=1e-5, atol=1e-5)


def attend(layer, hidden, mask, before=None):
    """One BERT layer by hand, with keys and values that stand before those of the text."""
    rows, positions, width = hidden.shape
    heads = 2

    def split(x):
        return x.view(rows, -1, heads, width // heads).transpose(1, 2)

    own = layer.attention.self
    query, key, value = split(own.query(hidden)), split(own.key(hidden)), split(own.value(hidden))
    if before is not None:
        key = torch.cat([before[0].expand(rows, -1, -1, -1), key], 2)
        value = torch.cat([before[1].expand(rows, -1, -1, -1), value], 2)
        mask = torch.cat([torch.ones(rows, before[0].shape[2]), mask.float()], 1)
    scores = query @ key.transpose(-1, -2) / math.sqrt(width // heads)
    scores = scores.masked_fill(mask[:, None, None] == 0, -torch.inf)
    context = (scores.softmax(-1) @ value).transpose(1, 2).reshape(rows, positions, width)
    output = layer.attention.output
    middle = output.LayerNorm(output.dense(context) + hidden)
    inner = nn.functional.gelu(layer.intermediate.dense(middle))
    return layer.output.LayerNorm(layer.output.dense(inner) + middle)


@pytest.mark.parametrize("length", [1, 4])
def test_prefix_tuning_by_hand_is_more_keys_and_values_and_moves_the_text(length):
    model = adapt(tagger(32, 2), PrefixTuning(length))
    plain, given = model.get_base_model(), rows()
    vectors = model.prompt_encoder["default"].embedding.weight
    # Length × (layers · 2 · width): for each layer keys, then values.
    keys_values = vectors.view(length, 2, 2, 2, 16).permute(1, 2, 3, 0, 4)
    with torch.no_grad():
        places = torch.arange(length, length + 9)
        bert = plain.bert
        hidden = bert.embeddings(input_ids=given["input_ids"], position_ids=places[None])
        for layer, before in zip(bert.encoder.layer, keys_values, strict=True):
            hidden = attend(layer, hidden, given["attention_mask"], before[:, None])
        by_hand = plain.classifier(hidden)
    real = given["attention_mask"].bool()
    torch.testing.assert_close(logits(model)[real], by_hand[real], rtol=1e-4, atol=1e-5)


def test_prompt_tuning_by_hand_is_more_embeddings():
    model, given = adapt(tagger(), PromptTuning(3)), rows()
    plain = model.get_base_model()
    vectors = model.prompt_encoder["default"].embedding.weight
    with torch.no_grad():
        words = plain.bert.embeddings.word_embeddings(given["input_ids"])
        embedded = torch.cat([vectors.expand(3, -1, -1), words], 1)
        mask = torch.cat([torch.ones(3, 3), given["attention_mask"]], 1)
        by_hand = plain(inputs_embeds=embedded, attention_mask=mask).logits
    assert logits(model).shape == (3, 12, 5)
    torch.testing.assert_close(logits(model), by_hand)


def test_the_exporter_of_a_task_survives_the_wrapping():
    model = tiny_tagger()
    remember_exporter(model, print)
    assert exporter_of(adapt(model, LoRA(2))) is print


@pytest.mark.parametrize("first", ADDING, ids=repr)
def test_an_adapted_model_is_not_adapted_again(first):
    model = adapt(tiny_tagger(), first)
    with pytest.raises(ConfigError, match="carries an adapter already"):
        adapt(model, Full())
    assert adaptation_of(model) is not None


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: LoRA(0), "rank is 0"),
        (lambda: LoRA(True), "rank is True"),
        (lambda: LoRA(2.0), "rank is 2.0"),
        (lambda: LoRA(2, alpha=0), "alpha is 0"),
        (lambda: LoRA(2, alpha=math.nan), "alpha is nan"),
        (lambda: LoRA(2, dropout=1.0), "dropout is 1.0"),
        (lambda: AdaLoRA(4, 4), "start_rank 4 is not above rank 4"),
        (lambda: AdaLoRA(4, 6, begin=0.7, end=0.7), "begin is 0.7 and end 0.7"),
        (lambda: AdaLoRA(4, 6, every=0), "every is 0"),
        (lambda: BottleneckAdapter(0), "size is 0"),
        (lambda: BottleneckAdapter(4, after="attention"), "after is 'attention'"),
        (lambda: PrefixTuning(0), "length is 0"),
        (lambda: PromptTuning(-3), "length is -3"),
    ],
)
def test_a_setting_outside_its_range_is_refused(make, problem):
    with pytest.raises(ConfigError, match=problem):
        make()


@pytest.mark.parametrize(
    ("method", "problem", "remedy"),
    [
        (LoRA(4, targets="no_such"), "no linear layer of BertModel is called 'no_such'", "query"),
        (LoRA(4, targets=("query", "classifier")), "called 'classifier'", "all-linear"),
        (LoRA(33), "rank 33, but .* is 32 × 32", "32 at most"),
        (AdaLoRA(30, 33), "rank 33", "32 at most"),
        (PrefixTuning(33), "length 33, but the model knows 64", "32 at most"),
        (PromptTuning(33), "length 33, but the model knows 64", "32 at most"),
    ],
)
def test_what_does_not_fit_the_model_is_refused_with_what_would(method, problem, remedy):
    model = tagger()
    with pytest.raises(ConfigError, match=problem) as caught:
        adapt(model, method)
    assert remedy in caught.value.remedy
    assert torch.equal(logits(model), logits(tagger()))
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("method", [LoRA(2), BottleneckAdapter(2), BitFit(), PrefixTuning(2)], ids=repr)
def test_a_model_without_a_body_is_refused(method):
    with pytest.raises(ConfigError, match="has no body"):
        adapt(nn.Linear(2, 2), method)


def test_an_architecture_without_known_targets_asks_for_their_names():
    model = tagger()
    model.config.model_type = "home-made"
    for layer in model.bert.encoder.layer:
        own = layer.attention.self
        own.asks, own.key, own.gives = own.query, own.key, own.value
        del own.query, own.value
    with pytest.raises(ConfigError, match="usual targets .* are not known") as caught:
        adapt(model, LoRA(2))
    assert "key" in caught.value.remedy
    assert added(adapt(model, LoRA(2, targets=("key",)))) == 2 * 2 * 64


@pytest.mark.parametrize("method", [PrefixTuning(8), PromptTuning(8)], ids=repr)
def test_a_text_that_leaves_no_room_for_the_prefix_is_refused(method):
    model = adapt(tagger(), method)
    ids = torch.full((1, 57), 7)
    with pytest.raises(ObjectiveError, match="57 word pieces and 8 positions") as caught:
        model(input_ids=ids, attention_mask=torch.ones_like(ids))
    assert "max_length=56" in caught.value.remedy


def test_a_package_that_peft_refuses_is_named_with_the_remedy(monkeypatch):
    import peft

    def refuse(*args, **options):
        raise ImportError("Found an incompatible version of torchao. Found version 0.10.0")

    monkeypatch.setattr(peft, "get_peft_model", refuse)
    with pytest.raises(MissingDependencyError, match="incompatible version of torchao") as caught:
        adapt(tiny_tagger(), LoRA(2))
    assert "pip uninstall -y torchao" in caught.value.remedy


def test_a_few_trained_parameters_are_given_a_larger_learning_rate():
    assert suggest_learning_rate(adapt(tagger(64, 1), PromptTuning(1)))[0] == 1e-3
    assert suggest_learning_rate(tagger(64, 1)) != suggest_learning_rate(adapt(tagger(64, 1), PromptTuning(1)))


def test_two_evaluations_of_an_adapted_model_agree():
    model, evaluate = adapt(tiny_tagger(), LoRA(2)), TinyEvaluator()
    assert evaluate(model) == evaluate(model)


def other(kind: str):
    """A small model of another architecture, whose head or layers are built in another way."""
    import transformers

    sizes = {"vocab_size": 60, "max_position_embeddings": 64, "num_labels": 3}
    bert = {**sizes, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if kind == "distilbert":
            config = transformers.DistilBertConfig(**sizes, dim=32, n_layers=2, n_heads=2, hidden_dim=64)
            return transformers.DistilBertForSequenceClassification(config)
        if kind == "electra":
            return transformers.ElectraForTokenClassification(transformers.ElectraConfig(**bert, embedding_size=16))
        return transformers.RobertaForSequenceClassification(transformers.RobertaConfig(**bert))


@pytest.mark.parametrize("kind", ["roberta", "distilbert", "electra"])
@pytest.mark.parametrize("method", [BitFit(), BottleneckAdapter(4), LoRA(2), LoRA(2, targets="all-linear")], ids=repr)
def test_other_architectures_keep_their_whole_head(kind, method):
    model = other(kind)
    head = {name for name, _ in model.named_parameters() if "classifier" in name}
    before = model.eval()(**rows(length=7)).logits
    adapted = adapt(model, method)
    assert torch.equal(adapted.eval()(**rows(length=7)).logits, before)
    trained = {
        name.removeprefix("base_model.model.").replace(".modules_to_save.default", "")
        for name, parameter in adapted.named_parameters()
        if parameter.requires_grad
    }
    assert head <= trained
    assert len(head) == {"roberta": 4, "distilbert": 4, "electra": 2}[kind]


@pytest.mark.parametrize("after", ["both", "feed-forward"])
def test_bottlenecks_fit_a_llama(after):
    from transformers import LlamaConfig, LlamaForSequenceClassification

    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    model = LlamaForSequenceClassification(LlamaConfig(vocab_size=60, num_labels=3, pad_token_id=0, **sizes))
    count = added(adapt(model, BottleneckAdapter(4, after=after)))
    assert count == (2 if after == "both" else 1) * 2 * (2 * 32 * 4 + 4 + 32)


@pytest.mark.parametrize("kind", ["electra", "distilbert", "roberta"])
def test_prompts_are_as_wide_as_the_word_vectors(kind):
    adapted = adapt(other(kind), PromptTuning(length=3))
    adapted(**rows(length=7)).logits.sum().backward()
    [prompt] = [parameter for name, parameter in adapted.named_parameters() if "prompt_encoder" in name]
    assert prompt.shape == (3, 16 if kind == "electra" else 32)
    assert prompt.grad.abs().sum() > 0


def test_a_body_that_takes_no_keys_and_values_is_refused_before_training():
    with pytest.raises(ConfigError, match="take no keys and values"):
        adapt(other("distilbert"), PrefixTuning(length=3))


@pytest.mark.parametrize("method", [PrefixTuning(length=4), PromptTuning(length=4)], ids=repr)
def test_the_positions_that_roberta_keeps_for_itself_are_no_room(method):
    adapted = adapt(other("roberta"), method).eval()
    # 64 positions in its table, of which padding and what lies below it take two.
    adapted(input_ids=torch.full((1, 58), 7), attention_mask=torch.ones(1, 58, dtype=torch.long))
    with pytest.raises(ObjectiveError, match="the model knows 62\n.*max_length=58 or less"):
        adapted(input_ids=torch.full((1, 59), 7), attention_mask=torch.ones(1, 59, dtype=torch.long))
