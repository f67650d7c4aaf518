"""How much memory training takes, counted before anything is loaded: a ledger in bytes, line by line.

What follows from the number of parameters is exact: weights, gradients, the two moments of AdamW. Activations are what
autograd keeps of the forward pass for the backward one; they are counted layer by layer from the operations of a BERT
(post-norm encoder with biases) and of a Llama (RMSNorm, gated feed-forward, rotary positions).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from companion.errors import ConfigError

if TYPE_CHECKING:
    from transformers import PretrainedConfig

METHODS = ("full", "lora", "4-bit-lora")
GIB = 2**30
# NF4 with its constants quantised once more: 4 bits a value, 8 bits a block of 64, 32 bits per 256 blocks (QLoRA).
FOUR_BIT = 4 / 8 + 1 / 64 + 4 / (64 * 256)
ENCODERS = ("bert", "roberta", "xlm-roberta", "camembert", "electra")
DECODERS = ("llama", "mistral")


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelShape:
    """The sizes that decide how much memory a transformer takes.

    Taught in: book/engineering/memory-and-speed
    """

    name: str
    """What it is called on the page."""
    decoder: bool
    """A Llama-like causal language model, or else a BERT-like encoder with a linear head."""
    layers: int
    """How many blocks."""
    width: int
    """Size of the vector of one word piece."""
    heads: int
    """Attention heads."""
    inner: int
    """Width inside the feed-forward part."""
    vocabulary: int
    """Word pieces the model knows."""
    positions: int = 0
    """Learned position vectors; 0 where positions are rotary."""
    key_heads: int | None = None
    """Heads of keys and values where they are fewer (grouped-query attention)."""
    types: int = 0
    """Learned segment vectors of an encoder."""

    @classmethod
    def of(cls, config: PretrainedConfig, name: str = "") -> ModelShape:
        """The shape that a configuration of transformers describes.

        Raises:
            ConfigError: the architecture is neither BERT-like nor Llama-like.
        """
        kind = config.model_type
        tied = kind in DECODERS and getattr(config, "tie_word_embeddings", False)
        if kind not in ENCODERS + DECODERS or tied or _is_odd(config):
            raise ConfigError(
                f"the memory of a {kind!r} model is not counted here",
                remedy=f"give one of {', '.join(ENCODERS + DECODERS)} with heads and embeddings as wide as its layers",
            )
        return cls(
            name=name or kind,
            decoder=kind in DECODERS,
            layers=config.num_hidden_layers,
            width=config.hidden_size,
            heads=config.num_attention_heads,
            inner=config.intermediate_size,
            vocabulary=config.vocab_size,
            positions=0 if kind in DECODERS else config.max_position_embeddings,
            key_heads=getattr(config, "num_key_value_heads", None),
            types=getattr(config, "type_vocab_size", 0),
        )

    @property
    def key_width(self) -> int:
        """Size of the keys, and of the values, of one word piece."""
        return self.width * (self.key_heads or self.heads) // self.heads

    @property
    def matrices(self) -> int:
        """Parameters of the linear layers inside the blocks, biases included: what is cast, and what is quantised."""
        attention = 2 * self.width * (self.width + self.key_width)
        if self.decoder:
            return self.layers * (attention + 3 * self.width * self.inner)
        biases = 5 * self.width + self.inner
        return self.layers * (attention + 2 * self.width * self.inner + biases)

    @property
    def norms(self) -> int:
        """Parameters of all normalisation layers."""
        return (2 * self.layers + 1) * self.width * (1 if self.decoder else 2)

    @property
    def embeddings(self) -> int:
        """Parameters of the tables that are looked up."""
        return (self.vocabulary + self.positions + self.types) * self.width

    def head(self, labels: int) -> int:
        """Parameters of the output layer: a decoder's vocabulary matrix, an encoder's linear layer with its biases."""
        return self.vocabulary * self.width if self.decoder else labels * (self.width + 1)

    def parameters(self, labels: int = 2) -> int:
        """All parameters, without a pooler."""
        return self.matrices + self.norms + self.embeddings + self.head(labels)


def _is_odd(config: PretrainedConfig) -> bool:
    """Whether embeddings or heads have a width of their own (ELECTRA, some Mistral), or a decoder biases."""
    heads = config.num_attention_heads
    head = getattr(config, "head_dim", None) or config.hidden_size // heads
    biases = getattr(config, "attention_bias", False) or getattr(config, "mlp_bias", False)
    return biases or {head * heads, getattr(config, "embedding_size", config.hidden_size)} != {config.hidden_size}


def _decoder(name: str, layers: int, width: int, heads: int, inner: int, key_heads: int | None = None) -> ModelShape:
    return ModelShape(
        name=name,
        decoder=True,
        layers=layers,
        width=width,
        heads=heads,
        inner=inner,
        vocabulary=32_000,
        key_heads=key_heads,
    )


def _encoder(name: str, layers: int, width: int, heads: int, vocabulary: int) -> ModelShape:
    return ModelShape(
        name=name,
        decoder=False,
        layers=layers,
        width=width,
        heads=heads,
        inner=4 * width,
        vocabulary=vocabulary,
        positions=512,
        types=2,
    )


SHAPES = {
    shape.name: shape
    for shape in (
        _encoder("MiniLM-L6", 6, 384, 12, 30_522),
        _encoder("BERT-base", 12, 768, 12, 28_996),
        _encoder("BERT-large", 24, 1024, 16, 28_996),
        _decoder("TinyLlama 1.1B", 22, 2048, 32, 5632, 4),
        _decoder("Llama 2 7B", 32, 4096, 32, 11_008),
        _decoder("Llama 2 13B", 40, 5120, 40, 13_824),
        _decoder("Llama 2 70B", 80, 8192, 64, 28_672, 8),
    )
}
"""Published models by name, from the offline encoder to the largest that people fine-tune on one machine."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryLedger:
    """Where the bytes of one update go; every line is in bytes.

    Taught in: book/engineering/memory-and-speed
    """

    trained: int
    """How many parameters learn (a count, not bytes)."""
    weights: int
    """The model's own weights as they are stored: the masters of mixed precision where they learn, else the base."""
    adapters: int
    """LoRA matrices and, beside a frozen encoder, its head: fp32, since they learn."""
    copies: int
    """The bf16 copies of fp32 matrices that mixed precision computes with."""
    gradients: int
    """One fp32 number for each trained parameter."""
    moments: int
    """AdamW's two running means, fp32."""
    layer: int
    """What autograd keeps of one block."""
    activations: int
    """What autograd keeps in all, at the fullest moment."""

    @property
    def fixed(self) -> int:
        """What no batch size changes: everything but activations."""
        return self.weights + self.adapters + self.copies + self.gradients + self.moments

    @property
    def total(self) -> int:
        """All lines."""
        return self.fixed + self.activations

    def lines(self) -> dict[str, int]:
        """The lines by name, in the order in which a run fills them."""
        names = ("weights", "adapters", "copies", "gradients", "moments", "activations")
        return {name: getattr(self, name) for name in names}


