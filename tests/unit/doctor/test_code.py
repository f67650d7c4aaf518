"""Code that is read and not run: each rule finds its sabotaged twin at its line, five programs are left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from companion.doctor import RULES, Report, read_code
from companion.errors import DataError

PROGRAMS = Path(__file__).parent / "programs"
ROOT = Path(__file__).resolve().parents[3]
STYLES = ("trainer", "plain", "lightning_module", "engine", "closures")

SABOTAGES = [
    # Program, rule, what is replaced by what, and a piece of the line that has to be named.
    ("plain", "gradient cleared", [("optimizer.zero_grad()", "pass")], "scaler.step(optimizer)"),
    ("engine", "gradient cleared", [("parameter.grad = None", "pass")], "self.optimizer.step()"),
    ("closures", "gradient cleared", [("opt.zero_grad(set_to_none=True)", "pass")], "opt.step(closure)"),
    (
        "plain",
        "gradient cleared",
        [("            optimizer.zero_grad()\n            scheduler", "            scheduler")],
        "scaler.step(optimizer)",
    ),
    (
        "plain",
        "order of an update",
        [("scaler.scale(loss).backward()", "scaler.scale(loss).backward(); optimizer.zero_grad()")],
        "scaler.step(optimizer)",
    ),
    (
        "engine",
        "order of an update",
        [("self.accelerator.backward(loss)", "self.optimizer.step(); self.accelerator.backward(loss)")],
        "self.optimizer.step(); self",
    ),
    ("plain", "order of an update", [("            scaler.unscale_(optimizer)\n", "")], "clip_grad_norm_"),
    (
        "plain",
        "order of an update",
        [("            scaler.update()\n", "            torch.nn.utils.clip_grad_value_(model.parameters(), 1.0)\n")],
        "clip_grad_value_",
    ),
    (
        "plain",
        "micro-batches",
        [("                parameter.grad.div_(window)\n", "                parameter\n")],
        "scaler.scale(loss).backward()",
    ),
    ("plain", "micro-batches", [("scaler.scale(loss)", "scaler.scale(loss / ACCUMULATE)")], "(loss / ACCUMULATE)"),
    (
        "plain",
        "schedule",
        [("            scheduler.step()\n            window = 0\n", "    scheduler.step()\n")],
        "scheduler.step()",
    ),
    (
        "closures",
        "schedule",
        [("        summed += value", "        lr_scheduler.step()\n        summed += value")],
        "lr_scheduler.step()",
    ),
    (
        "plain",
        "schedule",
        [("            scaler.step(optimizer)", "            scheduler.step(); scaler.step(optimizer)")],
        "scheduler.step(); scaler",
    ),
    ("plain", "dropout", [("model.train()", "pass")], "scaler.scale(loss).backward()"),
    ("engine", "dropout", [("self.model.train()", "pass")], "self.model.eval()"),
    ("engine", "dropout", [("self.model.eval()", "pass")], "def evaluate"),
    ("closures", "dropout", [("net.train(", "str(")], "net.eval()"),
    (
        "plain",
        "gradient switched off",
        [("        with torch.autocast(device.type):", "        with torch.no_grad():")],
        "scaler.scale(loss).backward()",
    ),
    (
        "engine",
        "gradient switched off",
        [
            (
                "    def update(self, loss):\n",
                "    @torch.no_grad()\n    def update(self, loss):\n"
                "        loss = self.model(loss)\n        loss.backward()\n",
            )
        ],
        "loss.backward()",
    ),
    ("closures", "graph kept", [("loss.backward()", "loss.backward(retain_graph=True)")], "retain_graph"),
    ("plain", "graph kept", [("running += loss.item()", "running += loss")], "running += loss"),
    (
        "trainer",
        "labels on their words",
        [("word_ids = encoded.word_ids(row)", "word_ids = range(len(tags))")],
        'encoded["labels"] = labels',
    ),
    (
        "plain",
        "labels on their words",
        [
            (
                "    labels, last = [], None\n    for word in encoded.word_ids():\n"
                "        labels.append(numbers[word] if word is not None and word != last else IGNORE)\n"
                "        last = word\n",
                "    labels = numbers\n",
            )
        ],
        "numbers = [tag2id",
    ),
    (
        "plain",
        "padding and special tokens",
        [("pad_sequence(labels, batch_first=True, padding_value=IGNORE)", "pad_sequence(labels, batch_first=True)")],
        "pad_sequence(labels",
    ),
    (
        "trainer",
        "padding and special tokens",
        [
            (
                "        labels.append(aligned)",
                "        aligned += [0] * (128 - len(aligned))\n        labels.append(aligned)",
            )
        ],
        "aligned += [0]",
    ),
    (
        "trainer",
        "labels longer than the row",
        [
            (
                "        labels.append(aligned)",
                "        aligned_tags = aligned + [-100] * (128 - len(aligned))\n        labels.append(aligned_tags)",
            )
        ],
        "[-100] * (128",
    ),
    ("trainer", "do-nothing baselines", [("!= -100]", "is not None]")], "seqeval.compute"),
    (
        "plain",
        "trimming",
        [
            (
                "said.append([tags[number] for number in row[kept].tolist()])",
                "pred = row.tolist()\n            said.append(pred[: len(labels)])",
            ),
            (", padding_value=IGNORE)", ")"),
        ],
        "pred[: len(labels)]",
    ),
    (
        "plain",
        "mean of means",
        [("running / labelled", "running / len(train_loader)"), (', reduction="sum")', ")")],
        "running / len",
    ),
    ("trainer", "strict or lenient", [(', mode="strict", scheme="IOB2")', ")")], "seqeval.compute"),
    ("plain", "strict or lenient", [(', mode="strict", scheme=IOB2)', ")")], "f1_score(gold"),
    (
        "plain",
        "what scikit-learn takes",
        [("from seqeval.metrics import f1_score", "from sklearn.metrics import f1_score")],
        "f1_score(gold",
    ),
    ("trainer", "the test split chooses", [('data["validation"]', 'data["test"]')], "trainer = Trainer"),
    ("plain", "the test split chooses", [("score = measure(dev)", "score = measure(test)")], "if score > best"),
    (
        "engine",
        "the test split chooses",
        [('engine.evaluate(loaders["dev"])', 'engine.evaluate(loaders["test"])')],
        "if score",
    ),
    (
        "lightning_module",
        "leading axis",
        [("{name: tensor.squeeze(0) for name, tensor in encoded.items()}", '{"input_ids": encoded["input_ids"]}')],
        'encoded["input_ids"]',
    ),
    (
        "lightning_module",
        "padding to the limit",
        [('padding="longest", max_length=64', 'padding="max_length"')],
        "max_length",
    ),
    ("plain", "padding to the limit", [("max_length=128)", 'max_length=128, padding="max_length")')], "max_length=128"),
    (
        "plain",
        "outputs and logits",
        [
            ("logits = model(", "outputs = model("),
            ('batch["attention_mask"]).logits', 'batch["attention_mask"])'),
            ('logits.flatten(0, 1), batch["labels"].flatten()', 'outputs, batch["labels"]'),
        ],
        "cross_entropy(outputs",
    ),
    ("lightning_module", "softmax twice", [("self(batch), batch", "self(batch).softmax(-1), batch")], "softmax(-1)"),
    (
        "closures",
        "softmax twice",
        [("F.cross_entropy(net(x), y)", "F.cross_entropy(F.softmax(net(x), -1), y)")],
        "F.softmax(net(x), -1)",
    ),
    ("plain", "label names", [(", id2label=dict(enumerate(tags)), label2id=tag2id", "")], "from_pretrained("),
    ("trainer", "label names", [("id2label=id2label, label2id=label2id", "num_labels=len(names)")], "from_pretrained("),
    (
        "closures",
        "label numbers",
        [('LABEL2ID[row["label"]]', 'int(row["label"])'), ("nn.Linear(64, 3)", "nn.Linear(64, len(LABEL2ID))")],
        "LABEL2ID = ",
    ),
    ("plain", "seed", [("torch.manual_seed(7)\n", "")], "backward()"),
    ("engine", "seed", [("    set_seed(3)\n", "")], "backward(loss)"),
    ("plain", "device", [('"cuda" if torch.cuda.is_available() else "cpu"', '"cuda"')], "device = "),
    ("trainer", "undefined names", [("import numpy as np\n", "")], "np.argmax"),
    ("closures", "undefined names", [("from torch import nn, optim", "from torch import nn")], "optim"),
    ("trainer", "removed interfaces", [("eval_strategy=", "evaluation_strategy=")], "evaluation_strategy="),
    ("trainer", "removed interfaces", [("processing_class=", "tokenizer=")], "tokenizer=tokenizer"),
    (
        "plain",
        "removed interfaces",
        [("from transformers import AutoModel", "from transformers import AdamW, AutoModel")],
        "import AdamW",
    ),
    ("plain", "removed interfaces", [("tokenizer(row[", "tokenizer.encode_plus(row[")], "encode_plus"),
    ("trainer", "removed interfaces", [("lhoestq/conll2003", "conll2003")], "load_dataset("),
    ("engine", "pickles", [("weights_only=True", "weights_only=False")], "weights_only=False"),
    ("engine", "pickles", [(", weights_only=True", "")], "torch.load("),
    ("plain", "pickles", [('model.save_pretrained("tagger")', 'torch.save(model, "tagger.pt")')], "torch.save("),
]


def read(tmp_path: Path, text: str, name: str = "train.py") -> Report:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_code(path)


def program(style: str) -> str:
    return (PROGRAMS / f"{style}.py").read_text("utf-8")


@pytest.mark.parametrize("style", STYLES)
def test_nobody_healthy_is_accused(style: str):
    report = read_code(PROGRAMS / f"{style}.py")
    assert report.findings == ()
    assert len(report.healthy) >= 6
    assert len(report.healthy) + len(report.not_checked) == len(RULES)


@pytest.mark.parametrize(("style", "rule", "changes", "line"), SABOTAGES)
def test_every_fault_is_found_at_its_line(
    tmp_path: Path, style: str, rule: str, changes: list[tuple[str, str]], line: str
):
    text = program(style)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    found = [finding for finding in read(tmp_path, text).findings if finding.probe == rule]
    assert any(line in text.splitlines()[finding.line - 1] for finding in found), [one.where for one in found]


def test_every_rule_has_a_sabotaged_twin_and_a_page():
    assert {rule for _, rule, *_ in SABOTAGES} == {rule.name for rule in RULES} - {"test rows in train"}
    assert {style for style, *_ in SABOTAGES} == set(STYLES)
    assert len({rule.name for rule in RULES}) == len(RULES) == 28
    for rule in RULES:
        page, _, cell = rule.page.partition("#")
        cells = [one.get("id") for one in json.loads((ROOT / f"{page}.ipynb").read_text("utf-8"))["cells"]]
        assert not cell or cell in cells, rule.page
        assert rule.question.endswith("?")
        assert rule.proves


def test_rows_written_out_twice(tmp_path: Path):
    rows = '[("This is good.", 1), ("This is bad.", 0)]'
    [finding] = read(tmp_path, f"train_data = {rows}\ntest_data = {rows}\n").findings
    assert (finding.probe, finding.numbers) == ("test rows in train", {"shared": 2, "rows": 2})
    assert not read(tmp_path, f'train_data = {rows}\ntest_data = [("This is odd.", 0)]\n').findings


ALIGN = """
def align(examples):
    found = tokenizer(examples["tokens"], is_split_into_words=True)
    rows = []
    for i, label in enumerate(examples["ner_tags"]):
        row, previous = [], None
        for place, word in enumerate(found.word_ids(batch_index=i)):
            row.append(-100 if word is None or word == previous else label[HERE])
            previous = word
        rows.append(row)
    found["labels"] = rows
    return found
