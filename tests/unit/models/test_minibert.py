"""MiniBERT is BERT: same weights, same states, in both directions; and tasks take it like any encoder."""

import pytest
import torch

import companion
from companion import MicroLanguage, TokenTask, mini_encoder
from companion.errors import ConfigError, ModelError
from companion.models import load_encoder
from companion.models.miniature import save_mini
from companion.models.minibert import MiniBert, MiniBertForMaskedLM

WORLD = MicroLanguage(seed=0)
ENCODER = mini_encoder(WORLD.vocabulary, width=32, heads=2)


def batch(rows: int = 4, longest: int = 12) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    ids = torch.randint(5, len(WORLD.vocabulary), (rows, longest), generator=draw)
    mask = (torch.arange(longest) < torch.tensor([[3], [7], [11], [12]])[:rows]).long()
    return {"input_ids": ids * mask, "attention_mask": mask}


def test_the_forward_pass_equals_transformers_both_ways(tmp_path) -> None:
    from transformers import BertModel

    ours = ENCODER.model_with_head("", seed=1).double().eval()
    inputs = batch()
    real = inputs["attention_mask"].bool()
    save_mini(ours, ENCODER.tokenizer, tmp_path / "mini")
    theirs = BertModel.from_pretrained(tmp_path / "mini", add_pooling_layer=False).double().eval()
    with torch.inference_mode():
        mine, his = ours(**inputs).last_hidden_state, theirs(**inputs).last_hidden_state
    assert (mine - his)[real].abs().max() < 1e-10
    theirs.apply(lambda module: module.reset_parameters() if hasattr(module, "reset_parameters") else None)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    with torch.inference_mode():
        mine, his = ours(**inputs).last_hidden_state, theirs(**inputs).last_hidden_state
    assert (mine - his)[real].abs().max() < 1e-5


def test_the_masked_language_head_equals_transformers(tmp_path) -> None:
    from transformers import BertForMaskedLM

    ours = ENCODER.model_with_head("ForMaskedLM", seed=2).double().eval()
    theirs = BertForMaskedLM(ours.config).double().eval()
    missing, unexpected = theirs.load_state_dict(ours.state_dict(), strict=False)
    assert not unexpected and all("decoder" in name or "position_ids" in name for name in missing)
    theirs.tie_weights()
    with torch.inference_mode():
        mine, his = ours(**batch()).logits, theirs(**batch()).logits
    assert (mine - his)[batch()["attention_mask"].bool()].abs().max() < 1e-10


def test_a_saved_body_opens_as_an_encoder_and_its_heads_start_from_it(tmp_path) -> None:
    task = TokenTask(WORLD.corpus(train=2, dev=2, test=2).labels, ENCODER)
    model = task.model(seed=5)
    folder = save_mini(model, ENCODER.tokenizer, tmp_path / "body")
    other = TokenTask(task.labels, load_encoder(str(folder))).model(seed=0)
    for name, tensor in model.bert.state_dict().items():
        assert torch.equal(other.bert.state_dict()[name], tensor), name


def test_padding_is_invisible_and_attention_sums_to_one() -> None:
    body = ENCODER.model_with_head("", seed=1).eval()
    inputs = batch()
    with torch.inference_mode():
        whole = body(**inputs, output_attentions=True)
        alone = body(inputs["input_ids"][:1, :3])
    assert torch.allclose(whole.last_hidden_state[0, :3], alone.last_hidden_state[0], atol=1e-5)
    assert len(whole.attentions) == 2 and whole.attentions[0].shape == (4, 2, 12, 12)
    assert torch.allclose(whole.attentions[1].sum(-1), torch.ones(4, 2, 12), atol=1e-5)
    assert float(whole.attentions[0][0, :, :, 3:].abs().max()) == 0.0


def test_heads_depend_on_the_seed_alone_and_start_from_the_body() -> None:
    state = torch.random.get_rng_state()
    one, again, other = (ENCODER.model_with_head("ForMaskedLM", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), again.parameters(), strict=True))
    assert not torch.equal(one.bert.embeddings.word_embeddings.weight, other.bert.embeddings.word_embeddings.weight)
    started = ENCODER.with_body(one).model_with_head("ForTokenClassification", seed=9, num_labels=3)
    assert torch.equal(started.bert.embeddings.word_embeddings.weight, one.bert.embeddings.word_embeddings.weight)
    assert started.bert is not one.bert
    assert ENCODER.with_body(one).digest != ENCODER.digest == mini_encoder(WORLD.vocabulary, width=32, heads=2).digest


def test_the_head_is_tied_and_scores_chosen_positions_alike() -> None:
    model = ENCODER.model_with_head("ForMaskedLM", seed=1).eval()
    assert isinstance(model, MiniBertForMaskedLM)
    inputs = batch()
    with torch.inference_mode():
        logits = model(**inputs).logits
        chosen = model.score(model.base_model(**inputs).last_hidden_state[0, 1:3])
    assert torch.allclose(logits[0, 1:3], chosen, atol=1e-6)
    assert sum(p.numel() for p in model.parameters()) < sum(p.numel() for p in model.bert.parameters()) + 3000


def test_adaptation_knows_the_body() -> None:
    model = TokenTask(("O", "B-X"), ENCODER).model()
    head = companion.adapt(model, companion.HeadOnly())
    trained = [name for name, parameter in head.named_parameters() if parameter.requires_grad]
    assert trained == ["classifier.weight", "classifier.bias"]
    top = companion.adapt(TokenTask(("O", "B-X"), ENCODER).model(), companion.TopLayers(1))
    trained = {name.split(".")[3] for name, p in top.named_parameters() if p.requires_grad and "layer" in name}
    assert trained == {"1"}


def test_what_cannot_be_built_is_refused() -> None:
    with pytest.raises(ConfigError):
        mini_encoder(["a", "a"])
    with pytest.raises(ConfigError):
        mini_encoder(["a", "[MASK]"])
    with pytest.raises(ConfigError, match="multiple of heads"):
        mini_encoder(["a"], width=10, heads=4)
    with pytest.raises(ModelError, match="no head"):
        ENCODER.model_with_head("ForQuestionAnswering", seed=0)
    with pytest.raises(ModelError, match="no trained head"):
        ENCODER.model_with_head("ForMaskedLM", seed=0, new_head=False)
    with pytest.raises(ModelError, match="is no model of mini"):
        ENCODER.with_body(torch.nn.Linear(2, 2))
    config = ENCODER.model_with_head("", seed=0).config
    config.num_attention_heads = 5
    with pytest.raises(ConfigError):
        MiniBert(config)
