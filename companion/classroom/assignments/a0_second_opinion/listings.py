"""Three tutorials, made from one script with faults put into it: which line breaks which rule."""

from __future__ import annotations

CHECKS = {
    "labels": "Are labels paired with pieces by position, and not by word?",
    "padding": "Do padded positions count in the loss?",
    "mask": "Is the attention mask kept from the model?",
    "zero": "Are gradients kept from one batch to the next?",
    "order": "Do the training batches come in the same order in every epoch?",
    "mean": "Is the printed loss a mean of batch means, whatever the batches' sizes?",
    "mode": "Is dropout still at work while the model is evaluated?",
    "choice": "Is the model to be kept chosen on the test set?",
    "score": "Does the score count words outside of names as successes?",
}

# A line of the script: what stands there, or (check, sound form, faulty form).
_SCRIPT: list[str | tuple[str, str, str]] = [
    "import torch",
    "from helpers import *",
    "",
    "def encode(words, tags):",
    "    encoded = tokenizer(words, is_split_into_words=True)",
    (
        "labels",
        "    labels = label_pieces([ids[tag] for tag in tags], encoded.word_ids())",
        "    labels = [-100] + [ids[tag] for tag in tags]",
    ),
    "    gap = 128 - len(labels)",
    ("padding", "    labels += [-100] * gap", '    labels += [ids["O"]] * gap'),
    "    return encoded, labels",
    "",
    "def score(gold, said):",
    (
        "score",
        "    return entity_f1(gold, said)",
        "    return sum(g == s for g, s in zip(gold, said)) / len(gold)",
    ),
    "",
    'train, dev, test = (read(p, encode) for p in ["train", "dev", "test"])',
    'model, best = Tagger("bert-base-cased", len(ids)), 0.0',
    "optimiser = torch.optim.AdamW(model.parameters(), lr=2e-5)",
    "",
    "for epoch in range(5):",
    "    model.train()",
    "    total = seen = 0",
    ("zero", "    print('epoch', epoch)", "    optimiser.zero_grad()"),
    (
        "order",
        "    for batch in loader(train, size=16, shuffle=True):",
        "    for batch in loader(train, size=16, shuffle=False):",
    ),
    ("zero", "        optimiser.zero_grad()", "        # forward and backward"),
    (
        "mask",
        "        logits = model(batch.input_ids, batch.attention_mask)",
        "        logits = model(batch.input_ids)",
    ),
    "        loss = cross_entropy(logits, batch.labels, ignore=-100)",
    "        loss.backward()",
    "        optimiser.step()",
    "        counted = int((batch.labels != -100).sum())",
    (
        "mean",
        "        total, seen = total + loss.item() * counted, seen + counted",
        "        total, seen = total + loss.item(), seen + 1",
    ),
    "    print('loss', total / seen)",
    ("mode", "    model.eval()", "    model.requires_grad_(True)"),
    "    with torch.no_grad():",
    (
        "choice",
        "        now = score(*said_by(model, dev))",
        "        now = score(*said_by(model, test))",
    ),
    "    if now > best:",
    "        best = now",
    "        save(model)",
]

_PROLOGUES = {
    "the-short-one": [],
    "the-long-one": [
        '"""Named entity recognition in 40 lines.',
        "",
        "Works out of the box, reaches 97 % on the news corpus.",
        '"""',
    ],
    "the-careful-one": ["# Reproducible: everything is seeded.", "import random", "", "random.seed(0)", "", ""],
}
_FAULTS = {
    "the-short-one": ("labels", "padding", "mean", "choice", "score"),
    "the-long-one": ("mask", "zero", "order", "mode", "score"),
    "the-careful-one": ("padding", "mask", "zero", "mean", "choice", "mode"),
}
NAMES = tuple(_FAULTS)


def _lines(name: str) -> list[tuple[str, str]]:
    """Each line of a tutorial with the check that it breaks, or with nothing."""
    lines = [(text, "") for text in _PROLOGUES[name]]
    for entry in _SCRIPT:
        if isinstance(entry, str):
            lines.append((entry, ""))
        else:
            check, sound, faulty = entry
            broken = check in _FAULTS[name]
            # Of the two places of `zero_grad`, the fault is the call that stands outside of the loop.
            named = broken and not faulty.lstrip().startswith("#")
            lines.append((faulty if broken else sound, check if named else ""))
    return lines


def listing(name: str) -> str:
    """The tutorial with line numbers, as it stands in the statement."""
    return "\n".join(f"{number:>2}  {text}".rstrip() for number, (text, _) in enumerate(_lines(name), start=1))


def line_of(name: str, check: str) -> int:
    """The line that breaks a rule, from 1; 0 where the tutorial keeps it."""
    found = [number for number, (_, broken) in enumerate(_lines(name), start=1) if broken == check]
    return found[0] if found else 0


def suspected_line(name: str, check: str) -> int:
    """The line that the rule is about, broken or not."""
    for number, (text, _) in enumerate(_lines(name), start=1):
        for entry in _SCRIPT:
            if not isinstance(entry, str) and entry[0] == check and text in entry[1:] and "zero_grad" not in text:
                return number
            if not isinstance(entry, str) and entry[0] == check == "zero" and "zero_grad" in text:
                return number
    return 0
