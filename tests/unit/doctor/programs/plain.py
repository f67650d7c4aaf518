"""A tagger with a loop by hand: accumulation, a schedule, mixed precision, and the best epoch kept."""

import json
from pathlib import Path

import torch
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from transformers import AutoModelForTokenClassification, AutoTokenizer, get_linear_schedule_with_warmup

torch.manual_seed(7)
IGNORE = -100
ACCUMULATE = 4
EPOCHS = 3
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
tokenizer = AutoTokenizer.from_pretrained("bert-base-cased")
tags = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
tag2id = {tag: number for number, tag in enumerate(tags)}


def read(path):
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


def encode(row):
    encoded = tokenizer(row["words"], is_split_into_words=True, truncation=True, max_length=128)
    numbers = [tag2id[tag] for tag in row["tags"]]
    labels, last = [], None
    for word in encoded.word_ids():
        labels.append(numbers[word] if word is not None and word != last else IGNORE)
        last = word
    return torch.tensor(encoded["input_ids"]), torch.tensor(labels)


def collate(rows):
    ids, labels = zip(*rows, strict=True)
    input_ids = pad_sequence(ids, batch_first=True, padding_value=tokenizer.pad_token_id)
    return {
        "input_ids": input_ids,
        "attention_mask": (input_ids != tokenizer.pad_token_id).long(),
        "labels": pad_sequence(labels, batch_first=True, padding_value=IGNORE),
    }


train = DataLoader([encode(row) for row in read("train.jsonl")], batch_size=8, shuffle=True, collate_fn=collate)
dev = DataLoader([encode(row) for row in read("dev.jsonl")], batch_size=8, collate_fn=collate)
test = DataLoader([encode(row) for row in read("test.jsonl")], batch_size=8, collate_fn=collate)
model = AutoModelForTokenClassification.from_pretrained(
    "bert-base-cased", num_labels=len(tags), id2label=dict(enumerate(tags)), label2id=tag2id
).to(device)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-5)
total = EPOCHS * len(train) // ACCUMULATE
scheduler = get_linear_schedule_with_warmup(optimizer, num_warmup_steps=total // 10, num_training_steps=total)
scaler = torch.amp.GradScaler(device.type)


@torch.no_grad()
def measure(loader):
    model.eval()
    gold, said = [], []
    for batch in loader:
        batch = {name: tensor.to(device) for name, tensor in batch.items()}
        best = model(**batch).logits.argmax(dim=2)
        for labels, row in zip(batch["labels"], best, strict=True):
            kept = labels != IGNORE
            gold.append([tags[number] for number in labels[kept].tolist()])
            said.append([tags[number] for number in row[kept].tolist()])
    model.train()
    return f1_score(gold, said, mode="strict", scheme=IOB2)


best = 0.0
for epoch in range(EPOCHS):
    model.train()
    running, labelled, window = 0.0, 0, 0
    optimizer.zero_grad()
    for index, batch in enumerate(train):
        batch = {name: tensor.to(device) for name, tensor in batch.items()}
        with torch.autocast(device.type):
            logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten(), reduction="sum")
        scaler.scale(loss).backward()
        count = int((batch["labels"] != IGNORE).sum())
        running += loss.item()
        labelled, window = labelled + count, window + count
        if (index + 1) % ACCUMULATE == 0:
            scaler.unscale_(optimizer)
            for parameter in model.parameters():
                parameter.grad.div_(window)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
            scheduler.step()
            window = 0
    score = measure(dev)
    print(epoch, running / labelled, score)
    if score > best:
        best = score
        model.save_pretrained("tagger")
model = AutoModelForTokenClassification.from_pretrained("tagger").to(device)
print("test", measure(test))
