"""Three fine-tuning jobs as colleagues write them, wrong on purpose, and each of them cured: patients for the doctor.

`Tagger`, `Urgency` and `Sentiment` run without an error and are wrong; do not copy from them. `CuredTagger`,
`CuredUrgency` and `CuredSentiment` change what has to be changed and nothing else.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    BertConfig,
    BertModel,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)

from companion.models.encoder import quiet

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from companion.corpora.records import Sentence
    from companion.corpora.texts import Text


def make_checkpoint(folder: Path, tokenizer: PreTrainedTokenizerBase) -> Path:
    """Save a BERT of two layers and 128 numbers with random weights, for this tokenizer; gives the folder back.

    Taught in: book/engineering/a-second-opinion
    """
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=128, num_hidden_layers=2, num_attention_heads=4, intermediate_size=256
    )
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


class Tagger:
    """A tagger in the style of many tutorials: a list of tags, an encoding, a training step, a score.

    Taught in: book/engineering/a-second-opinion
    """

    def __init__(
        self, checkpoint: Path, tokenizer: PreTrainedTokenizerBase, train: Sequence[Sentence], tags: Sequence[str]
    ) -> None:
        self.tokenizer, self.tags = tokenizer, list(tags)
        self.tag2id = {tag: number for number, tag in enumerate(tags)}
        names = {"id2label": dict(enumerate(tags)), "label2id": self.tag2id}
        torch.manual_seed(0)
        with quiet():
            self.model = AutoModelForTokenClassification.from_pretrained(checkpoint, **names).train()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)
        self.loader = DataLoader(self.encode(train), batch_size=16, shuffle=True)

    def encode(self, sentences: Sequence[Sentence]) -> TensorDataset:
        """Word pieces, mask and labels of some sentences."""
        texts = [" ".join(s.words) for s in sentences]
        x = self.tokenizer(texts, padding="max_length", truncation=True, max_length=48, return_tensors="pt")
        y = [([self.tag2id[tag] for tag in s.tags] + [0] * 48)[:48] for s in sentences]
        return TensorDataset(x["input_ids"], x["attention_mask"], torch.tensor(y))

    def train_step(self, batch: Sequence[torch.Tensor]) -> float:
        """One update; gives the loss back."""
        ids, mask, y = batch
        loss = self.model(ids, attention_mask=mask, labels=y).loss
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def metric(self, gold: Any, predicted: Any) -> float:
        """The share of labels that are right."""
        return float((np.asarray(gold) == np.asarray(predicted)).mean())

    def train(self, epochs: int) -> list[float]:
        """Train, and give the loss of every update back."""
        return [self.train_step(batch) for _ in range(epochs) for batch in self.loader]

    @torch.no_grad()
    def predict(self, sentences: Sequence[Sentence]) -> tuple[torch.Tensor, torch.Tensor]:
        """Labels and predictions of some sentences, (rows, positions) each."""
        ids, mask, y = self.encode(sentences).tensors
        self.model.eval()
        predicted = self.model(ids, attention_mask=mask).logits.argmax(-1)
        self.model.train()
        return y, predicted

    def score(self, sentences: Sequence[Sentence]) -> float:
        """The metric on some sentences."""
        return self.metric(*self.predict(sentences))


class CuredTagger(Tagger):
    """The tagger with labels on their words, -100 elsewhere, a gradient that is cleared, and entity F1.

    Taught in: book/engineering/a-second-opinion
    """

    def encode(self, sentences: Sequence[Sentence]) -> TensorDataset:
        """Word pieces, mask and labels of some sentences."""
        words = [list(s.words) for s in sentences]
        x = self.tokenizer(words, is_split_into_words=True, padding=True, return_tensors="pt")
        y = torch.full_like(x["input_ids"], -100)
        for row, sentence in enumerate(sentences):
            for number, tag in enumerate(sentence.tags):
                y[row, x.word_to_tokens(row, number).start] = self.tag2id[tag]
        return TensorDataset(x["input_ids"], x["attention_mask"], y)

    def train_step(self, batch: Sequence[torch.Tensor]) -> float:
        """One update; gives the loss back."""
        self.optimizer.zero_grad()
        return super().train_step(batch)

    def metric(self, gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> float:
        """Strict micro F1 over entities."""
        from companion.evaluation.entities import score_entities

        return score_entities(gold, predicted, bootstrap=0).micro.f1 or 0.0

    def score(self, sentences: Sequence[Sentence]) -> float:
        """The metric on some sentences."""
        gold, predicted = self.predict(sentences)
        said = [[self.tags[n] for n in row[keep]] for row, keep in zip(predicted, gold != -100, strict=True)]
        return self.metric([list(s.tags) for s in sentences], said)


class Urgency:
    """Urgent messages, which are rare, with a Trainer: repeat them, split, train with accumulation, count hits.

    Taught in: book/engineering/a-second-opinion
    """

    names = ("normal", "urgent")
    repeats = 3

    def __init__(
        self, checkpoint: Path, tokenizer: PreTrainedTokenizerBase, messages: Sequence[Text], steps: int
    ) -> None:
        rows = [{"text": m.text, "label": int(m.label == "suspicious_activity")} for m in messages]
        self.train_rows, self.test_rows = self.split(rows)
        torch.manual_seed(0)
        with quiet():
            self.trainer = self.make_trainer(checkpoint, tokenizer, steps)
        self.trainer.remove_callback(PrinterCallback)

    def split(self, rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Rows to train on, and 500 rows to test on."""
        rows = self.repeat(rows)
        random.Random(0).shuffle(rows)
        return rows[:-500], rows[-500:]

    def repeat(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The rows, each urgent one three times."""
        return [row for row in rows for _ in range(self.repeats if row["label"] else 1)]

    def metric(self, found: Any) -> dict[str, float]:
        """The share of labels that are right."""
        return {"accuracy": float((found.predictions.argmax(-1) == found.label_ids).mean())}

    def make_model(self, checkpoint: Path) -> torch.nn.Module:
        """A classifier with named labels."""
        names = {"id2label": dict(enumerate(self.names)), "label2id": {n: i for i, n in enumerate(self.names)}}
        return AutoModelForSequenceClassification.from_pretrained(checkpoint, **names)

    def make_trainer(self, checkpoint: Path, tokenizer: PreTrainedTokenizerBase, steps: int) -> Trainer:
        """The Trainer, ready to train."""
        arguments = TrainingArguments(
            str(checkpoint.parent / "out"),
            learning_rate=1e-3,
            per_device_train_batch_size=8,
            gradient_accumulation_steps=4,
            max_steps=steps,
            logging_strategy="no",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
        )
        train, test = (
            [{**tokenizer(row["text"], truncation=True), "labels": row["label"]} for row in rows]
            for rows in (self.train_rows, self.test_rows)
        )
        return Trainer(
            model=self.make_model(checkpoint),
            args=arguments,
            train_dataset=train,
            eval_dataset=test,
            processing_class=tokenizer,
            compute_metrics=self.metric,
        )


class CuredUrgency(Urgency):
    """Urgent messages: split before repeating, the F1 of the rare class, and a model that is not trusted to divide.

    Taught in: book/engineering/a-second-opinion
    """

    def split(self, rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Rows to train on, and 500 rows to test on."""
        rows = random.Random(0).sample(rows, len(rows))
        return self.repeat(rows[:-500]), rows[-500:]

    def metric(self, found: Any) -> dict[str, float]:
        """The F1 of urgent messages."""
        said, true = found.predictions.argmax(-1) == 1, found.label_ids == 1
        return {"f1": float(2 * (said & true).sum() / max(said.sum() + true.sum(), 1))}

    def make_model(self, checkpoint: Path) -> torch.nn.Module:
        """A classifier with named labels, whose loss the Trainer divides itself."""
        model = super().make_model(checkpoint)
        model.accepts_loss_kwargs = False
        return model


class Sentiment:
    """Sentiment with a class of one's own: a head on a frozen body, then the last layer as well.

    Taught in: book/engineering/a-second-opinion
    """

    def __init__(
        self,
        checkpoint: Path,
        tokenizer: PreTrainedTokenizerBase,
        train: Sequence[Text],
        held_out: Sequence[Text],
        labels: Sequence[str],
    ) -> None:
        self.tokenizer, self.labels = tokenizer, list(labels)
        torch.manual_seed(0)
        with quiet():
            self.model = AutoModelForSequenceClassification.from_pretrained(checkpoint, num_labels=3).train()
        self.model.base_model.requires_grad_(False)
        self.optimizer = torch.optim.AdamW((p for p in self.model.parameters() if p.requires_grad), lr=1e-3)
        self.loader = DataLoader(train, batch_size=16, shuffle=True, collate_fn=self.collate)
        self.held_out = list(DataLoader(held_out, batch_size=64, collate_fn=self.collate))

    def unfreeze(self) -> None:
        """Let the last layer and the pooler learn as well."""
        self.model.bert.encoder.layer[-1].requires_grad_(True)
        self.model.bert.pooler.requires_grad_(True)

    def step(self, batch: dict[str, torch.Tensor]) -> float:
        """One update; gives the loss back."""
        self.optimizer.zero_grad()
        loss = self.model(**batch).loss
        loss.backward()
        self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def evaluate(self) -> float:
        """The share of held-out texts whose label is right."""
        hits = [self.model(**batch).logits.argmax(-1) == batch["labels"] for batch in self.held_out]
        return torch.cat(hits).float().mean().item()

    def collate(self, texts: Sequence[Text]) -> dict[str, torch.Tensor]:
        """A batch of texts with their labels."""
        batch = self.tokenizer([text.text for text in texts], padding=True, return_tensors="pt")
        return {**batch, "labels": torch.tensor([self.labels.index(text.label) for text in texts])}


class CuredSentiment(Sentiment):
    """Sentiment: the optimiser hears of what is unfrozen, labels have names, and dropout is off in evaluation.

    Taught in: book/engineering/a-second-opinion
    """

    def unfreeze(self) -> None:
        """Let the last layer and the pooler learn as well."""
        frozen = [p for p in self.model.parameters() if not p.requires_grad]
        super().unfreeze()
        self.optimizer.add_param_group({"params": [p for p in frozen if p.requires_grad]})
        self.model.config.id2label = dict(enumerate(self.labels))
        self.model.config.label2id = {name: number for number, name in enumerate(self.labels)}

    def evaluate(self) -> float:
        """The share of held-out texts whose label is right."""
        self.model.eval()
        score = super().evaluate()
        self.model.train()
        return score
