"""A from-scratch encoder with a word-level tokenizer, behind the interface of `Encoder`."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.errors import ConfigError, ModelError
from companion.randomness import torch_stream

if TYPE_CHECKING:
    from torch import nn
    from transformers import BertConfig, PreTrainedTokenizerFast

    from companion.models.encoder import Encoder
    from companion.models.minibert import MiniBert

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@dataclass(frozen=True, kw_only=True, slots=True)
class MiniEncoder:
    """A MiniBERT body, its tokenizer and its limits; tasks take it like any `Encoder`."""

    name: str
    """What to call it."""
    tokenizer: PreTrainedTokenizerFast
    """One piece per known word."""
    config: BertConfig
    """The body's configuration."""
    max_length: int
    """The longest input in pieces, special tokens included."""
    body: MiniBert | None = None
    """Pre-trained weights that heads start from; None starts every model from random ones."""

    @property
    def digest(self) -> str:
        """sha256 of configuration, vocabulary and weights."""
        found = hashlib.sha256(repr(sorted(self.tokenizer.get_vocab().items())).encode())
        found.update(self.config.to_json_string().encode())
        if self.body is not None:
            for name, tensor in self.body.state_dict().items():
                found.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
        return found.hexdigest()

    def with_body(self, model: nn.Module) -> MiniEncoder:
        """The encoder whose heads start from this model's body, as it is now.

        Raises:
            ModelError: the model is no MiniBERT of this configuration.
        """
        body = getattr(model, "base_model", model)
        if getattr(body, "config", None) != self.config:
            raise ModelError(
                f"{type(model).__name__} is no model of {self.name}", remedy="give a model that this encoder made"
            )
        return replace(self, body=copy.deepcopy(body).requires_grad_(True))

    def model_with_head(self, kind: str, *, seed: int, new_head: bool = True, **config: Any) -> nn.Module:
        """A copy of the body with a new head: `""` (none), `"ForTokenClassification"` or `"ForMaskedLM"`.

        All first weights depend on `seed` alone, and the caller's random state is untouched.

        Raises:
            ModelError: there is no such head, or a trained one was asked for.
        """
        from companion.models.minibert import MiniBert, MiniBertForMaskedLM, MiniBertForTokenClassification

        if not new_head:
            raise ModelError(f"{self.name} holds no trained head", remedy="train one, or use a transformers folder")
        with torch_stream("cpu", seed, "head"):
            body = MiniBert(copy.deepcopy(self.config)) if self.body is None else copy.deepcopy(self.body)
            for name, value in config.items():
                setattr(body.config, name, value)
            if kind == "":
                return body
            if kind == "ForTokenClassification":
                return MiniBertForTokenClassification(body, config["num_labels"])
            if kind == "ForMaskedLM":
                return MiniBertForMaskedLM(body)
        raise ModelError(f"no head {kind!r} for {self.name}", remedy="choose ForTokenClassification or ForMaskedLM")


def mini_encoder(
    vocabulary: Sequence[str],
    *,
    name: str = "mini",
    width: int = 64,
    layers: int = 2,
    heads: int = 4,
    max_length: int = 32,
    dropout: float = 0.1,
) -> MiniEncoder:
    """A small BERT over these words, with random weights.

    Raises:
        ConfigError: a word twice, or a width that the heads do not divide.

    Taught in: book/foundations/a-bert-from-scratch
    """
    from transformers import BertConfig

    if len(set(vocabulary)) != len(vocabulary) or set(vocabulary) & set(SPECIAL) or not vocabulary:
        raise ConfigError("the vocabulary is empty, repeats a word or holds a special token", remedy="list words once")
    if width % heads:
        raise ConfigError(f"width is {width}, heads are {heads}", remedy="choose a width that is a multiple of heads")
    tokenizer = word_tokenizer(vocabulary, max_length=max_length)
    config = BertConfig(
        vocab_size=len(SPECIAL) + len(vocabulary),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=max_length,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    return MiniEncoder(name=name, tokenizer=tokenizer, config=config, max_length=max_length)


def mini_encoder_like(
    encoder: Encoder | MiniEncoder,
    *,
    name: str = "mini",
    width: int = 128,
    layers: int = 2,
    heads: int = 4,
    dropout: float = 0.1,
) -> MiniEncoder:
    """A small BERT with random weights that reads the word pieces of another encoder: a student for a large teacher.

    Raises:
        ConfigError: a width that the heads do not divide.

    Taught in: book/engineering/compression
    """
    from transformers import BertConfig

    if width % heads:
        raise ConfigError(f"width is {width}, heads are {heads}", remedy="choose a width that is a multiple of heads")
    config = BertConfig(
        vocab_size=encoder.config.vocab_size,
        pad_token_id=encoder.tokenizer.pad_token_id,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=encoder.max_length,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    return MiniEncoder(name=name, tokenizer=encoder.tokenizer, config=config, max_length=encoder.max_length)


def word_tokenizer(vocabulary: Sequence[str], *, max_length: int = 32) -> PreTrainedTokenizerFast:
    """A fast tokenizer that gives every listed word one piece, and `[UNK]` to all others.

    Taught in: book/foundations/a-bert-from-scratch
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    numbers = {word: number for number, word in enumerate([*SPECIAL, *vocabulary])}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = [(token, numbers[token]) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=special
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=max_length, **names)


def save_mini(model: nn.Module, tokenizer: PreTrainedTokenizerFast, folder: str | Path) -> Path:
    """Write body (and head) as a transformers folder, which `load_encoder` and `AutoModel` open.

    Taught in: book/foundations/a-bert-from-scratch
    """
    from companion.models.minibert import write_weights

    write_weights(model, Path(folder), "BertModel")
    tokenizer.save_pretrained(folder)
    return Path(folder)
