"""Decoder-only models: a small one to train from scratch, and any pre-trained one by name.

A decoder reads from left to right and gives, at every position, scores for the piece that comes next. The small one is
a Llama in miniature (RMSNorm, rotary positions, SwiGLU), because that is what today's open models are built of.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from companion.errors import ConfigError, DataError, ModelError
from companion.models.encoder import Encoder, open_folder_or_name
from companion.models.text_head import reads_left_to_right
from companion.randomness import torch_stream

if TYPE_CHECKING:
    from torch import nn
    from transformers import LlamaConfig, PreTrainedTokenizerFast

PAD, END, USER, ASSISTANT, SYSTEM = "<|pad|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"
CONTROL = (PAD, END, USER, ASSISTANT, SYSTEM)
"""The pieces of the small decoder that no text may hold; padding and the end of a turn are two of them, not one."""
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
BYTES = 256
HEAD = "ForCausalLM"
STORED = "stored"
WEIGHTS = ("fp32", STORED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoder(Encoder):
    """A pre-trained decoder-only model: where its weights lie, its tokenizer, and its limits."""

    weights: str = "fp32"
    """In which type the weights are in memory: "fp32", or as they are "stored"."""

    @property
    def dtype(self) -> Any:
        """The type of the weights in memory, as `from_pretrained` takes it."""
        import torch

        return "auto" if self.weights == STORED else torch.float32


@dataclass(frozen=True, kw_only=True, slots=True)
class MiniDecoder:
    """A small decoder with its own tokenizer and chat template; random weights, or those of a trained model."""

    name: str
    """What to call it."""
    tokenizer: PreTrainedTokenizerFast
    """Byte-level pieces: there is no text that it cannot write down."""
    config: LlamaConfig
    """The shape of the model."""
    max_length: int
    """The longest row in pieces: prompt, answer and control pieces together."""
    body: nn.Module | None = None
    """Trained weights that `task.model()` starts from; None starts from random ones."""

    @property
    def digest(self) -> str:
        """sha256 of configuration, vocabulary and weights."""
        found = hashlib.sha256(repr(sorted(self.tokenizer.get_vocab().items())).encode())
        found.update(self.config.to_json_string().encode())
        if self.body is not None:
            for name, tensor in self.body.state_dict().items():
                found.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
        return found.hexdigest()

    @property
    def parameter_count(self) -> int:
        """How many parameters a model of this shape has, the tied word table counted once."""
        import torch
        from transformers import LlamaForCausalLM

        with torch.device("meta"):
            model = LlamaForCausalLM(copy.deepcopy(self.config))
        return sum(parameter.numel() for parameter in model.parameters())

    def with_body(self, model: nn.Module) -> MiniDecoder:
        """The decoder whose models start from these weights, as they are now.

        Raises:
            ModelError: the model has another shape.
        """
        if getattr(getattr(model, "config", None), "hidden_size", None) != self.config.hidden_size:
            raise ModelError(
                f"{type(model).__name__} is no model of {self.name}", remedy="give a model that this decoder made"
            )
        return replace(self, body=copy.deepcopy(model).requires_grad_(True))

    def model_with_head(self, kind: str = HEAD, *, seed: int, new_head: bool = True, **config: Any) -> nn.Module:
        """A model that scores the next piece; all first weights depend on `seed` alone.

        The caller's random state is untouched. `config` sets fields of the configuration.

        Raises:
            ModelError: another head was asked for: this model has the one it was built with.
        """
        from transformers import LlamaForCausalLM

        if kind != HEAD:
            raise ModelError(f"no head {kind!r} for {self.name}", remedy=f"a decoder has {HEAD}")
        if self.body is not None:
            return copy.deepcopy(self.body)
        with torch_stream("cpu", seed, "head"):
            shape = copy.deepcopy(self.config)
            for name, value in config.items():
                setattr(shape, name, value)
            return LlamaForCausalLM(shape)


def mini_decoder(
    texts: Iterable[str],
    *,
    name: str = "mini-decoder",
    width: int = 96,
    layers: int = 2,
    heads: int = 4,
    pieces: int = 1500,
    max_length: int = 160,
) -> MiniDecoder:
    """A small Llama with random weights, and a byte-level tokenizer whose pieces are learned from these texts.

    Give training texts only: a tokenizer that has read the test set has seen it.

    Raises:
        ConfigError: a width that the heads do not divide into even parts, fewer pieces than there are bytes.
        DataError: there are no texts, or one of them holds a control piece.

    Follows: Touvron et al. (2023), LLaMA; Sennrich et al. (2016) for the pieces.
    Taught in: book/outlook/from-encoders-to-generation
    """
    from transformers import LlamaConfig

    if width % heads or (width // heads) % 2:
        raise ConfigError(
            f"width is {width}, heads are {heads}", remedy="choose a width that is an even multiple of heads"
        )
    if pieces < BYTES + len(CONTROL):
        raise ConfigError(
            f"pieces is {pieces}", remedy=f"choose {BYTES + len(CONTROL)} or more: every byte needs a piece"
        )
    tokenizer = chat_tokenizer(texts, pieces=pieces, max_length=max_length)
    control = tokenizer.convert_tokens_to_ids([PAD, END])
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=-(-8 * width // 3),
        num_hidden_layers=layers,
        num_attention_heads=heads,
        max_position_embeddings=max_length,
        tie_word_embeddings=True,
        pad_token_id=control[0],
        eos_token_id=control[1],
        bos_token_id=None,
    )
    return MiniDecoder(name=name, tokenizer=tokenizer, config=config, max_length=max_length)


def chat_tokenizer(texts: Iterable[str], *, pieces: int = 1500, max_length: int = 160) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer trained on these texts, with control pieces and a chat template of its own.

    Raises:
        DataError: there are no texts, or one of them holds a control piece.

    Taught in: book/outlook/from-encoders-to-generation
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    texts = list(texts)
    if not texts:
        raise DataError("there are no texts to learn the pieces from", remedy="give the training texts")
    for number, text in enumerate(texts, start=1):
        refuse_control(text, CONTROL, f"text {number}")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=pieces,
        special_tokens=list(CONTROL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=max_length,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[USER, ASSISTANT, SYSTEM],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def refuse_control(text: str, control: Iterable[str], place: str) -> None:
    """Raise if a text spells one of the tokenizer's control pieces, which would end its turn and begin another.

    Raises:
        DataError: it does, with its place.

    Taught in: book/outlook/from-encoders-to-generation
    """
    found = next((piece for piece in control if piece in text), None)
    if found is not None:
        raise DataError(
            f"{place}: the text spells the control piece {found!r}, which would be read as the end or beginning of a "
            "turn",
            remedy="take it out of the text; what a user types must never become a control piece",
        )


def load_decoder(name: str, *, revision: str | None = None, weights: str = "fp32") -> Decoder:
    """Open a decoder-only model: a local folder, or a Hub name such as "gpt2".

    The rules are those of `load_encoder`: safetensors only, nothing is unpickled, no code of a model folder is run.

    Weights become fp32, whatever they are stored in. With `weights="stored"` those of a bf16 model stay bf16, at half
    the memory: for `LoRA` and other methods that train what they add, which is fp32 all the same. Merged and exported,
    such a model is fp32, since the sums do not fit into bf16; `export(folder, adapter_only=True)` writes the additions.

    Raises:
        ConfigError: `weights` is neither.
        ModelError: no such model, no safetensors weights, an encoder, or files that do not fit together.

    Taught in: book/outlook/from-encoders-to-generation
    """
    if weights not in WEIGHTS:
        raise ConfigError(f"weights is {weights!r}", remedy=f"choose {' or '.join(map(repr, WEIGHTS))}")
    opened = open_folder_or_name(name, revision=revision, split_words=False)
    if not reads_left_to_right(opened.config):
        raise ModelError(
            f"{opened.name!r} is a {opened.config.model_type} model, which does not write from left to right",
            remedy="name a decoder such as gpt2; an encoder is opened with companion.load_encoder",
        )
    return Decoder(**{field.name: getattr(opened, field.name) for field in fields(opened)}, weights=weights)
