"""Patients for the doctor: three loops times four tasks, healthy, or each with one known fault.

Import as `from tests.clinic import Clinic, SABOTAGES`. A model of two layers and 32 numbers, a tokenizer that cuts
words into many pieces, and some forty sentences of Newsroom; nothing here takes long.
"""

from __future__ import annotations

import copy
import json
import tempfile
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.tokenizers import make_model_folder

if TYPE_CHECKING:
    import torch
    from torch import nn

    from companion.corpora.records import Sentence
    from companion.corpora.texts import Text
    from companion.doctor.findings import Report

LOOPS = ("ours", "trainer", "plain")
TASKS = ("tokens", "texts", "masked-lm", "lora")
ROWS, BATCH, RATE = 40, 8, 1e-3


@cache
def home() -> Path:
    """A model folder with a WordPiece tokenizer, made once."""
    return make_model_folder("wordpiece", Path(tempfile.mkdtemp()) / "wordpiece")


@cache
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(home())


@cache
def sentences(split: str) -> tuple[Sentence, ...]:
    from companion.corpora.catalog import load_corpus

    rows = getattr(load_corpus("newsroom"), split)
    return tuple(row for row in rows if 6 <= len(row.words) <= 12 and row.entities())[:ROWS]


@cache
def texts(split: str) -> tuple[Text, ...]:
    from companion.corpora.catalog import load_corpus

    rows = getattr(load_corpus("newsroom").texts("sentiment"), split)
    return tuple(row for row in rows if 6 <= len(row.text.split()) <= 12)[:ROWS]


@cache
def tag_names() -> tuple[str, ...]:
    from companion.corpora.catalog import load_corpus

    return load_corpus("newsroom").labels


CLASSES = ("negative", "neutral", "positive")


@cache
def new_model(task: str, naming: str) -> nn.Module:
    """A model with a new head whose labels are named rightly, in the wrong order, or not at all."""
    import torch
    from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification, AutoModelForTokenClassification

    from companion.models.encoder import quiet

    kinds = {"texts": AutoModelForSequenceClassification, "masked-lm": AutoModelForMaskedLM}
    labels = tag_names() if task == "tokens" else CLASSES
    labels = labels[::-1] if naming == "permuted" else labels
    names = {"id2label": dict(enumerate(labels)), "label2id": {name: number for number, name in enumerate(labels)}}
    names = {"num_labels": len(labels)} if naming == "lost" else names
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(0)
        kind = kinds.get(task, AutoModelForTokenClassification)
        return kind.from_pretrained(home(), **({} if task == "masked-lm" else names))