"""
READ = """
def words_of(batch, label_ids):
    words = []
    for place, word in enumerate(batch.word_ids(0)):
        if word is not None and label_ids[place] != -100:
            words.append(label_ids[place])
    return words
"""


@pytest.mark.parametrize(
    ("here", "more", "accused"),
    [
        ("place - 1", "", True),
        ("min(place, len(label) - 1)", READ, True),
        ("word", "", False),
        ("word", READ, False),
        ("number_of(word)", "", False),
    ],
)
def test_labels_taken_by_the_place_of_the_piece(tmp_path: Path, here: str, more: str, accused: bool):
    """A loop over word_ids that gives out labels by position is no alignment; one that reads them back is."""
    text = ALIGN.replace("HERE", here) + more
    found = [one for one in read(tmp_path, text).findings if one.probe == "labels on their words"]
    assert ["label[" in text.splitlines()[one.line - 1] for one in found] == [True] * accused


def test_the_other_pieces_of_a_word_are_no_filling_to_a_length(tmp_path: Path):
    text = "for word, tag in row:\n    tags += [tag2idx[tag]] + [-100] * (len(pieces) - 1)\n"
    assert "labels longer than the row" not in {one.probe for one in read(tmp_path, text).findings}
    short = text.replace("(len(pieces) - 1)", "(longest_row - len(tags))").replace("longest_row", "width")
    assert "labels longer than the row" in {one.probe for one in read(tmp_path, short).findings}


@pytest.mark.parametrize("score", ["precision_score", "recall_score", "f1_score"])
@pytest.mark.parametrize("classes", ["num_labels=3", "num_labels=len(moods)"])
def test_binary_by_default_and_three_classes(tmp_path: Path, score: str, classes: str):
    """CR14: scikit-learn raises where three classes meet `average="binary"`, its default."""
    text = (
        f"from sklearn.metrics import {score}\nfrom transformers import AutoModelForSequenceClassification\n"
        'moods = {"negative": 0, "neutral": 1, "positive": 2}\n'
        f'model = AutoModelForSequenceClassification.from_pretrained("x", {classes})\nprint({score}(gold, said))\n'
    )

    def found(text: str) -> list[tuple[str, int]]:
        report = read(tmp_path, text)
        return [(one.measured, one.line) for one in report.findings if one.probe == "what scikit-learn takes"]

    [(measured, line)] = found(text)
    assert "binary by default and there are 3 classes" in measured
    assert line == 5
    assert not found(text.replace("gold, said", 'gold, said, average="macro"'))
    assert not found(text.replace("num_labels=3", "num_labels=2").replace(', "positive": 2', ""))


# The sources ------------------------------------------------------------------------------------------------------

TUTORIAL = """
from transformers import BertTokenizer, BertForTokenClassification, AdamW
from torch.utils.data import Dataset, DataLoader
import torch

