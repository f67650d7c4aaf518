"""The loop, repaired but for one thing."""

from tests.classroom.submissions import Submission

RIGHT = """
import torch

def train(start, batches, dev, settings):
    weights = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    size = settings["accumulate"]
    windows = [batches[at : at + size] for at in range(0, len(batches), size)]
    best, best_loss, losses = weights.detach().clone(), float("inf"), []
    for update, window in enumerate(windows):
        weights.grad = None
        count, total = sum(len(batch) for batch in window), 0.0
        for batch in window:
            rows = torch.tensor(batch, dtype=torch.float64)
            loss = ((rows[:, :-1] @ weights - rows[:, -1]) ** 2).sum() / count
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_([weights], settings["clip"])
        with torch.no_grad():
            weights -= settings["rate"] * (1 - update / len(windows)) * weights.grad
        losses.append(total)
        if dev:
            given = torch.tensor(dev, dtype=torch.float64)
            dev_loss = ((given[:, :-1] @ weights - given[:, -1]) ** 2).mean().item()
            if dev_loss < best_loss:
                best, best_loss = weights.detach().clone(), dev_loss
        else:
            best = weights.detach().clone()
    return {"weights": best.tolist(), "losses": losses}
"""
COUPLED = RIGHT.replace(
    'torch.nn.utils.clip_grad_norm_([weights], settings["clip"])',
    'weights.grad += 0.1 * weights.detach()\n        torch.nn.utils.clip_grad_norm_([weights], settings["clip"])',
).replace(" * (1 - update / len(windows))", "")
EARLY_CLIP = RIGHT.replace(
    "            total += loss.item()",
    '            total += loss.item()\n            torch.nn.utils.clip_grad_norm_([weights], settings["clip"])',
)

SUBMISSIONS = [
    Submission(
        name="gradients are kept",
        replaces={"train": RIGHT.replace("        weights.grad = None\n", "")},
        points={"train": 3},
        message="`backward()` adds",
    ),
    Submission(
        name="a mean of means",
        replaces={"train": RIGHT.replace(".sum() / count", ".mean() / len(window)")},
        points={"train": 21},
        message="A row in a small batch counts for more.",
    ),
    Submission(
        name="the loss of the last batch",
        replaces={"train": RIGHT.replace("total += loss.item()", "total = loss.item() * count / len(batch)")},
        points={"train": 15},
        message="the loss that you report is that of the last batch",
    ),
    Submission(
        name="the end is dropped",
        replaces={"train": RIGHT.replace("range(0, len(batches), size)", "range(0, len(batches) - size + 1, size)")},
        points={"train": 24},
        message="The batches that do not fill a window are lost.",
    ),
    Submission(
        name="clipped too early",
        replaces={"train": EARLY_CLIP},
        points={"train": 24},
        message="You clip while the window is still being gathered.",
    ),
    Submission(
        name="best is a name for last",
        replaces={"train": RIGHT.replace("weights.detach().clone(), dev_loss", "weights.detach(), dev_loss")},
        points={"train": 21},
        message="Both names mean one tensor",
    ),
    Submission(
        name="decay in the gradient",
        replaces={"train": COUPLED},
        points={"train": 24},
        message="Your decay is added to the gradient, and clipped with it.",
        variants={"train": "decay"},
    ),
    Submission(
        name="a falling rate where it should warm up",
        replaces={"train": RIGHT},
        points={"train": 0},
        message="This answers another form of the task (`falling-rate`)",
        variants={"train": "momentum"},
    ),
    Submission(
        name="tensors given back",
        replaces={"train": RIGHT.replace("best.tolist()", "best")},
        points={"train": 0},
        message="which JSON cannot hold",
    ),
]
