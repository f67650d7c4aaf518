"""Anyone's batches, rows, steps and metrics are understood, or refused with the reason."""

from __future__ import annotations

from collections import UserDict, namedtuple
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import companion
from companion.corpora.records import Sentence
from companion.corpora.schemes import convert, spell
from companion.corpora.texts import Text
from companion.doctor.batches import model_inputs, view_of
from companion.doctor.calling import as_evaluation, as_step
from companion.doctor.probe import CannotCheck
from companion.doctor.rows import in_iob2, read_rows, types_of
from tests.clinic import sentences, tag_names, tokenizer
from tests.tiny import LABELS, tiny_tagger

IDS = torch.tensor([[7, 30, 41, 9, 0, 0], [8, 22, 23, 24, 25, 9]])
MASK = torch.tensor([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]])
TAGS = torch.tensor([[-100, 1, 2, -100, -100, -100], [-100, 0, 3, 4, 0, -100]])
KINDS = torch.zeros_like(IDS)
COUNTED = torch.tensor([[0, 1, 1, 0, 0, 0], [0, 1, 1, 1, 1, 0]])
Batch = namedtuple("Batch", "a b c")


@pytest.mark.parametrize(
    ("batch", "kind"),
    [
        ({"input_ids": IDS, "attention_mask": MASK, "labels": TAGS}, "tokens"),
        (UserDict(input_ids=IDS, attention_mask=MASK, labels=TAGS), "tokens"),
        ({"x": IDS, "y": torch.tensor([0, 1]), "lengths": [4, 6]}, "texts"),
        ({"labelled": {"input_ids": IDS, "attention_mask": MASK, "labels": TAGS}}, "tokens"),
        ((IDS, MASK, TAGS), "tokens"),
        ((IDS, TAGS, MASK), "tokens"),
        ([MASK, IDS, KINDS, TAGS], "tokens"),
        ((IDS, MASK, torch.tensor([2, 0])), "texts"),
        (Batch(IDS, MASK, TAGS), "tokens"),
        (({"input_ids": IDS, "attention_mask": MASK}, TAGS), "tokens"),
        ((IDS, MASK), "none"),
    ],
)
def test_batches_of_every_form(batch: Any, kind: str):
    view = view_of(batch)
    assert torch.equal(view.ids, IDS)
    assert view.kind == kind
    assert view.get("mask") is None or torch.equal(view.get("mask"), MASK)
    changed = view_of(view.with_part("ids", IDS + 1))
    assert torch.equal(changed.ids, IDS + 1)
    assert torch.equal(view_of(batch).ids, IDS), "the original is untouched"
    part = view_of(view.rows([1]), {name: path[-1] for name, path in view.paths.items()})
    assert torch.equal(part.ids, IDS[1:])
    assert set(model_inputs(view)) <= {"input_ids", "attention_mask", "x"}


def test_conventions_of_what_counts():
    by_number = view_of((IDS, MASK, TAGS)).scored()
    by_mask = view_of({"ids": IDS, "mask": MASK, "tags": TAGS.clamp(min=0), "label_mask": COUNTED}).scored()
    assert torch.equal(by_number, by_mask)
    assert torch.equal(view_of({"ids": IDS}).padding(0), MASK == 0)
    assert view_of({"ids": IDS}).padding(None) is None


@pytest.mark.parametrize("kind", [torch.bool, torch.long])
@pytest.mark.parametrize("named", [True, False])
def test_a_mask_that_is_set_where_padding_is(kind: torch.dtype, named: bool):
    """PyTorch's own convention, `key_padding_mask`: it is no label, and turned round it is the mask of the words."""
    padding = (MASK == 0).to(kind)
    batch = {"ids": IDS, "tags": TAGS, "padding_mask": padding} if named else (IDS, TAGS.clamp(min=0), padding)
    view = view_of(batch)
    assert torch.equal(view.labels, TAGS if named else TAGS.clamp(min=0))
    assert torch.equal(view.padding(None), MASK == 0)
    assert torch.equal(model_inputs(view).get("attention_mask", MASK), MASK)
    full = view_of(view.rows([1]))
    assert torch.equal(full.labels, view.labels[1:])
    assert not (full.padding(0)).any()


def test_a_mask_of_what_counts_is_no_label():
    view = view_of((IDS, MASK, TAGS.clamp(min=0), COUNTED.bool()))
    assert torch.equal(view.labels, TAGS.clamp(min=0))
    assert torch.equal(view.scored(), COUNTED.bool())


def test_fields_name_what_cannot_be_guessed():
    odd = (TAGS.clamp(min=0) + 90, IDS, MASK)
    assert torch.equal(view_of(odd, {"ids": 1, "labels": 0}).ids, IDS)
    with pytest.raises(CannotCheck, match="no such place"):
        view_of(odd, {"ids": 5})
    with pytest.raises(CannotCheck, match="without tensors"):
        view_of("words")
    with pytest.raises(CannotCheck, match="fields="):
        view_of((torch.rand(2, 3),))