class Tags(Dataset):
    def __init__(self, texts, tags, tokenizer, max_len=128):
        self.texts, self.tags, self.tokenizer, self.max_len = texts, tags, tokenizer, max_len

    def __len__(self):
        return len(self.texts)

    def __getitem__(self, item):
        found = self.tokenizer(
            self.texts[item], return_tensors="pt", max_length=self.max_len, padding="max_length", truncation=True
        )
        numbers = [tag2id[tag] for tag in self.tags[item]]
        numbers.extend([tag2id["O"]] * (self.max_len - len(numbers)))
        return {"input_ids": found["input_ids"], "attention_mask": found["attention_mask"][0], "labels": numbers}

tag2id = {"O": 0, "B-PER": 1, "I-PER": 2}
id2tag = {number: tag for tag, number in tag2id.items()}
tokenizer = BertTokenizer.from_pretrained("bert-base-cased")
train = DataLoader(Tags(train_texts, train_tags, tokenizer), batch_size=16, shuffle=True)
test = DataLoader(Tags(test_texts, test_tags, tokenizer), batch_size=16)
model = BertForTokenClassification.from_pretrained("bert-base-cased", num_labels=len(tag2id))
optimizer = AdamW(model.parameters(), lr=2e-5)
device = "cuda"
model.to(device)
for epoch in range(5):
    epoch_loss = 0
    for batch in train:
        loss = model(**{name: part.to(device) for name, part in batch.items()}).loss
        epoch_loss += loss.item()
        loss.backward()
        optimizer.step()
    print(epoch_loss / len(train_loader))