def estimate_memory(
    shape: ModelShape,
    *,
    rows: int,
    length: int,
    method: str = "full",
    precision: str = "fp32",
    rank: int = 8,
    labels: int = 2,
    dropout: bool = True,
    fused_attention: bool = True,
    activation_checkpointing: bool = False,
) -> MemoryLedger:
    """The memory of one forward and backward pass over `rows` × `length` word pieces, trained with AdamW, in bytes.

    `rows` is what is in memory at once, not the update: pieces of an update use the same memory one after another.
    `method` is "full", "lora" (rank-`rank` matrices beside query and value, everything else frozen but an encoder's
    head) or "4-bit-lora" (the blocks' matrices in NF4 with doubly quantised constants). `precision` is "fp32" or
    "bf16": autocast over fp32 weights where they learn, a frozen base stored in bf16. `fused_attention` keeps no table
    of all pairs of pieces; without it, as on a CPU with dropout, there is one for each head. `dropout` belongs to
    encoders. With `activation_checkpointing` each block keeps its input, and one block at a time everything.

    Exact: the numbers of parameters, and with them weights, adapters, gradients and moments. Approximate: activations
    and copies, within 5 % of what autograd saves for BERT and Llama as transformers writes them; a dropout mask is
    counted like a number of its tensor, as on a CPU, where a GPU keeps a byte. Not counted: what a kernel needs for a
    moment, the gradients of activations, the allocator's waste, the CUDA context (roughly half a gigabyte), other
    processes, and the flat sum of gradients where there are several.

    Raises:
        ConfigError: a size below 1, or an unknown method or precision.

    Follows Korthikanti et al. 2023 for activations, Dettmers et al. 2023 for 4-bit bases.
    Taught in: book/engineering/memory-and-speed
    """
    for name, value in (("rows", rows), ("length", length), ("rank", rank), ("labels", labels)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigError(f"{name} is {value!r}", remedy="give a whole number, 1 or more")
    for name, value, known in (("method", method, METHODS), ("precision", precision, ("fp32", "bf16"))):
        if value not in known:
            raise ConfigError(f"{name} is {value!r}", remedy=f"choose one of {', '.join(known)}")
    frozen, half = method != "full", {"bf16": 2, "fp32": 4}[precision]
    # LoRA's two thin matrices beside the query (square) and the value (width to key width).
    thin = shape.layers * rank * (3 * shape.width + shape.key_width)
    own_head = 0 if shape.decoder else shape.head(labels)
    everything = shape.parameters(labels)
    trained = thin + own_head if frozen else everything
    if not frozen:
        weights = 4 * everything
    elif method == "lora":
        weights = half * (everything - own_head)
    else:
        weights = round(FOUR_BIT * shape.matrices) + half * (everything - own_head - shape.matrices)
    cast = (trained if frozen else shape.matrices + shape.head(labels)) if precision == "bf16" else 0
    pieces = rows * length
    kept = {"half": half, "rank": rank if frozen else 0, "dropout": dropout, "fused": fused_attention}
    layer = pieces * _kept_by_block(shape, length, **kept)
    edges = pieces * _kept_by_edges(shape, half=half, frozen=frozen, dropout=dropout, labels=labels)
    blocks = shape.layers * 4 * pieces * shape.width + layer if activation_checkpointing else shape.layers * layer
    return MemoryLedger(
        trained=trained,
        weights=weights,
        adapters=4 * trained if frozen else 0,
        copies=2 * cast,
        gradients=4 * trained,
        moments=8 * trained,
        layer=layer,
        activations=blocks + edges,
    )


def _kept_by_block(shape: ModelShape, length: int, *, half: int, rank: int, dropout: bool, fused: bool) -> int:
    """Bytes per word piece that one block saves; `rank` is 0 where everything learns."""
    frozen, width, dropout = rank > 0, shape.width, dropout and not shape.decoder
    # Only a weight's gradient needs the layer's input, so a frozen layer keeps none. Layers that read the same tensor
    # share it, but autocast casts it for each of them.
    readers = (2 if frozen else 5 if shape.decoder else 4) if half == 2 else (1 if frozen else 2)
    linear_inputs = readers * width + 2 * rank
    keys_and_values = 2 * shape.key_width if fused else 2 * width
    # A fused kernel goes back from its own output, which is also the input of the next layer.
    result = 0 if frozen and not fused else width
    tables = 0 if fused else (3 if dropout else 1) * shape.heads * length
    masks = 2 * width if dropout else 0
    # The activation function's input and output; gated, also the other branch and the product.
    inner = ((4 if shape.decoder else 2) - frozen) * shape.inner
    # Norms compute in fp32: their input, statistics, and in RMSNorm's case also what its scale is multiplied with.
    norms = 2 * width * (2 if shape.decoder and not frozen else 1) + (2 if shape.decoder else 4)
    norms += shape.heads if fused else 0
    return half * (linear_inputs + width + keys_and_values + result + tables + masks + inner) + 4 * norms


def _kept_by_edges(shape: ModelShape, *, half: int, frozen: bool, dropout: bool, labels: int) -> int:
    """Bytes per word piece that are saved below the first block and above the last one."""
    if shape.decoder:
        below_softmax = 0 if frozen else 2 * shape.width * 4 + half * shape.width
        return below_softmax + 4 * shape.vocabulary
    masks = (1 if frozen else 2) * shape.width if dropout else 0
    return 4 * (masks + labels) + half * shape.width + (0 if frozen else 4 * (shape.width + 2))
