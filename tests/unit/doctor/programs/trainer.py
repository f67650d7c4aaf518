"""A tagger with a Hugging Face Trainer, as its documentation writes one."""

import evaluate
import numpy as np
from datasets import load_dataset
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    Trainer,
    TrainingArguments,
)

raw = load_dataset("lhoestq/conll2003")
names = raw["train"].features["ner_tags"].feature.names
id2label = dict(enumerate(names))
label2id = {name: number for number, name in id2label.items()}
tokenizer = AutoTokenizer.from_pretrained("bert-base-cased")


def tokenize_and_align(examples):
    encoded = tokenizer(examples["tokens"], truncation=True, is_split_into_words=True)
    labels = []
    for row, tags in enumerate(examples["ner_tags"]):
        word_ids = encoded.word_ids(row)
        previous, aligned = None, []
        for word in word_ids:
            aligned.append(-100 if word is None or word == previous else tags[word])
            previous = word
        labels.append(aligned)
    encoded["labels"] = labels
    return encoded


data = raw.map(tokenize_and_align, batched=True)
model = AutoModelForTokenClassification.from_pretrained("bert-base-cased", id2label=id2label, label2id=label2id)
seqeval = evaluate.load("seqeval")


def compute_metrics(found):
    best = np.argmax(found.predictions, axis=2)
    gold = [[names[tag] for tag in row if tag != -100] for row in found.label_ids]
    said = [
        [names[tag] for tag, label in zip(row, labels, strict=True) if label != -100]
        for row, labels in zip(best, found.label_ids, strict=True)
    ]
    return {"f1": seqeval.compute(predictions=said, references=gold, mode="strict", scheme="IOB2")["overall_f1"]}


options = TrainingArguments(
    "runs/tagger",
    eval_strategy="epoch",
    save_strategy="epoch",
    load_best_model_at_end=True,
    metric_for_best_model="f1",
    learning_rate=2e-5,
    seed=13,
)
trainer = Trainer(
    model=model,
    args=options,
    train_dataset=data["train"],
    eval_dataset=data["validation"],
    data_collator=DataCollatorForTokenClassification(tokenizer),
    processing_class=tokenizer,
    compute_metrics=compute_metrics,
)
trainer.train()
print(trainer.evaluate(data["test"]))
trainer.save_model("tagger")
