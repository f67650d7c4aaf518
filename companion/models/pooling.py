"""A classifier on the mean of a text's word pieces, for encoders whose [CLS] was never trained to speak for a text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from companion.errors import ModelError
from companion.models.architectures import body_kind
from companion.randomness import torch_stream

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers.modeling_outputs import SequenceClassifierOutput

    from companion.models.encoder import Encoder

WEIGHTS = "model.safetensors"
DEVIATION = 0.02
"""Of the head's first weights, as in BERT (Devlin et al. 2019)."""


class MeanPooledClassifier(nn.Module):
    """Body, mean over the pieces that are no padding, dropout, one linear layer.

    The weights bear the names that a `transformers` head over the same body would have (`bert.…`, `classifier.…`), so
    that the folder it is saved in also opens as the body alone with `AutoModel`.

    Follows: the pooling of Reimers and Gurevych (2019), Sentence-BERT.
    Taught in: book/reference/helpdesk
    """

    def __init__(self, body: PreTrainedModel, labels: tuple[str, ...], *, seed: int) -> None:
        super().__init__()
        self.prefix = body.base_model_prefix
        setattr(self, self.prefix, body)
        self.config = body.config
        self.config.id2label = dict(enumerate(labels))
        self.config.label2id = {label: index for index, label in enumerate(labels)}
        self.dropout = nn.Dropout(_dropout(body.config))
        with torch_stream("cpu", seed, "head"):
            self.classifier = nn.Linear(body.config.hidden_size, len(labels))
            nn.init.normal_(self.classifier.weight, std=DEVIATION)
            nn.init.zeros_(self.classifier.bias)

    @property
    def base_model(self) -> PreTrainedModel:
        """The pre-trained body."""
        return getattr(self, self.prefix)

    @property
    def device(self) -> torch.device:
        """Where the weights are; `peft` asks for it."""
        return self.classifier.weight.device

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        past_key_values: Any = None,
        **extra: Any,
    ) -> SequenceClassifierOutput:
        """Logits of shape (rows, classes) from pieces of shape (rows, positions).

        `peft` gives vectors instead of pieces (`inputs_embeds`), or keys and values that stand before the text, which
        `attention_mask` then covers as well; they give no hidden states, so the mean runs over the positions that do.
        """
        from transformers.modeling_outputs import SequenceClassifierOutput

        given = {"inputs_embeds": inputs_embeds, "past_key_values": past_key_values, **extra}
        hidden_BTD = self.base_model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            **{name: value for name, value in given.items() if value is not None and name != "return_dict"},
        ).last_hidden_state
        rows, positions = hidden_BTD.shape[:2]
        mask_BT = hidden_BTD.new_ones(rows, positions) if attention_mask is None else attention_mask[:, -positions:]
        return SequenceClassifierOutput(logits=self.classifier(self.dropout(mean_pool(hidden_BTD, mask_BT))))

    def save_pretrained(self, folder: str | Path) -> None:
        """Write `config.json` and `model.safetensors` as transformers would."""
        from safetensors.torch import save_file

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.config.save_pretrained(folder)
        own = self.state_dict()
        # T5 and BART have their word table under several names; the file holds it once, and they tie it again.
        names = {tensor.data_ptr(): name for name, tensor in reversed(own.items())}.values()
        tensors = {name: own[name].detach().cpu().contiguous() for name in names}
        save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})


def mean_pool(hidden_BTD: Tensor, attention_mask_BT: Tensor) -> Tensor:
    """The mean over real positions, shape (rows, width); what stands in the padding changes nothing.

    Taught in: book/foundations/text-to-tensors
    """
    # The sum runs in at least fp32: under bf16 autocast a long text would lose its last pieces to rounding.
    hidden_BTD = hidden_BTD.float() if hidden_BTD.dtype.itemsize < 4 else hidden_BTD
    mask_BT1 = attention_mask_BT.unsqueeze(-1).to(hidden_BTD.dtype)
    return (hidden_BTD * mask_BT1).sum(1) / mask_BT1.sum(1).clamp(min=1.0)


def mean_pooled(
    encoder: Encoder, labels: tuple[str, ...], *, seed: int, new_head: bool = True, **config: Any
) -> MeanPooledClassifier:
    """A fresh copy of the pre-trained body under a mean-pooled head; with `new_head=False` the stored one.

    `config` sets fields of the body's configuration, such as its dropout.

    Raises:
        ModelError: weights of the body are missing; the head was asked for and is not there, or has another size.
    """
    from safetensors import safe_open

    body = encoder.model_with_head(body_kind(encoder.config), seed=seed, **config)
    model = MeanPooledClassifier(body, labels, seed=seed)
    if not new_head:
        path = Path(encoder.location) / WEIGHTS
        with safe_open(path, framework="pt") as stored:
            names = [name for name in stored.keys() if name.startswith("classifier.")]  # noqa: SIM118
            head = {name.removeprefix("classifier."): stored.get_tensor(name) for name in names}
        if {name: tensor.shape for name, tensor in head.items()} != {
            name: tensor.shape for name, tensor in model.classifier.state_dict().items()
        }:
            raise ModelError(
                f"there is no trained head for {len(labels)} labels here",
                file=path,
                remedy="train a model on this encoder first, or name the folder of one that was",
            )
        model.classifier.load_state_dict(head)
    return model


def _dropout(config: Any) -> float:
    """The share the configuration names for a head, or else for the body, as transformers' heads read it."""
    own = getattr(config, "classifier_dropout", None)
    return getattr(config, "hidden_dropout_prob", 0.1) if own is None else own
