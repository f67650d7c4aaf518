"""A small loop with a closure, two parts in one file, and a class for each phase written as functions."""

import random

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from sklearn.metrics import accuracy_score, f1_score
from torch import nn, optim

LABEL2ID = {"negative": 0, "neutral": 1, "positive": 2}
random.seed(0), np.random.seed(0), torch.manual_seed(0)


def batches(rows, size=16):
    order = torch.randperm(len(rows))
    for start in range(0, len(rows), size):
        chosen = [rows[int(place)] for place in order[start : start + size]]
        yield torch.stack([row["vector"] for row in chosen]), torch.tensor([LABEL2ID[row["label"]] for row in chosen])


def train_one_epoch(net, rows, opt, lr_scheduler):
    net.train()
    summed, seen = 0.0, 0
    for x, y in batches(rows):

        def closure(x=x, y=y):
            opt.zero_grad(set_to_none=True)
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            return loss

        value = opt.step(closure)
        summed += value.item() * len(y)
        seen += len(y)
    lr_scheduler.step()
    return summed / seen


def predict(net, rows):
    was = net.training
    net.eval()
    try:
        with torch.no_grad():
            return torch.cat([F.softmax(net(x), dim=-1) for x, _ in batches(rows)])
    finally:
        net.train(was)


def run(train_rows, val_rows, test_rows, epochs=20, patience=3):
    net = nn.Sequential(nn.Linear(384, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 3))
    opt = optim.Adam(net.parameters(), lr=1e-3)
    lr_scheduler = optim.lr_scheduler.CosineAnnealingLR(opt, T_max=epochs)
    best_loss, waited = float("inf"), 0
    for epoch in range(epochs):
        loss = train_one_epoch(net, train_rows, opt, lr_scheduler)
        gold = [LABEL2ID[row["label"]] for row in val_rows]
        val_loss = F.nll_loss(predict(net, val_rows).log(), torch.tensor(gold)).item()
        print(f"{epoch}: {loss:.3f} {val_loss:.3f}")
        if val_loss < best_loss:
            best_loss, waited = val_loss, 0
            save_file(net.state_dict(), "best.safetensors")
        elif (waited := waited + 1) >= patience:
            break
    net.load_state_dict(load_file("best.safetensors"))
    gold = [LABEL2ID[row["label"]] for row in test_rows]
    said = predict(net, test_rows).argmax(-1).tolist()
    print(accuracy_score(gold, said), f1_score(gold, said, average="macro"))