preds, labels = [], []
for batch in test:
    best = model(batch["input_ids"]).logits.argmax(dim=2).tolist()
    for pred_tokens, label_tokens in zip(best, batch["labels"].tolist()):
        pred_tags = [id2tag[number] for number in pred_tokens]
        label_tags = [id2tag[number] for number in label_tokens]
        preds.append(pred_tags[:len(label_tags)])
        labels.append(label_tags)
print(classification_report(labels, preds))
"""
"""What many tutorials say, in our words: the quiet faults and the crashes of the book's sources in one script."""


def test_the_faults_of_the_sources_are_found_by_name(tmp_path: Path):
    report = read(tmp_path, TUTORIAL)
    assert {(one.probe, one.severity) for one in report.findings} == {
        ("labels on their words", "error"),  # W01, W13
        ("padding and special tokens", "error"),  # W03
        ("do-nothing baselines", "error"),  # W04
        ("trimming", "error"),  # W05
        ("gradient cleared", "error"),  # W07
        ("dropout", "error"),  # W08
        ("mean of means", "note"),  # W10
        ("label names", "warning"),  # W14
        ("seed", "note"),  # W09
        ("removed interfaces", "error"),  # CR01
        ("undefined names", "error"),  # CR03, CR04
        ("device", "note"),  # CR05
        ("leading axis", "error"),  # CR06
        ("padding to the limit", "note"),  # CR08
        ("labels longer than the row", "warning"),  # CR12
    }