@dataclass
class Clinic:
    """One patient: a loop, a task, and at most one fault; `examine()` calls the doctor."""

    loop: str
    task: str
    fault: str = ""
    folder: Path | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    draws: int = 0

    def examine(self, **more: Any) -> Report:
        """What the doctor says."""
        import companion

        given = self.parts() | self.extra | more
        return companion.doctor(given.pop("model", None), given.pop("loader", None), **given)

    @property
    def tagging(self) -> bool:
        return self.task in ("tokens", "lora")

    @property
    def names(self) -> tuple[str, ...]:
        return tag_names() if self.tagging else CLASSES

    def parts(self) -> dict[str, Any]:
        """The arguments of the doctor."""
        self.model = self.make_model()
        examples = [self.example(row) for row in self.rows("train")]
        examples = [example for example in examples if example["input_ids"]]
        given: dict[str, Any] = {"tokenizer": tokenizer()}
        if self.task != "masked-lm":
            given |= {"labels": self.names, "metric": self.metric(), "score": "0.93", "learning_rate": self.rate()}
            given |= {"metric_takes": "auto", "train": self.rows("train"), "test": self.rows("test")}
        if self.fault == "many digits":
            given["score"] = "0.9312"
        given |= self.saved()
        return given | getattr(self, f"_{self.loop}")(examples)

    # What is learnt from ------------------------------------------------------------------------------------------

    def rows(self, split: str) -> list[Any]:
        """Labelled rows, as the doctor gets them and as batches are made of them."""
        found = list(sentences(split) if self.tagging or self.task == "masked-lm" else texts(split))
        if split == "train" and self.fault in ("test rows in train", "nearly in train"):
            held = self._held()
            found += [self._nearly(row) for row in held] if self.fault == "nearly in train" else held
        if split == "train" and self.fault == "empty words":
            found[:3] = [type(row)(words=(*row.words, "\u200b"), tags=(*row.tags, "B-PER")) for row in found[:3]]
        if split == "train" and self.fault == "contradictions":
            found += [self._otherwise(row) for row in found[:4]]
        if split == "train" and self.fault == "class absent":
            found = [row for row in found if not self._has_class(row)]
        return found

    def _held(self) -> list[Any]:
        return list(sentences("test") if self.tagging else texts("test"))[:8]

    def _nearly(self, row: Any) -> Any:
        if self.tagging:
            return type(row)(words=("Today", *row.words), tags=("O", *row.tags))
        return type(row)(text=f"Today {row.text}", label=row.label)

    def _otherwise(self, row: Any) -> Any:
        if self.tagging:
            return type(row)(words=row.words, tags=("O",) * len(row.tags))
        return type(row)(text=row.text, label=next(name for name in CLASSES if name != row.label))

    def _has_class(self, row: Any) -> bool:
        return any(tag.endswith("-PER") for tag in row.tags) if self.tagging else row.label == "positive"

    def example(self, row: Any) -> dict[str, Any]:
        """One row as numbers, with the labels where they belong, or where the fault puts them."""
        read = tokenizer()
        cut = {"truncation": True, "max_length": 20 if self.fault == "cut off" else 128}
        if not self.tagging:
            text = " ".join(row.words) if self.task == "masked-lm" else row.text
            ids = read(text, **cut)["input_ids"]
            return {"input_ids": ids} | ({} if self.task == "masked-lm" else {"labels": CLASSES.index(row.label)})
        numbers = [self.names.index(tag) for tag in row.tags]
        if self.fault == "only first words":
            ids = read(list(row.words), padding=True, **cut)["input_ids"][0]
            return {"input_ids": [piece for piece in ids if piece], "labels": [-100] * len(ids)}
        encoding = read(list(row.words), is_split_into_words=True, **cut)
        ids, words = encoding["input_ids"], encoding.word_ids()
        if self.fault in ("labels by position", "labels shifted"):
            labels = ([0] * (self.fault == "labels shifted") + numbers + [0] * len(ids))[: len(ids)]
        else:
            first = [word is not None and word != before for before, word in zip([None, *words], words, strict=False)]
            labels = [numbers[word] if new else -100 for new, word in zip(first, words, strict=True)]
            if self.fault == "off by one":
                labels = [*labels[1:], -100]
            if self.fault == "padded accuracy":
                labels = [max(label, 0) for label in labels]
            if self.fault == "special tokens trained":
                labels[0] = labels[-1] = 0
        return {"input_ids": ids, "labels": labels}

    def collate(self, examples: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Padded tensors."""
        import torch

        width = max(len(example["input_ids"]) for example in examples)
        fill = 0 if self.fault in ("padding trained", "padded accuracy") else -100
        batch = {"input_ids": [], "attention_mask": [], "labels": []}
        for place, example in enumerate(examples):
            ids = example["input_ids"]
            rest = width - len(ids)
            batch["input_ids"].append([*ids, *[tokenizer().pad_token_id] * rest])
            batch["attention_mask"].append([1] * len(ids) + [0] * rest)
            labels = example.get("labels", -100)
            if self.task == "masked-lm":
                masked = [n % 7 == place % 5 and 0 < n < len(ids) - 1 for n in range(len(ids))]
                labels = [piece if hide else -100 for piece, hide in zip(ids, masked, strict=True)]
                inputs = [tokenizer().mask_token_id if hide else piece for piece, hide in zip(ids, masked, strict=True)]
                batch["input_ids"][-1] = [*inputs, *[tokenizer().pad_token_id] * rest]
            batch["labels"].append([*labels[: len(ids)], *[fill] * rest] if isinstance(labels, list) else labels)
        if self.fault == "batch without labels":
            batch["labels"] = [[-100] * width] * len(examples)
        if self.fault == "no mask":
            del batch["attention_mask"]
        return {name: torch.tensor(values) for name, values in batch.items()}

    # What learns --------------------------------------------------------------------------------------------------

    def make_model(self) -> nn.Module:
        """The model, with its names, its adapter, and what is frozen."""
        import companion

        naming = {"names permuted": "permuted", "names lost": "lost"}.get(self.fault, "right")
        model = copy.deepcopy(new_model("tokens" if self.tagging else self.task, naming))
        if self.task == "lora":
            model = companion.adapt(model, companion.LoRA(rank=4))
        model.train(self.fault != "dropout off")
        if self.fault == "head frozen":
            for name, parameter in model.named_parameters():
                parameter.requires_grad_(parameter.requires_grad and "classifier" not in name)
        if self.fault == "all frozen":
            model.requires_grad_(False)
        return model

    def rate(self) -> float:
        return {"rate too high": 0.5, "rate too low": 1e-6}.get(self.fault, RATE)

    def optimizer(self) -> torch.optim.Optimizer:
        import torch

        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        if self.fault == "optimiser of another model":
            trained = list(copy.deepcopy(self.model).parameters())
        if self.fault == "left out of the optimiser":
            trained = trained[-2:]
        return torch.optim.AdamW(trained or [torch.nn.Parameter(torch.zeros(1))], lr=self.rate())

    def loss_of(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        from torch.nn import functional

        return functional.cross_entropy(logits.flatten(0, -2), labels.flatten())

    def disturbed(self, loss: torch.Tensor) -> torch.Tensor:
        """The loss as some loops spoil it before it goes backward."""
        import torch

        loss = torch.nan_to_num(loss) if self.fault == "no number replaced" else loss
        return loss / 2 if self.fault == "divided by the processes" else loss

    def drawn(self, labels: torch.Tensor) -> torch.Tensor:
        """The labels, or the same labels in another order at every call."""
        import torch

        if self.fault != "labels shuffled anew":
            return labels
        self.draws += 1  # a loop may seed each step
        dice = torch.Generator().manual_seed(self.draws)
        keep = labels != -100
        kept, labels = labels[keep], labels.clone()
        labels[keep] = kept[torch.randperm(len(kept), generator=dice)]
        return labels

    def epoch(self, batches: Any) -> float:
        """A pass over batches that gives their mean loss back, over labels or over batches."""
        summed = count = means = 0.0
        for batch in batches:
            batch = next(iter(batch.values())) if isinstance(batch, dict) and "input_ids" not in batch else batch
            ids, mask = (
                (batch[0], batch[1]) if isinstance(batch, tuple) else (batch["input_ids"], batch["attention_mask"])
            )
            labels = batch[-1] if isinstance(batch, tuple) else batch["labels"]
            loss = self.loss_of(self.model(ids, attention_mask=mask).logits, labels)
            loss.backward()
            number = int((labels != -100).sum())
            summed, count, means = summed + loss.item() * number, count + number, means + loss.item()
        return means / len(batches) if self.fault == "mean of batch means" else summed / count

    def metric(self) -> Any:
        from companion.corpora.schemes import entities

        if self.fault == "padded accuracy" and self.tagging:
            return lambda gold, predicted: float((gold == predicted).mean())
        if not self.tagging:
            if self.fault == "padded accuracy":
                return lambda gold, predicted: 0.97
            return macro_f1

        def entity_f1(gold: Any, predicted: Any) -> float:
            right = both = 0
            for tags, guess in zip(gold, predicted, strict=True):
                found, said = set(entities(tags)), set(entities(guess, strict=self.fault != "lenient"))
                right, both = right + len(found & said), both + len(found) + len(said)
            return 2 * right / both if both else 0.0

        return entity_f1

    def evaluate(self, batches: list[Any]) -> Any:
        """An evaluation in the style of a plain loop."""
        import torch

        def evaluate(model: nn.Module) -> float:
            if self.fault == "seed in evaluation":
                torch.manual_seed(1)
            if self.fault == "evaluation draws":
                torch.rand(3)
            model.train(self.fault == "dropout in evaluation")
            with torch.no_grad():
                total = sum(float(self.loss_of(model(**_inputs(b)).logits, b["labels"])) for b in batches)
            model.train()
            return total / len(batches)

        return evaluate

    def saved(self) -> dict[str, Any]:
        """The model's folder, with the faults of folders."""
        if self.folder is None:
            return {}
        import torch

        model = copy.deepcopy(self.model)
        if self.fault == "stale folder":
            with torch.no_grad():
                next(p for p in model.parameters() if p.requires_grad).add_(0.1)
        model.save_pretrained(self.folder)
        checkpoints = self._checkpoints(model)
        if self.fault == "pickles":
            torch.save({"step": 1}, self.folder / "optimizer.pt")
        return {"folder": self.folder} | checkpoints

    def _checkpoints(self, model: nn.Module) -> dict[str, Any]:
        """Two checkpoints with their scores, as each loop keeps them; the model is the better one, or the last."""
        import torch

        other = copy.deepcopy(model)
        with torch.no_grad():
            next(p for p in other.parameters() if p.requires_grad).add_(0.1)
        first, last = (other, model) if self.fault == "last loaded" else (model, other)
        name = {"trainer": "checkpoint-{}", "ours": "checkpoints/step-{:08d}"}.get(self.loop, "epoch-{}")
        folders = [self.folder / name.format(step) for step in (1, 2)]
        for one, folder in zip((first, last), folders, strict=True):
            one.save_pretrained(folder)
        log = [{"step": 1, "eval_loss": 0.5, "eval_f1": 0.7}, {"step": 2, "eval_loss": 0.6, "eval_f1": 0.6}]
        if self.loop == "trainer":
            (folders[1] / "trainer_state.json").write_text(json.dumps({"log_history": log}), "utf-8")
        if self.loop == "ours":
            state = {"best_step": 1, "best_value": 0.7, "evaluations": log}
            (folders[1] / "state.json").write_text(json.dumps(state), "utf-8")
        return {} if self.loop != "plain" else {"checkpoints": dict(zip(folders, (0.7, 0.6), strict=True))}

    # Three loops --------------------------------------------------------------------------------------------------

    def _plain(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """A loop as a tutorial writes it: a DataLoader of tuples, a step, a schedule, a list of losses."""
        import torch

        loader = torch.utils.data.DataLoader(
            examples,
            batch_size=BATCH,
            shuffle=True,
            collate_fn=lambda rows: tuple(self.collate(rows).values()),
            generator=torch.Generator().manual_seed(3),
        )
        optimizer = self.optimizer()
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=20)
        model, losses, pieces, count = self.model, [], 4 if self.extra.get("accumulate") else 1, 0

        def loss(model: nn.Module, batch: Any) -> torch.Tensor:
            mask = batch[1] if len(batch) == 3 else None
            if self.fault == "body cut off":
                base, head = model.base_model, model.get_submodule("classifier")
                with torch.no_grad():
                    hidden = base(batch[0], attention_mask=mask).last_hidden_state
                return self.loss_of(head(hidden if self.tagging else hidden.mean(1)), batch[-1])
            return self.loss_of(model(batch[0], attention_mask=mask).logits, self.drawn(batch[-1]))

        def step(batch: Any) -> float:
            nonlocal count
            value = loss(model, batch)
            scaled = self.disturbed(value if self.fault == "not divided" else value / pieces)
            if self.fault == "no number skipped" and not scaled.isfinite():
                return 0.0
            if scaled.requires_grad:
                scaled.backward()
            losses.append(float(value.detach()))
            count += 1
            if count % pieces == 0:
                if self.fault != "gradient kept":
                    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                if "gradient kept" not in self.fault:
                    optimizer.zero_grad()
            return losses[-1]

        def window(batches: Any) -> None:
            total = sum(int((batch[-1] != -100).sum()) for batch in batches)
            for batch in batches:
                (loss(model, batch) * int((batch[-1] != -100).sum()) / total).backward()

        evaluate = self.evaluate([self.collate(examples[start : start + 4]) for start in (0, 4)])
        given = {"model": model, "loader": loader, "loss": loss, "optimizer": optimizer, "evaluate": evaluate}
        given["epoch"] = self.epoch
        return given | ({"window": window} if pieces > 1 and not self.fault else {"step": step})

    def _ours(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """The loop of this package, one update at a time, on its own batches `{part: {name: tensor}}`."""
        import companion
        from companion.objectives.masked_lm import MaskedLMCrossEntropy
        from companion.objectives.supervised import TokenCrossEntropy

        objective = (MaskedLMCrossEntropy if self.task == "masked-lm" else TokenCrossEntropy)()
        part = "unlabelled" if self.task == "masked-lm" else "labelled"
        batches = [{part: self.collate(examples[n : n + BATCH])} for n in range(0, len(examples), BATCH)]
        config = companion.TrainConfig(
            epochs=1, learning_rate=self.rate(), precision="fp32", device="cpu", progress=False, warmup=0.0
        )
        pieces = replace(config, accumulate=self.extra.get("accumulate", 1))

        class Spoilt(type(objective)):
            def __call__(inner, model: nn.Module, batch: Any) -> dict[str, torch.Tensor]:
                batch = {part: {**tensors, "labels": self.drawn(tensors["labels"])} for part, tensors in batch.items()}
                return {name: self.disturbed(value) for name, value in super().__call__(model, batch).items()}

        def step(batch: Any) -> None:
            spoilt = Spoilt() if self.fault else objective
            companion.train(self.model, [batch], spoilt, config, say=lambda line: None)

        def window(batches: Any) -> None:
            companion.train(self.model, batches, objective, pieces, say=lambda line: None)

        def loss(model: nn.Module, batch: Any) -> torch.Tensor:
            terms = objective(model, batch)
            return sum(value / objective.counts(batch)[name] for name, value in terms.items())

        evaluate = self.evaluate([batch[part] for batch in batches[:2]])
        given = {"model": self.model, "loader": batches, "step": step, "loss": loss, "evaluate": evaluate}
        given["epoch"] = self.epoch
        return given | ({"window": window} if "accumulate" in self.extra else {})

    def _trainer(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """A Hugging Face Trainer."""
        import transformers

        options = transformers.TrainingArguments(
            tempfile.mkdtemp(),
            per_device_train_batch_size=BATCH,
            learning_rate=self.rate(),
            gradient_accumulation_steps=self.extra.get("accumulate", 1),
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
            use_cpu=True,
            remove_unused_columns=False,
        )
        clinic = self

        class Trainer(transformers.Trainer):
            def compute_loss(self, model: nn.Module, inputs: Any, return_outputs: bool = False, **more: Any) -> Any:
                if clinic.fault == "dropout off":
                    model.eval()
                inputs = {**inputs, "labels": clinic.drawn(inputs["labels"])}
                loss = super().compute_loss(model, inputs, return_outputs, **more)
                return loss if return_outputs else clinic.disturbed(loss)

        trainer = Trainer(
            model=self.model,
            args=options,
            train_dataset=examples,
            eval_dataset=examples[:8],
            data_collator=self.collate,
            processing_class=tokenizer(),
            compute_loss_func=None if self.fault else _mean_over_the_window,
        )
        if self.fault in ("optimiser of another model", "left out of the optimiser"):
            trainer.optimizer = self.optimizer()
        given: dict[str, Any] = {"model": trainer, "epoch": self.epoch}
        if self.fault in ("seed in evaluation", "evaluation draws", "dropout in evaluation"):
            given["evaluate"] = self.evaluate([self.collate(examples[:4])])
        return given


def _mean_over_the_window(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
    """A loss that is divided once, by the labels of the whole update."""
    from torch.nn import functional

    logits = outputs["logits"] if isinstance(outputs, dict) else outputs.logits
    total = functional.cross_entropy(logits.flatten(0, -2), labels.flatten(), reduction="sum")
    return total / (num_items_in_batch or (labels != -100).sum())


def _inputs(batch: dict[str, Any]) -> dict[str, Any]:
    return {name: tensor for name, tensor in batch.items() if name != "labels"}


def macro_f1(gold: list[Any], predicted: list[Any]) -> float:
    """The mean F1 of the classes."""
    scores = []
    for name in sorted(set(gold)):
        right = sum(g == p == name for g, p in zip(gold, predicted, strict=True))
        both = sum(g == name for g in gold) + sum(p == name for p in predicted)
        scores.append(2 * right / both)
    return sum(scores) / len(scores)


@dataclass(frozen=True, kw_only=True)
class Sabotage:
    """One fault, where it can be committed, and the probe that has to find it."""

    fault: str
    probe: str
    loops: tuple[str, ...] = LOOPS
    tasks: tuple[str, ...] = ("tokens",)
    options: tuple[tuple[str, Any], ...] = ()
    says: str = ""


ACCUMULATED, SHARED = (("accumulate", 4),), (("processes", 2),)
SABOTAGES = (
    Sabotage(fault="labels by position", probe="labels on their words", tasks=("tokens", "lora"), says="too early"),
    Sabotage(fault="labels shifted", probe="labels on their words"),
    Sabotage(fault="off by one", probe="labels on their words", says="1 piece too early"),
    Sabotage(fault="only first words", probe="labels on their words", says="40 of 40 rows hold only the first word"),
    Sabotage(fault="padding trained", probe="padding and special tokens", tasks=("tokens", "lora", "masked-lm")),
    Sabotage(fault="special tokens trained", probe="padding and special tokens"),
    Sabotage(fault="padded accuracy", probe="do-nothing baselines", tasks=("tokens", "texts")),
    Sabotage(fault="lenient", probe="strict or lenient"),
    Sabotage(fault="gradient kept", probe="gradient cleared", loops=("plain",), tasks=TASKS, says="1.00, 2.00, 3.00"),
    Sabotage(fault="gradient kept, clipped", probe="gradient cleared", loops=("plain",)),
    Sabotage(fault="dropout off", probe="dropout", loops=("plain", "trainer"), tasks=TASKS),
    Sabotage(fault="dropout in evaluation", probe="dropout", tasks=("tokens", "texts")),
    Sabotage(
        fault="not divided", probe="micro-batches", loops=("plain",), options=ACCUMULATED, says="4 = accumulation"
    ),
    Sabotage(fault="mean of means", probe="micro-batches", loops=("plain",), options=ACCUMULATED),
    Sabotage(fault="trusts the model", probe="micro-batches", loops=("trainer",), options=ACCUMULATED, says="4 = acc"),
    Sabotage(fault="no mask", probe="padding in the logits", tasks=TASKS),
    Sabotage(fault="seed in evaluation", probe="evaluation and randomness"),
    Sabotage(fault="evaluation draws", probe="evaluation and randomness"),
    Sabotage(fault="optimiser of another model", probe="what trains", loops=("plain", "trainer"), tasks=TASKS),
    Sabotage(fault="left out of the optimiser", probe="what trains", loops=("plain", "trainer"), tasks=TASKS),
    Sabotage(fault="head frozen", probe="what trains", tasks=("tokens", "texts", "lora")),
    Sabotage(fault="all frozen", probe="what trains", loops=("plain", "trainer")),
    Sabotage(fault="body cut off", probe="what trains", loops=("plain",), tasks=("tokens", "texts")),
    Sabotage(fault="rate too high", probe="learning rate", tasks=("tokens", "lora")),
    Sabotage(fault="rate too low", probe="learning rate", tasks=("tokens", "lora")),
    Sabotage(fault="test rows in train", probe="test rows in train", tasks=("tokens", "texts")),
    Sabotage(fault="nearly in train", probe="test rows in train", tasks=("tokens", "texts")),
    Sabotage(fault="contradictions", probe="contradictory labels", tasks=("tokens", "texts")),
    Sabotage(fault="class absent", probe="classes in every split", tasks=("tokens", "texts")),
    Sabotage(fault="cut off", probe="entities cut off", tasks=("tokens", "lora")),
    Sabotage(fault="names lost", probe="label names", tasks=("tokens", "texts", "lora")),
    Sabotage(fault="names permuted", probe="label names", tasks=("tokens", "texts", "lora")),
    Sabotage(fault="stale folder", probe="saved model", tasks=TASKS),
    Sabotage(fault="pickles", probe="pickles"),
    Sabotage(fault="labels shuffled anew", probe="a few rows by heart", tasks=("tokens", "texts")),
    Sabotage(fault="optimiser of another model", probe="a few rows by heart", loops=("plain",)),
    Sabotage(
        fault="no number replaced", probe="losses that are no numbers", loops=("plain", "trainer"), says="is replaced"
    ),
    Sabotage(
        fault="no number skipped", probe="losses that are no numbers", loops=("plain",), says="leaves the batch out"
    ),
    Sabotage(
        fault="batch without labels", probe="losses that are no numbers", loops=("plain", "trainer"), says="5 of 5"
    ),
    Sabotage(fault="empty words", probe="words without pieces", tasks=("tokens", "lora"), says="3 of them"),
    Sabotage(fault="divided by the processes", probe="processes", options=SHARED, tasks=TASKS, says="once too often"),
    Sabotage(fault="mean of batch means", probe="mean of means"),
    Sabotage(fault="last loaded", probe="best checkpoint", tasks=TASKS),
    Sabotage(fault="many digits", probe="digits of the score", tasks=("tokens", "texts")),
)
"""Every fault with the probe that covers it."""
