"""BERT from scratch, on one page: embeddings, attention, block, and the heads of pre-training and fine-tuning.

Module and weight names are those of `transformers`' BERT, so that weights can be exchanged in both directions; the
arithmetic is that of Devlin et al. (2019) and Vaswani et al. (2017), without the pooler.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from companion.errors import ConfigError

if TYPE_CHECKING:
    from transformers import BertConfig


@dataclass(kw_only=True, slots=True)
class Output:
    """What a model gives back; what it was not asked for is None."""

    last_hidden_state: Tensor | None = None
    """Shape (rows, positions, width)."""
    logits: Tensor | None = None
    """Shape (rows, positions, classes), or (rows, classes) for whole texts."""
    attentions: tuple[Tensor, ...] | None = None
    """For each block, shape (rows, heads, positions that look, positions looked at)."""


class Embeddings(nn.Module):
    """Word, place and segment, added up and normalised.

    Taught in: book/foundations/a-bert-from-scratch
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, input_ids_BT: Tensor, token_type_ids_BT: Tensor) -> Tensor:
        positions_T = torch.arange(input_ids_BT.shape[1], device=input_ids_BT.device)
        hidden_BTD = self.word_embeddings(input_ids_BT) + self.token_type_embeddings(token_type_ids_BT)
        return self.dropout(self.LayerNorm(hidden_BTD + self.position_embeddings(positions_T)))


class SelfAttention(nn.Module):
    """Every position asks all others (query · key), and takes the weighted mean of what they offer (value).

    Taught in: book/foundations/a-bert-from-scratch
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.heads = config.num_attention_heads
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout = nn.Dropout(config.attention_probs_dropout_prob)

    def forward(self, hidden_BTD: Tensor, real_B11T: Tensor) -> tuple[Tensor, Tensor]:
        query_BHTd, key_BHTd, value_BHTd = map(
            self._split, (self.query(hidden_BTD), self.key(hidden_BTD), self.value(hidden_BTD))
        )
        scores_BHTT = query_BHTd @ key_BHTd.transpose(-1, -2) / math.sqrt(query_BHTd.shape[-1])
        weights_BHTT = scores_BHTT.masked_fill(~real_B11T, torch.finfo(scores_BHTT.dtype).min).softmax(-1)
        mixed_BHTd = self.dropout(weights_BHTT) @ value_BHTd
        return mixed_BHTd.transpose(1, 2).flatten(2), weights_BHTT

    def _split(self, hidden_BTD: Tensor) -> Tensor:
        """(B, T, D) → (B, heads, T, D / heads)."""
        return hidden_BTD.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class AddAndNorm(nn.Module):
    """A linear layer whose result is added to what went in before, then normalised.

    Taught in: book/foundations/a-bert-from-scratch
    """

    def __init__(self, width: int, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(width, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, new: Tensor, before_BTD: Tensor) -> Tensor:
        return self.LayerNorm(before_BTD + self.dropout(self.dense(new)))


class Block(nn.Module):
    """Look around (attention), then think it over alone (two linear layers); each time add and normalise.

    Taught in: book/foundations/a-bert-from-scratch
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        # Plain containers carry the nested names that transformers gives these weights.
        self.attention = nn.ModuleDict(
            {"self": SelfAttention(config), "output": AddAndNorm(config.hidden_size, config)}
        )
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(config.hidden_size, config.intermediate_size)})
        self.output = AddAndNorm(config.intermediate_size, config)

    def forward(self, hidden_BTD: Tensor, real_B11T: Tensor) -> tuple[Tensor, Tensor]:
        mixed_BTD, weights_BHTT = self.attention["self"](hidden_BTD, real_B11T)
        hidden_BTD = self.attention["output"](mixed_BTD, hidden_BTD)
        return self.output(functional.gelu(self.intermediate["dense"](hidden_BTD)), hidden_BTD), weights_BHTT


class MiniBert(nn.Module):
    """The body: embeddings and a stack of blocks.

    Taught in: book/foundations/a-bert-from-scratch
    """

    base_model_prefix = "bert"

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        if config.hidden_size % config.num_attention_heads:
            raise ConfigError(
                f"width {config.hidden_size} is not divided by {config.num_attention_heads} heads",
                remedy="choose a width that is a multiple of the number of heads",
            )
        self.config = config
        self.embeddings = Embeddings(config)
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))})
        self.apply(self._start)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        output_attentions: bool = False,
    ) -> Output:
        """Hidden states of shape (rows, positions, width) from pieces of shape (rows, positions)."""
        real_BT = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        segments_BT = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        hidden_BTD = self.embeddings(input_ids, segments_BT)
        seen = []
        for block in self.encoder["layer"]:
            hidden_BTD, weights_BHTT = block(hidden_BTD, real_BT[:, None, None, :].bool())
            seen.append(weights_BHTT)
        return Output(last_hidden_state=hidden_BTD, attentions=tuple(seen) if output_attentions else None)

    def _start(self, module: nn.Module) -> None:
        """First weights: normal with deviation 0.02, biases 0 (Devlin et al. 2019)."""
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=self.config.initializer_range)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)


class MiniBertForTokenClassification(nn.Module):
    """A label for every position.

    Taught in: book/foundations/a-bert-from-scratch
    """

    def __init__(self, body: MiniBert, labels: int) -> None:
        super().__init__()
        self.bert, self.config = body, body.config
        self.dropout = nn.Dropout(body.config.hidden_dropout_prob)
        self.classifier = nn.Linear(body.config.hidden_size, labels)
        body._start(self.classifier)

    @property
    def base_model(self) -> MiniBert:
        """The body."""
        return self.bert

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **extra: bool) -> Output:
        """Logits of shape (rows, positions, labels)."""
        found = self.bert(input_ids, attention_mask, **extra)
        return Output(logits=self.classifier(self.dropout(found.last_hidden_state)), attentions=found.attentions)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write configuration and weights; transformers opens them as its own BertForTokenClassification."""
        write_weights(self, Path(folder), "BertForTokenClassification")


class Transform(nn.Module):
    """What the head of masked-language training does to a hidden state before it is compared with every word.

    Taught in: book/foundations/a-bert-from-scratch
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.LayerNorm(functional.gelu(self.dense(hidden)))


class MiniBertForMaskedLM(nn.Module):
    """A word for every position: the scores are products with the word embeddings themselves (a *tied* head).

    Taught in: book/foundations/a-bert-from-scratch
    """

    def __init__(self, body: MiniBert) -> None:
        super().__init__()
        self.bert, self.config = body, body.config
        self.cls = nn.ModuleDict({"predictions": nn.ModuleDict({"transform": Transform(body.config)})})
        self.cls["predictions"].register_parameter("bias", nn.Parameter(torch.zeros(body.config.vocab_size)))
        body._start(self.cls["predictions"]["transform"].dense)

    @property
    def base_model(self) -> MiniBert:
        """The body."""
        return self.bert

    def score(self, hidden: Tensor) -> Tensor:
        """Logits over the vocabulary for hidden states of shape (…, width)."""
        head = self.cls["predictions"]
        return head["transform"](hidden) @ self.bert.embeddings.word_embeddings.weight.T + head.bias

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **extra: bool) -> Output:
        """Logits of shape (rows, positions, vocabulary)."""
        found = self.bert(input_ids, attention_mask, **extra)
        return Output(logits=self.score(found.last_hidden_state), attentions=found.attentions)


def write_weights(model: nn.Module, folder: Path, architecture: str) -> None:
    """Configuration and weights as files; the configuration names this class of transformers."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config = copy.deepcopy(model.config)
    config.architectures = [architecture]
    config.save_pretrained(folder)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
