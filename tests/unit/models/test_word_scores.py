"""Scores at chosen positions alone are those of the whole forward pass: same loss, same gradient, for every head."""

from __future__ import annotations

import pytest
import torch

from companion.adaptation import LoRA, PromptTuning, adapt
from companion.corpora.microlanguage import MicroLanguage
from companion.encoding.contract import IGNORE_INDEX
from companion.errors import ModelError
from companion.models import load_encoder, mini_encoder
from companion.models.word_scores import HEADS, scorer_of, scores_at
from companion.objectives import CausalLMCrossEntropy
from companion.tasks import MaskedLMTask, TextTask
from tests.tokenizers import make_model_folder, training_sentences

# What stands between the last layer and the scores: nothing, a bias, a cap, a scale, a projection.
DECODERS = {
    "qwen2": {"tie_word_embeddings": True, "num_key_value_heads": 2},
    "llama": {"tie_word_embeddings": False},
    "gemma2": {"head_dim": 8, "final_logit_softcapping": 2.0},
    "cohere": {"logit_scale": 0.3},
    "granite": {"logits_scaling": 3.0},
    "phi": {},
    "opt": {"word_embed_proj_dim": 16, "ffn_dim": 48},
    "gpt2": {"n_inner": 48},
    "gpt_neox": {},
}
KINDS = {"wordpiece": "BertForMaskedLM", "bytelevel": "RobertaForMaskedLM", "unigram": "XLMRobertaForMaskedLM"}


@pytest.fixture(scope="module", params=["mini", *KINDS])
def task(request, tmp_path_factory) -> MaskedLMTask:
    if request.param == "mini":
        return MaskedLMTask(mini_encoder(MicroLanguage(seed=0).vocabulary, width=32, heads=2, dropout=0.0))
    return MaskedLMTask(load_encoder(str(make_model_folder(request.param, tmp_path_factory.mktemp("body") / "tiny"))))


def batch_of(task: MaskedLMTask) -> dict[str, torch.Tensor]:
    mini = task.encoder.name == "mini"
    texts = MicroLanguage(seed=0).text(12) if mini else training_sentences()[:12]
    source = task.batches(texts, batch_size=12, seed=0)
    return source.collate("unlabelled", range(12))


def loss_and_gradient(model, compute) -> tuple[torch.Tensor, torch.Tensor]:
    model.zero_grad(set_to_none=True)
    loss = compute(model)
    loss.backward()
    return loss.detach(), torch.cat([one.grad.flatten() for one in model.parameters() if one.grad is not None])


def test_loss_and_gradient_are_those_of_all_positions(task):
    model, batch = task.model(seed=1).double().eval(), batch_of(task)
    labels = batch["labels"]
    inputs = {name: tensor for name, tensor in batch.items() if name != "labels"}
    assert type(model).__name__ in HEADS
    assert scorer_of(model) is not None

    def whole(model):
        return task.objective.from_logits(model(**inputs).logits, labels)

    def chosen(model):
        return task.objective(model, {"unlabelled": batch})["masked_lm"]

    (slow, far), (fast, near) = loss_and_gradient(model, whole), loss_and_gradient(model, chosen)
    assert float((fast - slow).abs() / slow) < 1e-12
    assert near.shape == far.shape
    assert float((near - far).norm() / far.norm()) < 1e-12


def decoder_of(kind: str) -> torch.nn.Module:
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 48}
    sizes |= {"vocab_size": 60, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "max_position_embeddings": 32}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **{**sizes, **DECODERS[kind]}))
        for parameter in model.parameters():
            # Biases begin at zero and scales at one, where one that is left out would not be seen.
            torch.nn.init.normal_(parameter, 0.3, 0.3)
    return model


def answers(*, learned: float = 0.4) -> dict[str, torch.Tensor]:
    drawn = torch.Generator().manual_seed(0)
    ids = torch.randint(3, 60, (4, 9), generator=drawn)
    attention = torch.ones_like(ids)
    attention[0, 6:] = 0
    asked = (torch.rand(ids.shape, generator=drawn) < learned) & (attention == 1)
    return {"input_ids": ids, "attention_mask": attention, "labels": ids.where(asked, torch.tensor(IGNORE_INDEX))}


