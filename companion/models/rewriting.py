"""Models that write: a masked-language model that proposes other words, and a translator there and back.

Both make rows for `companion.corpora.augmentation`. A masked-language model knows the sentence and not its label: it
may well put "fell" for "rose". What it proposes is to be looked at before it is trusted.

Follows: Kobayashi (2018), "Contextual Augmentation", without the label; Sennrich, Haddow and Birch (2016), "Improving
Neural Machine Translation Models with Monolingual Data", for back-translation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from companion.corpora.augmentation import Augmented, check_share, choose, fit_article
from companion.corpora.edits import AugmentationLedger, Edit, Proposal, Row, entry_of, words_and_tags
from companion.corpora.lexicon import FUNCTION_WORDS
from companion.corpora.texts import Text
from companion.encoding.pieces import special_tokens
from companion.encoding.source import pad
from companion.errors import DataError, ModelError
from companion.models.language_head import has_language_head, put_language_head

if TYPE_CHECKING:
    from torch import Tensor, nn

    from companion.models.encoder import Encoder
    from companion.models.miniature import MiniEncoder

CANDIDATES = 500
"""The most probable pieces that are looked at for each place."""


class MaskedGuesses:
    """Words outside entities, each with probability `share`, by what a masked-language model says could stand there.

    All chosen words of a row are hidden together. Of the 500 most probable pieces those are kept that are whole words
    of letters, fit an article before them, and differ from the word and from what else stands in the row; the `most`
    best of them are drawn from by their probability. Only words in small letters, of three letters or more, are
    replaced; function words ("with", "not") neither go nor come.

    Raises:
        ConfigError: `share` is not above 0 and at most 1.
        ModelError: the encoder has no masked-language head that was trained, and none was given.

    Taught in: book/constraints/augmentation-and-ensembles
    """

    name = "guesses"

    def __init__(
        self, encoder: Encoder | MiniEncoder, model: nn.Module | None = None, *, share: float = 0.15, most: int = 5
    ) -> None:
        check_share(share)
        if model is None and not has_language_head(encoder):
            raise ModelError(
                f"{encoder.name} brings no trained masked-language head",
                remedy="give a model that was trained to fill in words: MaskedGuesses(encoder, model)",
            )
        if model is None:
            model = put_language_head(encoder.model_with_head("ForMaskedLM", seed=0))
        self.encoder, self.model, self.share, self.most = encoder, model, share, most

    def __call__(self, rows: Sequence[Row], random: Sequence[Random]) -> list[Proposal]:
        """The edits of each row."""
        chosen = [self._choose(*pair) for pair in zip(rows, random, strict=True)]
        left: list[list[tuple[str, str]]] = [[] for _ in rows]
        edits: list[list[Edit]] = [[] for _ in rows]
        for number, place, guesses in self._guess([words_and_tags(row)[0] for row in rows], chosen):
            words, _ = words_and_tags(rows[number])
            here = {word.lower() for word in words}
            fitting = [word for word in fit_article(words, place, list(guesses)) if word not in here][: self.most]
            if fitting:
                [word] = random[number].choices(fitting, [guesses[word] for word in fitting])
                edits[number].append(Edit(place, place + 1, (word,)))
            else:
                left[number].append(("no other word that fits", words[place]))
        for number, places in enumerate(chosen):
            words, _ = words_and_tags(rows[number])
            answered = len(edits[number]) + len(left[number])
            left[number] += [("beyond what the model reads", words[place]) for place in places[answered:]]
        return [Proposal(edits=tuple(e), left=tuple(some)) for e, some in zip(edits, left, strict=True)]

    def _choose(self, row: Row, random: Random) -> list[int]:
        words, tags = words_and_tags(row)
        if self.encoder.tokenizer.mask_token in words:
            # A hidden word that the row itself holds could not be told from ours.
            return []
        free = [
            place
            for place, (word, tag) in enumerate(zip(words, tags, strict=True))
            if tag == "O" and len(word) > 2 and word.isalpha() and word.islower() and word not in FUNCTION_WORDS
        ]
        return choose(free, self.share, random)

    def _guess(
        self, rows: Sequence[list[str]], chosen: Sequence[list[int]]
    ) -> Iterator[tuple[int, int, dict[str, float]]]:
        """For each hidden word of each row, in order: the row, the place, and the probable whole words."""
        import torch

        from companion.models.word_scores import scores_at

        tokenizer = self.encoder.tokenizer
        around = special_tokens(tokenizer)
        room = self.encoder.max_length - len(around.before) - len(around.after)
        pieces = []
        for words, places in zip(rows, chosen, strict=True):
            hidden = [tokenizer.mask_token if place in places else word for place, word in enumerate(words)]
            found = tokenizer(hidden, is_split_into_words=True, add_special_tokens=False, truncation=False)["input_ids"]
            pieces.append([*around.before, *found[:room], *around.after])
        was_training, device = self.model.training, next(self.model.parameters()).device
        self.model.eval()
        try:
            for start in range(0, len(rows), 32):
                numbers = [number for number in range(start, min(start + 32, len(rows))) if chosen[number]]
                if not numbers:
                    continue
                inputs = pad([pieces[number] for number in numbers], tokenizer.pad_token_id or 0)
                hidden_BT = inputs["input_ids"] == tokenizer.mask_token_id
                with torch.inference_mode():
                    moved = {name: tensor.to(device) for name, tensor in inputs.items()}
                    shares_NV = scores_at(self.model, moved, hidden_BT.to(device)).float().softmax(-1).cpu()
                yield from self._read(numbers, chosen, hidden_BT, shares_NV)
        finally:
            self.model.train(was_training)

    def _read(
        self, numbers: Sequence[int], chosen: Sequence[list[int]], hidden_BT: Tensor, shares_NV: Tensor
    ) -> Iterator[tuple[int, int, dict[str, float]]]:
        best = shares_NV.topk(min(CANDIDATES, shares_NV.shape[-1]))
        answers = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        for number, count in zip(numbers, hidden_BT.sum(1).tolist(), strict=True):
            for place in chosen[number][:count]:
                ids, values = next(answers)
                words = self.encoder.tokenizer.convert_ids_to_tokens(ids)
                kept = {
                    word.lower(): value
                    for word, value in zip(words, values, strict=True)
                    if word.isalpha() and len(word) > 2 and word.lower() not in FUNCTION_WORDS
                }
                yield number, place, kept


class Translator:
    """A MarianMT model and its tokenizer: texts in, their translations out, greedily or by beam search.

    A translation has at most `longest` pieces.

    Raises:
        ModelError: the model is none that translates.
    """

    def __init__(self, model: Any, tokenizer: Any, *, beams: int = 1, longest: int = 128, batch_size: int = 16) -> None:
        if not getattr(getattr(model, "config", None), "is_encoder_decoder", False):
            raise ModelError(f"{type(model).__name__} is no translation model", remedy="give a MarianMTModel")
        self.model, self.tokenizer, self.beams = model.eval(), tokenizer, beams
        self.longest, self.batch_size = longest, batch_size

    @classmethod
    def load(cls, name: str | Path, **options: Any) -> Translator:
        """Open a MarianMT model by its folder or Hub name, safetensors only; no code from the folder is run.

        Raises:
            ModelError: it cannot be read, or its tokenizer needs a package that is not installed.
        """
        from transformers import AutoTokenizer, MarianMTModel

        try:
            model = MarianMTModel.from_pretrained(name, use_safetensors=True, trust_remote_code=False)
            tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
        except (OSError, ValueError, ImportError) as error:
            raise ModelError(
                f"{Path(name).name}: no MarianMT model that can be read ({str(error).splitlines()[0]})",
                remedy="name a translation model with safetensors weights; its own tokenizer needs sentencepiece",
            ) from error
        return cls(model, tokenizer, **options)

    def __call__(self, texts: Sequence[str]) -> list[str]:
        """The translation of each text, in order; a text longer than the model reads is cut."""
        import torch

        found: list[str] = []
        for start in range(0, len(texts), self.batch_size):
            part = list(texts[start : start + self.batch_size])
            inputs = self.tokenizer(part, return_tensors="pt", padding=True, truncation=True)
            read = {name: inputs[name].to(self.model.device) for name in ("input_ids", "attention_mask")}
            with torch.inference_mode():
                written = self.model.generate(
                    **read, num_beams=self.beams, do_sample=False, max_new_tokens=self.longest
                )
            found += self.tokenizer.batch_decode(written, skip_special_tokens=True)
        return found


def back_translate(rows: Sequence[Text], there: Translator, back: Translator) -> Augmented[Text]:
    """The texts translated there and back again, with their labels; one that comes back as it was gives no copy.

    Of a pair only the first text is translated.

    Raises:
        DataError: a row is tagged word by word: no word keeps its place in a translation, so its tags would be lost.

    Taught in: book/constraints/augmentation-and-ensembles
    """
    for row in rows:
        if not isinstance(row, Text):
            raise DataError(
                f"{getattr(row, 'source', '') or 'a row'}: a tagged sentence cannot be translated back with its tags",
                remedy="use back-translation for texts with one label; for entities, replace mentions or synonyms",
            )
    returned = back(there([row.text for row in rows]))
    made, ledger = [], AugmentationLedger()
    for row, text in zip(rows, returned, strict=True):
        text = " ".join(text.split())
        same = not text or text.casefold() == " ".join(row.text.split()).casefold()
        copy = None if same else replace(row, text=text, source=f"{row.source}~back1")
        ledger += entry_of(row, copy, Proposal(left=(("came back as it was", row.text[:60]),) if same else ()))
        made += [] if copy is None else [copy]
    ledger.check()
    return Augmented(rows=tuple(made), ledger=ledger)