# Notebooks, and what is no program ----------------------------------------------------------------------------------


def notebook(*cells: str, **metadata: object) -> str:
    found = [{"cell_type": "markdown", "source": ["# Title"], "metadata": {}}]
    found += [
        {"cell_type": "code", "source": cell.splitlines(keepends=True), "metadata": {}, "outputs": []} for cell in cells
    ]
    return json.dumps({"cells": found, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, indent=1)


def test_a_notebook_is_read_cell_by_cell(tmp_path: Path):
    text = notebook(
        "%matplotlib inline\n!pip install transformers\nimport torch\n%time data = torch.zeros(3)",
        "%%bash\nls",
        "optimizer = torch.optim.SGD([data], 0.1)\nfor row in data:\n    loss = row.sum()\n    loss.backward()\n"
        "    optimizer.step()",
        "def def",
        "name = !ls\nhelp?\nprint(name, '%d' % 3)",
    )
    report = read(tmp_path, text, "train.ipynb")
    [cleared] = [one for one in report.findings if one.probe == "gradient cleared"]
    assert (cleared.cell, cleared.line) == (4, 5)
    assert text.splitlines()[cleared.raw_line - 1].strip().startswith('"    optimizer.step()')
    assert [one.reason for one in report.not_checked if one.probe == "not read"] == [
        "cell 2, line 1 (%matplotlib inline)",
        "cell 2, line 2 (!pip install transformers)",
        "cell 3 (%%bash)",
        "cell 5: line 1 is not Python (invalid syntax)",
        "cell 6, line 1 (name = !ls)",
        "cell 6, line 2 (help?)",
    ]
    assert "undefined names" in {one.probe for one in report.not_checked}, "a cell that was not read may make names"
    assert "cell 4, line 5" in report.annotations()[0]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.py", "", "there is no code in it"),
        ("a.py", "# nothing but a comment\n", "there is no code in it"),
        ("a.py", "x = 1\nprint 'old'\n", "a.py:2: this is not Python"),
        ("a.py", "x = 1\0", "this is not Python"),
        ("a.py", "(" * 5_000 + ")" * 5_000, "this is not Python"),
        ("a.py", "x = 1\n" * 60_000, "more than 50,000 lines"),
        ("a.ipynb", "", "a.ipynb:1: this is no notebook"),
        ("a.ipynb", "[1, 2]", "it has no list of cells"),
        ("a.ipynb", '{"worksheets": []}', "it has no list of cells"),
        ("a.ipynb", '{"cells": [3, {"cell_type": "markdown"}]}', "there is no code in it"),
        ("a.ipynb", notebook("%%bash\nls"), "there is no code in it (cell 2 (%%bash))"),
        ("a.ipynb", notebook("x = 1", kernelspec={"language": "R"}), "written in R"),
        ("a.txt", "x = 1", "neither a script nor a notebook"),
    ],
)
def test_what_is_no_program_is_refused(tmp_path: Path, name: str, text: str, says: str):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as told:
        read_code(tmp_path / name)
    assert says in str(told.value)
    assert "→" in str(told.value)


def test_what_is_no_file_or_no_text_is_refused(tmp_path: Path):
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "latin.py").write_bytes("x = 'café'".encode("latin-1"))
    for name, says in (("folder.py", "no such file"), ("none.py", "no such file"), ("latin.py", "it is no text")):
        with pytest.raises(DataError, match=says):
            read_code(tmp_path / name)


def test_nothing_of_it_is_run(tmp_path: Path):
    mark = tmp_path / "ran"
    report = read(tmp_path, f"import pathlib\npathlib.Path({str(mark)!r}).touch()\nraise SystemExit(3)\n")
    assert report.findings == ()
    assert not mark.exists()
