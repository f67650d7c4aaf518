"""A question with a gap: a masked-language model fills it, and the words that may stand there speak for the labels."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from companion.corpora.text_pairs import lone_text
from companion.errors import ConfigError, DataError, EvaluationError

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from companion.corpora.texts import Text
    from companion.models.encoder import Encoder
    from companion.models.miniature import MiniEncoder

PIECE_BUDGET = 4096


class ClozePrompt:
    """Label texts by what a masked-language model puts into the gap of a template; nothing is trained.

    `template` holds `{text}` and `{mask}` once each. `words` are the verbalisers: for each label the words that stand
    for it, each one piece of the vocabulary. `examples` are labelled texts that are written before the text, their gaps
    filled with the first word of their label: few-shot in the sense of examples in the input.

    Raises:
        ConfigError: a template without its two places, fewer than two labels, a word that is not one piece or that two
            labels share, or a prompt that leaves no room for the text.
        DataError: an example whose label has no word, or a pair of texts.

    Follows: Schick and Schütze (2021), pattern-exploiting training, without the training.
    Taught in: book/constraints/prompting
    """

    def __init__(
        self,
        encoder: Encoder | MiniEncoder,
        template: str,
        words: Mapping[str, str | Sequence[str]],
        *,
        examples: Sequence[Text] = (),
    ) -> None:
        for field in ("{text}", "{mask}"):
            if template.count(field) != 1:
                raise ConfigError(f"the template {template!r} needs {field} once", remedy="write it once, no more")
        self.encoder, self.template = encoder, template
        self.max_length = encoder.max_length
        self.words = {label: (own,) if isinstance(own, str) else tuple(own) for label, own in words.items()}
        self.labels = tuple(self.words)
        self.word_ids = self._word_ids()
        self.examples = "".join(
            self._fill(lone_text(example, "a prompt"), self._first_word(example)) + " " for example in examples
        )
        self.texts_cut = 0
        """How many texts were longer than the prompt leaves room for, in all calls so far."""
        if len(self._pieces("")) > self.max_length - 1:
            raise ConfigError(
                f"the prompt alone takes {len(self._pieces(''))} of {self.max_length} pieces",
                remedy="shorten the template, or give fewer or shorter examples",
            )

    def fill(self, text: str) -> str:
        """What the model reads for a text."""
        return self.examples + self._fill(text, self.encoder.tokenizer.mask_token)

    def rows(self, texts: Sequence[Text] | Sequence[str]) -> list[list[int]]:
        """The word pieces of each filled prompt; a text that is too long is cut at its end, counted and warned of.

        Raises:
            DataError: a text brings a mask of its own, or is a pair.
        """
        found, cut = [], 0
        for number, text in enumerate(texts):
            plain = text if isinstance(text, str) else lone_text(text, "a prompt")
            row = self._pieces(plain)
            if len(row) > self.max_length:
                row, cut = self._pieces(self._shorten(plain, len(row) - self.max_length)), cut + 1
            if row.count(self.encoder.tokenizer.mask_token_id) != 1:
                place = getattr(text, "source", "") or f"text {number + 1}"
                raise DataError(f"{place}: the text holds a mask itself", remedy="remove it from the text")
            found.append(row)
        if cut:
            self.texts_cut += cut
            warnings.warn(f"{cut} of {len(found)} texts did not fit into the prompt and were cut", stacklevel=3)
        return found

    def scores(self, model: nn.Module, texts: Sequence[Text] | Sequence[str]) -> np.ndarray:
        """The log of the mean probability of each label's words in the gap, shape [texts, labels], in nats.

        Raises:
            DataError: as `rows`.
            ModelError: the model has no masked-language head.
        """
        import numpy as np
        import torch

        from companion.encoding.source import pad
        from companion.models.word_scores import scores_at

        tokenizer, rows = self.encoder.tokenizer, self.rows(texts)
        found = np.zeros((len(rows), len(self.labels)))
        order = sorted(range(len(rows)), key=lambda place: -len(rows[place]))
        was_training, device = model.training, next(model.parameters()).device
        model.eval()
        try:
            while order:
                size = max(1, PIECE_BUDGET // len(rows[order[0]]))
                places, order = order[:size], order[size:]
                inputs = pad([rows[place] for place in places], tokenizer.pad_token_id)
                inputs = {name: tensor.to(device) for name, tensor in inputs.items()}
                with torch.inference_mode():
                    logits_BV = scores_at(model, inputs, inputs["input_ids"] == tokenizer.mask_token_id).float()
                logs_BV = logits_BV.log_softmax(-1)
                for column, own in enumerate(self.word_ids):
                    found[places, column] = (logs_BV[:, own].logsumexp(-1) - math.log(len(own))).cpu().numpy()
        finally:
            model.train(was_training)
        return found

    def prior(self, model: nn.Module, contentless: Sequence[str] = ("N/A", "text", "it")) -> np.ndarray:
        """The mean scores of texts that say nothing: what the prompt itself leans to, shape [labels].

        Raises:
            EvaluationError: there is no such text.

        Follows: Zhao et al. (2021), "Calibrate Before Use".
        """
        if not contentless:
            raise EvaluationError("no text without content", remedy='give at least one, such as "N/A"')
        return self.scores(model, contentless).mean(0)

    def predict(
        self, model: nn.Module, texts: Sequence[Text] | Sequence[str], *, prior: np.ndarray | None = None
    ) -> list[str]:
        """The label with the highest score of each text, less `prior` where it is given; of equals the first."""
        scores_NC = self.scores(model, texts)
        return [self.labels[place] for place in (scores_NC if prior is None else scores_NC - prior).argmax(1)]

    def _fill(self, text: str, word: str) -> str:
        before, after = self.template.split("{text}")
        # Not str.format: a text may hold braces of its own.
        return before.replace("{mask}", word) + text + after.replace("{mask}", word)

    def _pieces(self, text: str) -> list[int]:
        return self.encoder.tokenizer(self.fill(text), verbose=False)["input_ids"]

    def _shorten(self, text: str, excess: int) -> str:
        """The text without its last `excess` pieces."""
        spans = self.encoder.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        kept = len(spans["input_ids"]) - excess
        return text[: spans["offset_mapping"][kept - 1][1]] if kept > 0 else ""

    def _first_word(self, example: Text) -> str:
        if example.label not in self.words:
            raise DataError(
                f"{example.source or 'an example'}: no word stands for its label {example.label!r}",
                remedy=f"the prompt knows {', '.join(self.labels)}",
            )
        return self.words[example.label][0]

    def _word_ids(self) -> list[list[int]]:
        if len(self.words) < 2 or not all(self.words.values()):
            raise ConfigError(f"the words are {self.words}", remedy="give at least two labels, each with a word")
        tokenizer, owner = self.encoder.tokenizer, {}
        for label, own in self.words.items():
            for word in own:
                pieces = tokenizer(word, add_special_tokens=False)["input_ids"]
                if len(pieces) != 1 or pieces[0] == tokenizer.unk_token_id:
                    shown = " ".join(tokenizer.convert_ids_to_tokens(pieces)) or "nothing"
                    raise ConfigError(
                        f"the word {word!r} of {label!r} is no single piece of the vocabulary, but {shown}",
                        remedy="choose a more common word: the gap holds one piece",
                    )
                if owner.setdefault(pieces[0], label) != label:
                    raise ConfigError(
                        f"{word!r} stands for {owner[pieces[0]]!r} and for {label!r}", remedy="give it to one of them"
                    )
        return [[piece for piece, whose in owner.items() if whose == label] for label in self.words]
