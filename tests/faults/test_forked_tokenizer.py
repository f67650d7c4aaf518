"""A tokenizer that ran in several threads before a loader forked its workers: no warning, no deadlock, nothing left."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from companion.objectives import TokenCrossEntropy
from companion.training import TrainConfig, pieces, train
from companion.training.workers import PARALLELISM
from tests.processes import call
from tests.tiny import LABELS, VOCABULARY, digest, tiny_tagger
from tests.tokenizers import make_tokenizer, training_sentences


class Sentences(torch.utils.data.Dataset):
    """Sentences that are cut into pieces where they are collated: in a worker, if there is one."""

    def __init__(self) -> None:
        self.tokenizer, self.texts = make_tokenizer("wordpiece"), training_sentences()[:12]

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, row: int) -> str:
        return self.texts[row]

    def collate(self, texts: list[str]) -> dict[str, torch.Tensor]:
        rows = dict(self.tokenizer(texts, padding=True, return_token_type_ids=False, return_tensors="pt"))
        rows["input_ids"] %= VOCABULARY
        return {**rows, "labels": rows["input_ids"] % len(LABELS)}


def go(setting: str | None, workers: int, guarded: bool = True) -> tuple[str, str | None]:
    """The digest of a run and the variable afterwards, or what the loader says of workers that never answer."""
    os.environ.pop(PARALLELISM, None)
    if setting is not None:
        os.environ[PARALLELISM] = setting
    if not guarded:
        pieces.starting_workers = lambda loader: nullcontext()
    sentences = Sentences()
    # More than one text at a time wakes its threads, which a forked process does not have.
    assert len(sentences.tokenizer(sentences.texts)["input_ids"]) == 12
    patient = {"multiprocessing_context": "fork", "timeout": 60 if guarded else 3} if workers else {}
    loader = torch.utils.data.DataLoader(
        sentences, batch_size=3, num_workers=workers, collate_fn=sentences.collate, **patient
    )
    config = TrainConfig(epochs=2, learning_rate=1e-3, precision="fp32", device="cpu")
    try:
        run = train(tiny_tagger(), loader, TokenCrossEntropy(), config, say=lambda line: None)
    except RuntimeError as error:
        return str(error), os.environ.get(PARALLELISM)
    assert run.steps == 8
    assert len(sentences.tokenizer(sentences.texts)["input_ids"]) == 12
    return digest(run.model.state_dict()), os.environ.get(PARALLELISM)


def write_errors(path: str, *arguments: Any) -> tuple[str, str | None]:
    """`go`, with what libraries write to standard error in a file."""
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), 2)
    return go(*arguments)


@pytest.mark.parametrize("setting", [None, "true"])
def test_a_tokenizer_in_forked_workers_neither_warns_nor_waits(tmp_path: Path, setting: str | None) -> None:
    alone = call(go, setting, 0)
    forked = call(write_errors, str(tmp_path / "errors"), setting, 2)
    assert forked == alone
    assert forked[1] == setting, "the variable is as it was before"
    assert "fork" not in (tmp_path / "errors").read_text("utf-8")


def test_unguarded_its_workers_wait_for_threads_that_are_gone() -> None:
    """The twin: this tokenizer does deadlock where it is told to use its threads."""
    said, setting = call(go, "true", 1, False)
    assert "DataLoader timed out after 3 seconds" in said
    assert setting == "true"
