"""The head of a decoder for texts: rows of different lengths, with and without a piece for padding."""

from __future__ import annotations

import pytest
import transformers

import companion
from companion.adaptation import LoRA, PrefixTuning, PromptTuning, adapt
from companion.corpora.texts import Text
from companion.errors import ConfigError
from companion.models import load_encoder
from companion.models.text_head import padding_piece, reads_left_to_right
from companion.tasks import TextTask
from companion.training import TrainConfig, train
from tests.decoders import KINDS, make_decoder_folder

LABELS = ("here", "there")
SAID = ["Müller left", "Angela Merkel visited New York City on 12 May 2021 , and O'Brien left", "S. Gomez"]
ROWS = [Text(text=text, label=LABELS[number % 2]) for number, text in enumerate(SAID * 2)]


@pytest.fixture(scope="module", params=[(kind, pad) for kind in KINDS for pad in (False, True)], ids=repr)
def task(request, tmp_path_factory):
    kind, pad = request.param
    folder = make_decoder_folder(kind, tmp_path_factory.mktemp("decoders") / kind, pad=pad)
    return TextTask(LABELS, load_encoder(str(folder)), pooling="cls")


def test_a_decoder_reads_the_last_piece_of_every_text_and_no_padding(task):
    model = task.model().eval()
    assert model.config.pad_token_id == task.pad_token_id
    together = task.predict(model, SAID)
    for text, found in zip(SAID, together, strict=True):
        assert found.probabilities == pytest.approx(task.predict(model, [text])[0].probabilities, abs=1e-6)
    last = [task.predict(model, [text])[0].probabilities for text in ("Müller", "Müller left")]
    assert last[0] != pytest.approx(last[1], abs=1e-6)


@pytest.mark.parametrize("method", [None, LoRA(2), PrefixTuning(3)], ids=repr)
def test_it_is_trained_exported_and_opened(task, tmp_path, method):
    model = task.model() if method is None else adapt(task.model(), method)
    config = TrainConfig(epochs=2, learning_rate=1e-2, precision="fp32", progress=False)
    run = train(model, task.batches(ROWS, batch_size=6), task.objective, config, say=lambda line: None)
    alone = isinstance(method, PrefixTuning)
    folder = run.export(tmp_path / "classifier", adapter_only=alone)
    again = companion.load(folder, base=task.encoder.location if alone else None)
    before = task.predict(run.model, SAID)
    for one, other in zip(before, again.predict_many(SAID), strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)
    if not alone:
        found = transformers.pipeline("text-classification", str(folder))(SAID)
        assert [row["score"] for row in found] == pytest.approx([row.score for row in before], abs=1e-6)


def test_a_prompt_would_hide_the_padding_and_is_refused(task):
    with pytest.raises(ConfigError, match="by which .*ForSequenceClassification tells padding"):
        adapt(task.model(), PromptTuning(3))
    assert adapt(TextTask(LABELS, task.encoder).model(), PromptTuning(3)) is not None


def test_the_end_of_a_text_fills_short_rows_where_there_is_no_other_piece(tmp_path):
    for pad, expected in ((False, "</s>"), (True, "<pad>")):
        tokenizer = load_encoder(str(make_decoder_folder("gpt2", tmp_path / str(pad), pad=pad))).tokenizer
        assert tokenizer.convert_ids_to_tokens(padding_piece(tokenizer)) == expected


def test_an_encoder_keeps_the_padding_that_its_configuration_names():
    assert reads_left_to_right(transformers.GPT2Config()) and reads_left_to_right(transformers.LlamaConfig())
    assert not reads_left_to_right(transformers.BertConfig()) and not reads_left_to_right(transformers.RobertaConfig())
