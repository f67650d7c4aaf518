"""Encoders with a decoder beside them, decoders that lack a head: what works, and what is said where it does not."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import transformers
from transformers import AutoModel

import companion
from companion.corpora.records import Sentence
from companion.corpora.texts import Text
from companion.errors import ModelError
from companion.models import load_encoder
from companion.tasks import TextTask, TokenTask
from tests.tokenizers import make_tokenizer

TEXTS = [Text(text=text, label=label) for text, label in (("Müller left", "a"), ("Angela Merkel visited", "b"))]
WORDS = [Sentence(words=("Müller", "left"), tags=("B-P", "O"))]
QUIET = companion.TrainConfig(epochs=2, learning_rate=1e-2, precision="fp32", device="cpu", progress=False)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Random T5 (whole, and its encoder alone), BART and OPT."""
    tokenizer = make_tokenizer("unigram")
    sizes = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id, "max_position_embeddings": 128}
    sizes |= {"bos_token_id": tokenizer.cls_token_id, "eos_token_id": tokenizer.sep_token_id}
    layers = {f"{side}_{size}": 2 for side in ("encoder", "decoder") for size in ("layers", "attention_heads")}
    t5 = transformers.T5Config(d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2, **sizes)
    bart = transformers.BartConfig(d_model=32, encoder_ffn_dim=64, decoder_ffn_dim=64, **layers, **sizes)
    opt = {"hidden_size": 32, "ffn_dim": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    models = {
        "t5": transformers.T5Model(copy.deepcopy(t5)),
        "t5-encoder": transformers.T5EncoderModel(t5),
        "bart": transformers.BartModel(bart),
        "opt": transformers.OPTModel(transformers.OPTConfig(word_embed_proj_dim=32, **opt, **sizes)),
    }
    place = tmp_path_factory.mktemp("models")
    for name, model in models.items():
        model.save_pretrained(place / name)
        tokenizer.save_pretrained(place / name)
    return {name: str(place / name) for name in models}


@pytest.mark.parametrize("name", ["t5", "t5-encoder", "bart", "opt"])
def test_texts_are_learned_from_the_mean_and_the_export_opens(
    name: str, folders: dict[str, str], tmp_path: Path
) -> None:
    task = TextTask(("a", "b"), load_encoder(folders[name]))
    run = companion.train(task.model(), task.batches(TEXTS), task.objective, QUIET, say=lambda line: None)
    folder = run.export(tmp_path / "model")
    again = companion.load(folder)
    assert again.task.predict(again.model, TEXTS) == task.predict(run.model, TEXTS)
    if name != "bart":
        body = run.model.base_model.state_dict()
        opened = (transformers.T5EncoderModel if "t5" in name else AutoModel).from_pretrained(folder).state_dict()
        assert all(body[key].equal(opened[key]) for key in body)


def test_of_t5_the_mean_reads_the_encoder_alone(folders: dict[str, str]) -> None:
    models = [TextTask(("a", "b"), load_encoder(folders[name])).model() for name in ("t5", "t5-encoder")]
    assert {type(model.base_model).__name__ for model in models} == {"T5EncoderModel"}
    assert not any("decoder" in name for name, _ in models[0].named_parameters())


def test_what_needs_a_decoder_says_so_of_an_encoder_alone(folders: dict[str, str]) -> None:
    encoder = load_encoder(folders["t5-encoder"])
    with pytest.raises(ModelError, match="'t5-encoder' holds an encoder alone, and this head of t5 needs its") as e:
        TextTask(("a", "b"), encoder, pooling="cls").model()
    assert 'pooling="mean"' in e.value.remedy
    assert TokenTask(("O", "B-P", "I-P"), encoder).model()
    assert TextTask(("a", "b"), load_encoder(folders["t5"]), pooling="cls").model()


@pytest.mark.parametrize("name", ["opt", "bart"])
def test_an_architecture_without_the_head_is_named_as_such(name: str, folders: dict[str, str]) -> None:
    task = TokenTask(("O", "B-P", "I-P"), load_encoder(folders[name]))
    with pytest.raises(ModelError, match=f"no head 'ForTokenClassification' for {name}") as caught:
        task.model()
    assert "damaged" not in caught.value.remedy and "another architecture" in caught.value.remedy