@pytest.mark.parametrize("method", [None, LoRA(rank=2, targets="all-linear"), PromptTuning(length=3)])
@pytest.mark.parametrize("kind", DECODERS)
def test_a_decoder_scores_what_it_is_to_learn_and_nothing_else(kind, method):
    model, batch, objective = decoder_of(kind), answers(), CausalLMCrossEntropy()
    model = (model if method is None else adapt(model, method)).double().eval()
    inputs = {name: tensor for name, tensor in batch.items() if name != "labels"}
    scored = []
    model.get_output_embeddings().register_forward_hook(lambda layer, given, scores: scored.append(scores.shape))

    def whole(model):
        return objective.from_logits(model(**inputs).logits, batch["labels"])

    def chosen(model):
        return objective(model, {"text": batch})["causal_lm"]

    (slow, far), (fast, near) = loss_and_gradient(model, whole), loss_and_gradient(model, chosen)
    assert float((fast - slow).abs() / slow) < 1e-12
    assert float((near - far).norm() / far.norm()) < 1e-10
    count = objective.counts({"text": batch})["causal_lm"]
    prompt = 3 if isinstance(method, PromptTuning) else 0
    assert scored == [(4, 9 + prompt, 60), (1, count, 60)]


def test_a_cap_that_is_forgotten_would_be_seen():
    model, batch, objective = decoder_of("gemma2").eval(), answers(), CausalLMCrossEntropy()
    right = objective(model, {"text": batch})["causal_lm"]
    model.config.final_logit_softcapping = None
    assert float((objective(model, {"text": batch})["causal_lm"] - right).abs() / right) > 0.01


def test_a_piece_without_a_label_is_a_loss_of_nothing():
    model, batch = decoder_of("llama"), answers(learned=0.0)
    loss = CausalLMCrossEntropy()(model, {"text": batch})["causal_lm"]
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert not any(parameter.grad.any() for parameter in model.parameters() if parameter.grad is not None)


def test_no_other_position_is_scored(task):
    model, batch = task.model(seed=1).eval(), batch_of(task)
    chosen = batch.pop("labels") != IGNORE_INDEX
    seen = []
    head = model.cls["predictions"]["transform"] if task.encoder.name == "mini" else scorer_of(model)
    head.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].shape[:-1]))
    assert scores_at(model, batch, chosen).shape == (int(chosen.sum()), model.config.vocab_size)
    assert seen == [(int(chosen.sum()),)]


def test_a_wrapped_model_is_run_as_a_whole(tmp_path):
    task = MaskedLMTask(load_encoder(str(make_model_folder("wordpiece", tmp_path / "tiny"))))
    batch = batch_of(task)
    model = adapt(task.model(seed=1), LoRA(rank=2)).eval()
    assert scorer_of(model) is None
    labels = batch["labels"]
    inputs = {name: tensor for name, tensor in batch.items() if name != "labels"}
    with torch.no_grad():
        slow = task.objective.from_logits(model(**inputs).logits, labels)
        fast = task.objective(model, {"unlabelled": batch})["masked_lm"]
    assert abs(float(fast - slow)) < 1e-5 * float(slow)


def test_a_model_without_the_head_is_told_so(tmp_path):
    encoder = load_encoder(str(make_model_folder("wordpiece", tmp_path / "tiny")))
    task, classifier = MaskedLMTask(encoder), TextTask(("bad", "good"), encoder).model()
    with pytest.raises(ModelError, match="no masked-language head"):
        task.objective(classifier, {"unlabelled": batch_of(task)})


def test_a_compiled_model_is_run_as_a_whole():
    model = MaskedLMTask(mini_encoder(["word"], width=8, heads=2)).model()
    assert scorer_of(model) is not None
    model.compile(backend="eager")
    assert scorer_of(model) is None
