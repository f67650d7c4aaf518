"""A loop in a class, with accelerate, a data set of its own and the offline clearing of gradients by hand."""

import argparse
import math

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn


class Tagger(nn.Module):
    def __init__(self, vocabulary, classes, width=64):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width, padding_idx=0)
        self.read = nn.LSTM(width, width, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(2 * width, classes)

    def forward(self, ids):
        return self.head(self.drop(self.read(self.embed(ids))[0]))


class Engine:
    """What a project writes when it has three scripts that do the same."""

    def __init__(self, model, optimizer, accelerator, clip=1.0):
        self.model, self.optimizer, self.accelerator, self.clip = model, optimizer, accelerator, clip
        self.loss_fn = nn.CrossEntropyLoss(ignore_index=-100, reduction="sum")

    def train(self, loader):
        self.model.train()
        total = count = 0
        for ids, labels in loader:
            loss, number = self.compute_loss(ids, labels)
            self.update(loss / number)
            total, count = total + float(loss), count + number
        return total / count

    def compute_loss(self, ids, labels):
        outputs = self.model(ids)
        return self.loss_fn(outputs.flatten(0, 1), labels.flatten()), int((labels != -100).sum())

    def update(self, loss):
        for parameter in self.model.parameters():
            parameter.grad = None
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()

    @torch.inference_mode()
    def evaluate(self, loader):
        self.model.eval()
        right = count = 0
        for ids, labels in loader:
            keep = labels != -100
            right += int((self.model(ids).argmax(-1) == labels)[keep].sum())
            count += int(keep.sum())
        return right / count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    set_seed(3)
    accelerator = Accelerator()
    model = Tagger(1000, 5)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    loaders = {split: torch.load(f"{split}.pt", weights_only=True) for split in ("train", "dev", "test")}
    model, optimizer = accelerator.prepare(model, optimizer)
    engine = Engine(model, optimizer, accelerator)
    best_score = -math.inf
    for epoch in range(options.epochs):
        loss = engine.train(loaders["train"])
        score = engine.evaluate(loaders["dev"])
        if score > best_score:
            best_score = score
            torch.save(accelerator.unwrap_model(model).state_dict(), "best.pt")
        accelerator.print(epoch, loss, score)
    model.load_state_dict(torch.load("best.pt", weights_only=True))
    accelerator.print("test", engine.evaluate(loaders["test"]))


if __name__ == "__main__":
    main()