def test_rows_of_every_form():
    sentence = Sentence(words=("Ann", "left"), tags=("B-PER", "O"))
    forms = [
        sentence,
        {"tokens": ["Ann", "left"], "ner_tags": [1, 0]},
        {"words": ["Ann", "left"], "tags": ["B-PER", "O"]},
        (["Ann", "left"], ["B-PER", "O"]),
    ]
    assert len(set(read_rows(forms, ("O", "B-PER")))) == 1
    texts = [Text(text="good", label="pos"), {"text": "good", "label": 1}, ("good", "pos"), ("good", 1)]
    assert len(set(read_rows(texts, ("neg", "pos")))) == 1
    for wrong in ("a text alone", {"text": "no label"}, (["Ann"], ["O", "O"]), 3):
        with pytest.raises(CannotCheck, match="row 0"):
            read_rows([wrong])


@pytest.mark.parametrize("scheme", ["IOB1", "IOB2", "BIOES", "BILOU"])
def test_tags_of_every_scheme(scheme: str):
    tags = ("B-PER", "I-PER", "B-PER", "O", "B-LOC", "O")
    rows = read_rows([(list("abcdef"), convert(tags, "IOB2", scheme))])
    assert in_iob2(rows) == ([tags], scheme)
    assert types_of(rows) == {"PER": 2, "LOC": 1}


@pytest.mark.parametrize("scheme", ["IOB1", "IOB2", "BIOES"])
@pytest.mark.parametrize("last", [False, True])
def test_labels_in_another_spelling_are_not_accused(scheme: str, last: bool):
    """Data in IOB2, labels trained in another scheme; on the first or on the last piece of a word."""
    names = tuple(dict.fromkeys(t for s in sentences("train") for t in spell(s.entities(), len(s.tags), scheme=scheme)))
    names = ("O", *(name for name in names if name != "O"))
    data = []
    for sentence in sentences("train")[:20]:
        encoding = tokenizer()(list(sentence.words), is_split_into_words=True)
        words, tags = encoding.word_ids(), spell(sentence.entities(), len(sentence.tags), scheme=scheme)
        beside = [*words[1:], None] if last else [None, *words]
        labels = [
            names.index(tags[word]) if word is not None and word != other else -100
            for word, other in zip(words, beside, strict=False)
        ]
        data.append({"input_ids": torch.tensor([encoding["input_ids"]]), "labels": torch.tensor([labels])})
    given = {"tokenizer": tokenizer(), "train": sentences("train"), "labels": names, "only": ["labels on their words"]}
    assert companion.doctor(None, data, **given).healthy
    moved = [{**batch, "labels": batch["labels"].roll(1, 1)} for batch in data]
    [finding] = companion.doctor(None, moved, **given).findings
    assert finding.severity == "error"
    assert tag_names()[0] == "O"


def test_steps_of_every_signature():
    model = nn.Linear(1, 1)
    assert as_step(lambda batch: batch, model)(3) == 3
    assert as_step(lambda model, batch: (model, batch), model)(3) == (model, 3)
    assert as_step(lambda batch, net: (net, batch), model)(3) == (model, 3)
    assert as_step(lambda batch, batch_idx: (batch, batch_idx), model)(3) == (3, 0)
    assert as_step(lambda *parts: parts, model)(3) == (3,)
    assert as_evaluation(lambda: 4)(model) == 4
    assert as_evaluation(lambda model: model)(model) is model


def ragged(count: int = 2) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    return [(IDS, MASK, torch.where(MASK.bool(), IDS % 5, 0))] * count


def test_a_loss_masked_by_hand_is_not_accused_of_padding():
    """Padding is labelled 0 and masked in the loss: what the labels look like is not what is trained."""

    def masked(model: nn.Module, batch: Any) -> torch.Tensor:
        ids, mask, labels = batch
        return functional.cross_entropy(model(ids, attention_mask=mask).logits[mask.bool()], labels[mask.bool()])

    def unmasked(model: nn.Module, batch: Any) -> torch.Tensor:
        ids, mask, labels = batch
        return functional.cross_entropy(model(ids, attention_mask=mask).logits.flatten(0, 1), labels.flatten())

    only = ["padding and special tokens"]
    assert companion.doctor(tiny_tagger(), ragged(), loss=masked, labels=LABELS, only=only).healthy
    [finding] = companion.doctor(tiny_tagger(), ragged(), loss=unmasked, labels=LABELS, only=only).findings
    assert finding.numbers["labelled"] == 4


@pytest.mark.parametrize(("ignored", "accused"), [(0, False), (-100, True)])
def test_a_number_that_the_loss_ignores_is_not_accused_of_padding(ignored: int, accused: bool):
    """`ignore_index=0`, with a label called <pad> in front: padding carries a number, and no loss."""

    def loss(model: nn.Module, batch: Any) -> torch.Tensor:
        ids, mask, labels = batch
        logits = model(ids, attention_mask=mask).logits
        return functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=ignored)

    report = companion.doctor(
        tiny_tagger(), ragged(), loss=loss, labels=("<pad>", *LABELS[1:]), only=["padding and special tokens"]
    )
    assert bool(report.findings) == accused
    assert accused or "4 labels on padding are 0, which the loss ignores" in report.healthy[0].measured


