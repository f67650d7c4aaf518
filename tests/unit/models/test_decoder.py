"""The small decoder and its tokenizer: nothing is lost, the past is all it sees, one seed gives one model."""

import pytest
import torch

import companion
from companion.errors import ConfigError, DataError, ModelError
from companion.models.decoder import CONTROL, MiniDecoder, mini_decoder

TEXTS = ["beans take two days", "the duo does not grind", "où est mon café ☕"]


@pytest.fixture(scope="module")
def decoder() -> MiniDecoder:
    return mini_decoder(TEXTS, width=16, layers=1, heads=2, pieces=300, max_length=64)


@pytest.mark.parametrize("text", [*TEXTS, "咖啡机漏水", "\t a  b ", "never seen: Ωmega"])
def test_every_text_comes_back(text: str, decoder: MiniDecoder):
    ids = decoder.tokenizer(text, add_special_tokens=False)["input_ids"]
    assert decoder.tokenizer.decode(ids) == text


def test_every_control_piece_is_one_and_padding_is_not_the_end(decoder: MiniDecoder):
    tokenizer = decoder.tokenizer
    assert [tokenizer.convert_ids_to_tokens(tokenizer(piece)["input_ids"]) for piece in CONTROL] == [
        [piece] for piece in CONTROL
    ]
    assert tokenizer.pad_token_id != tokenizer.eos_token_id


def test_no_position_sees_what_comes_after_it(decoder: MiniDecoder):
    model = decoder.model_with_head(seed=0).eval()
    ids = torch.arange(20, 32).unsqueeze(0)
    changed = ids.clone()
    changed[0, 6:] = 40
    with torch.inference_mode():
        before, after = model(ids).logits, model(changed).logits
    assert torch.allclose(before[0, :6], after[0, :6], atol=1e-6)
    assert not torch.allclose(before[0, 6:], after[0, 6:], atol=1e-3)


def test_one_seed_one_model_and_the_random_state_is_untouched(decoder: MiniDecoder):
    torch.manual_seed(3)
    state = torch.get_rng_state()
    one, same, other = (decoder.model_with_head(seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one.lm_head.weight, same.lm_head.weight)
    assert not torch.equal(one.lm_head.weight, other.lm_head.weight)
    assert one.lm_head.weight is one.model.embed_tokens.weight
    assert decoder.parameter_count == sum(parameter.numel() for parameter in one.parameters())


def test_a_trained_body_is_where_the_next_model_starts_and_changes_the_digest(decoder: MiniDecoder):
    trained = decoder.model_with_head(seed=5)
    going_on = decoder.with_body(trained)
    assert torch.equal(going_on.model_with_head(seed=9).lm_head.weight, trained.lm_head.weight)
    assert going_on.model_with_head(seed=9).lm_head.weight is not trained.lm_head.weight
    assert going_on.digest != decoder.digest
    with pytest.raises(ModelError, match="no model of"):
        mini_decoder(TEXTS, width=32, heads=2, pieces=300).with_body(trained)
    with pytest.raises(ModelError, match="no head"):
        decoder.model_with_head("ForTokenClassification", seed=0)


@pytest.mark.parametrize("options", [{"width": 18, "heads": 4}, {"width": 12, "heads": 4}, {"pieces": 100}])
def test_shapes_that_cannot_be_are_refused(options):
    with pytest.raises(ConfigError):
        mini_decoder(TEXTS, **options)


def test_without_texts_there_are_no_pieces():
    with pytest.raises(DataError, match="no texts"):
        mini_decoder([])


def test_a_saved_decoder_is_opened_with_the_same_pieces_and_weights(decoder: MiniDecoder, tmp_path):
    model = decoder.model_with_head(seed=0)
    model.save_pretrained(tmp_path)
    decoder.tokenizer.save_pretrained(tmp_path)
    opened = companion.load_decoder(str(tmp_path))
    assert opened.tokenizer("a b", add_special_tokens=False)["input_ids"] == decoder.tokenizer("a b")["input_ids"]
    assert torch.equal(opened.model_with_head("ForCausalLM", seed=0).lm_head.weight, model.lm_head.weight)
