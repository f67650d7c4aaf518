"""Models that write: guesses that keep entities, and translations there and back through real Marian code."""

from __future__ import annotations

import pytest
import torch

from companion.corpora import Sentence, Text, augment
from companion.errors import ConfigError, DataError, ModelError
from companion.models import MaskedGuesses, Translator, back_translate, load_encoder, mini_encoder
from tests.tiny import tiny_tagger

WORDS = ["the", "old", "new", "ship", "left", "port", "harbour", "again", "an", "big", "ant"]
ROW = Sentence(
    words=("Ann", "left", "the", "old", "harbour", "again"), tags=("B-PER", "O", "O", "O", "O", "O"), source="t:1"
)


def mini_guesses(**options):
    encoder = mini_encoder(WORDS, width=16, layers=1, heads=2, max_length=options.pop("max_length", 12))
    return MaskedGuesses(encoder, encoder.model_with_head("ForMaskedLM", seed=0), **options)


def test_guesses_are_other_whole_words_outside_entities():
    method = mini_guesses(share=1.0)
    rows = [ROW, Text(text="The ship LEFT an old port", label="a")]
    made = augment(rows, method, copies=3, seed=4)
    assert made.ledger.balanced
    assert made.ledger.copies == 6
    for row in made.rows:
        before, after = (
            (ROW.words, row.words) if isinstance(row, Sentence) else (rows[1].text.split(), row.text.split())
        )
        assert len(before) == len(after)
        changed = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
        assert changed
        for one, other in changed:
            assert one.islower()
            assert other in WORDS
            assert other not in {word.lower() for word in before}
    assert augment(rows, method, copies=3, seed=4) == made
    assert made.rows[0].words[0] == "Ann"


def test_an_article_keeps_its_word():
    rows = [Text(text="an old ship", label="a")] * 30
    for row in augment(rows, mini_guesses(share=1.0, most=9)).rows:
        article, word, _ = row.text.split(" ")
        assert article == "an"
        assert word[0] in "aeiou"


def test_what_the_model_does_not_read_is_left_alone_by_name():
    made = augment([ROW], mini_guesses(share=1.0, max_length=5))
    assert made.ledger.left_alone["beyond what the model reads"] == 3
    assert "'harbour': beyond what the model reads (t:1)" in made.ledger.names
    hidden = Sentence(words=("the", "[MASK]", "ship"), tags=("O",) * 3)
    assert augment([hidden], mini_guesses(share=1.0)).ledger.unchanged == 1
    nothing = Text(text="30 %", label="a")
    assert augment([nothing], mini_guesses()).ledger.unchanged == 1


def test_a_model_that_was_never_trained_to_guess_is_not_taken_by_itself():
    encoder = mini_encoder(WORDS, width=16, layers=1, heads=2)
    with pytest.raises(ModelError, match="no trained masked-language head"):
        MaskedGuesses(encoder)
    with pytest.raises(ConfigError, match="share"):
        mini_guesses(share=2.0)


def test_the_offline_encoder_guesses_words_that_fit():
    method = MaskedGuesses(load_encoder(), share=0.3)
    row = Sentence(
        words=("The", "minister", "spoke", "to", "reporters", "in", "Garrow", "on", "Monday"),
        tags=("O", "O", "O", "O", "O", "O", "B-LOC", "O", "O"),
    )
    [copy] = augment([row], method).rows
    assert copy.words[6:] == row.words[6:]
    assert copy.words != row.words
    assert not method.model.training


@pytest.fixture(scope="module")
def marian(tmp_path_factory):
    """A MarianMT model with random weights, as a folder that the real loading code opens."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import MarianConfig, MarianMTModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("marian")
    vocabulary = {word: number for number, word in enumerate(["</s>", "<unk>", "<pad>", *WORDS])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 0)])
    PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token="</s>", unk_token="<unk>", pad_token="<pad>", model_max_length=16
    ).save_pretrained(folder)
    config = MarianConfig(
        vocab_size=len(vocabulary),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_position_embeddings=32,
        pad_token_id=2,
        eos_token_id=0,
        forced_eos_token_id=0,
        decoder_start_token_id=2,
        max_length=8,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        MarianMTModel(config).save_pretrained(folder)
    return folder


def test_back_translation_through_real_marian_code(marian):
    translator = Translator.load(marian, batch_size=2, beams=2, longest=6)
    texts = [Text(text=f"the old ship left {word}", label=word, source=f"t:{word}") for word in WORDS[:5]]
    once = translator([text.text for text in texts])
    assert len(once) == 5
    # Padding in a batch changes no translation.
    assert once == [translator([text.text])[0] for text in texts]
    made = back_translate(texts, translator, translator)
    assert made.ledger.balanced
    assert made.ledger.rows_in == 5 == made.ledger.copies + made.ledger.unchanged
    assert {copy.source.partition("~")[0] for copy in made.rows} <= {text.source for text in texts}
    assert all(copy.label == copy.source.partition("~")[0].removeprefix("t:") for copy in made.rows)


def test_what_comes_back_as_it_was_gives_no_copy():
    class Echo:
        def __call__(self, texts):
            return [text.upper() for text in texts]

    rows = [Text(text="the ship", label="a"), Text(text="it left", label="b")]
    made = back_translate(rows, Echo(), Echo())
    assert made.rows == ()
    assert made.ledger.left_alone == {"came back as it was": 2}
    made = back_translate(rows, lambda texts: list(texts), lambda texts: ["the  vessel", ""])
    assert [(row.text, row.label) for row in made.rows] == [("the vessel", "a")]


def test_tagged_sentences_and_other_models_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"t:1: a tagged sentence cannot be translated back"):
        back_translate([ROW], str, str)
    with pytest.raises(ModelError, match="no translation model"):
        Translator(tiny_tagger(), None)
    with pytest.raises(ModelError, match="no MarianMT model that can be read"):
        Translator.load(tmp_path)