def test_tags_that_are_numbers_without_names_are_said():
    with pytest.raises(CannotCheck, match="their names are not known"):
        in_iob2(read_rows([(["Ann", "left"], [1, 0])]))


def test_two_modules_in_a_closure_are_found_and_put_back():
    """A body and a head that only the step knows; nothing but the loader and the step is handed over."""
    body, head = nn.Embedding(60, 8), nn.Linear(8, 5)
    optimizer = torch.optim.AdamW([*body.parameters(), *head.parameters()], lr=1e-3)

    def step(batch: Any) -> None:
        ids, mask, labels = batch
        loss = functional.cross_entropy(head(body(ids))[mask.bool()], labels[mask.bool()])
        loss.backward()
        optimizer.step()

    before = [tensor.clone() for tensor in (*body.parameters(), *head.parameters())]
    report = companion.doctor(None, ragged(), step=step, only=["gradient cleared"])
    assert [finding.probe for finding in report.findings] == ["gradient cleared"]
    assert all(map(torch.equal, before, [*body.parameters(), *head.parameters()]))
    assert not optimizer.state
    assert head.weight.grad is None


def test_a_mean_over_padding_is_seen_in_the_logits_of_texts():
    class Mean(nn.Module):
        def __init__(self, masked: bool) -> None:
            super().__init__()
            self.body, self.head, self.masked = nn.Embedding(60, 8), nn.Linear(8, 3), masked

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            weights = attention_mask if self.masked else torch.ones_like(attention_mask)
            return self.head((self.body(input_ids) * weights[..., None]).sum(1) / weights.sum(1, keepdim=True))

    data = [(IDS, MASK, torch.tensor([0, 1]))]
    assert companion.doctor(Mean(True), data, only=["padding in the logits"]).healthy
    assert companion.doctor(Mean(False), data, only=["padding in the logits"]).findings


@pytest.mark.parametrize("masked", [True, False])
def test_a_step_in_two_parts_is_judged_by_its_loss(masked: bool):
    """Lightning's way: the body and the head are called apart, and the loss is given back."""
    model = tiny_tagger()

    def training_step(batch: Any, batch_idx: int) -> torch.Tensor:
        ids, mask, labels = batch
        hidden = model.bert(ids, attention_mask=mask if masked else None).last_hidden_state
        return functional.cross_entropy(model.classifier(hidden).flatten(0, 1), labels.flatten())

    labels = torch.where(MASK.bool(), IDS % 5, -100)
    report = companion.doctor(model, [(IDS, MASK, labels)], step=training_step, only=["padding in the logits"])
    assert [finding.severity for finding in report.findings] == ([] if masked else ["error"])
    assert bool(report.healthy) == masked


def test_padding_on_the_left_is_said_and_not_judged():
    data = [(IDS.flip(1), MASK.flip(1), TAGS.flip(1))]
    report = companion.doctor(tiny_tagger(), data, only=["padding in the logits"])
    assert "on the left" in report.not_checked[0].reason


@pytest.mark.parametrize(
    ("metric", "takes", "finds"),
    [
        (lambda gold, guess: float(np.mean(np.asarray(gold) == np.asarray(guess))), "grid", True),
        (lambda gold, guess: {"accuracy": float((gold == guess).mean())}, "flat", True),
        (lambda found: {"f1": 0.0, "accuracy": 0.9}, "eval_prediction", False),
        (lambda found: found.label_ids, "eval_prediction", None),
        (
            lambda found: {"eval_accuracy": float((found.predictions.argmax(-1) == found.label_ids).mean())},
            "auto",
            None,
        ),
    ],
)
def test_metrics_of_every_form(metric: Any, takes: str, finds: bool | None):
    labels = torch.where(MASK.bool(), torch.tensor([[0, 0, 1, 0, 0, 0], [0, 0, 0, 2, 0, 0]]), -100)
    report = companion.doctor(
        None, [(IDS, MASK, labels)], metric=metric, metric_takes=takes, labels=LABELS, only=["do-nothing baselines"]
    )
    assert (bool(report.findings), bool(report.healthy)) == (finds is True, finds is False)


def test_a_reported_score_below_doing_nothing_is_an_error():
    rows = [(["a"] * 20, ["O"] * 19 + ["B-PER"])] * 3

    def accuracy(gold: Any, guess: Any) -> float:
        pairs = [pair for tags, said in zip(gold, guess, strict=True) for pair in zip(tags, said, strict=True)]
        return sum(a == b for a, b in pairs) / len(pairs)

    [finding] = companion.doctor(metric=accuracy, test=rows, score="0.93", only=["do-nothing baselines"]).findings
    assert finding.severity == "error"
    assert "(always O) scores 0.9500 on your accuracy, yours 0.93" in finding.measured
