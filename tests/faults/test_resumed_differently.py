"""What may change between a start and a resumption changes nothing; and runs at the edge of their settings."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch

from companion.errors import CheckpointError, NonFiniteError, ProcessError
from companion.objectives import TokenCrossEntropy
from companion.training import Checkpoints, TrainConfig, train
from companion.training.checkpoint import read_checkpoint
from tests.faults import stress
from tests.processes import call, call_together
from tests.tiny import digest, tiny_batches, tiny_tagger
from tests.unit.training.test_resume import BrokenOff, ending, go, go_plain, shuffled


@pytest.mark.parametrize(("before", "after"), [(2, 0), (0, 4)])
def test_the_number_of_workers_may_change(tmp_path, before, after):
    straight = go_plain(tmp_path / "straight")
    with pytest.raises(BrokenOff):
        go_plain(tmp_path / "broken", break_in_log=4, batches=shuffled(workers=before))
    assert ending(go_plain(tmp_path / "broken", batches=shuffled(workers=after))) == ending(straight)


@pytest.mark.parametrize("every", [1, 4, None])
def test_how_often_it_is_saved_may_change(tmp_path, every):
    straight = ending(go(tmp_path / "straight")[0])
    with pytest.raises(BrokenOff):
        go(tmp_path / "run", break_in_log=4)
    assert ending(go(tmp_path / "run", checkpoint_every=every)[0]) == straight


@pytest.mark.parametrize("size", ["1", "8", "all but one"])
@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json", "manifest.json"])
def test_a_file_cut_to_a_few_bytes_is_named(tmp_path, name, size):
    stress.run(str(tmp_path))
    store = Checkpoints(tmp_path / "checkpoints")
    newest = store.path(store.steps()[-1])
    path = newest / name
    os.truncate(path, path.stat().st_size - 1 if size == "all but one" else int(size))
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(newest)
    assert caught.value.file.endswith(name)
    assert store.newest()[0] == store.path(store.steps()[0])


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_folder_that_became_read_only_stops_before_the_first_update(tmp_path, monkeypatch, code):
    """The folder and its lock are there from an earlier run, so that only writing shows it."""
    stress.run(str(tmp_path))
    open_file = Path.open

    def refuse(path: Path, mode: str = "r", *arguments, **options):
        if set(mode) & set("wax+") and tmp_path in path.parents:
            raise OSError(code, os.strerror(code), str(path))
        return open_file(path, mode, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(CheckpointError, match="the run folder cannot be written"):
        stress.run(str(tmp_path))


def test_an_epoch_of_one_batch_is_an_update_however_many_are_to_be_taken_together():
    [batch] = [tiny_batches(4).collate("labelled", range(4))]
    settings = {"epochs": 3, "learning_rate": 1e-3, "precision": "fp32", "device": "cpu"}
    runs = [
        train(tiny_tagger(), [batch], TokenCrossEntropy(), TrainConfig(accumulate=count, **settings), say=print)
        for count in (1, 4)
    ]
    assert [run.steps for run in runs] == [3, 3]
    assert digest(runs[0].model.state_dict()) == digest(runs[1].model.state_dict())


def run_alone(rank: int = 0, spoilt: bool = False) -> tuple[str, list[float]]:
    """Digest and learning rates of a short run; with `spoilt`, the loss of the second process stops being a number."""
    torch.set_num_threads(1)

    class Objective(TokenCrossEntropy):
        def __call__(self, model, batch):
            losses = super().__call__(model, batch)
            return {name: loss * float("nan") for name, loss in losses.items()} if spoilt and rank == 1 else losses

    settings = {"epochs": 2, "learning_rate": 1e-3, "precision": "fp32", "device": "cpu"}
    try:
        run = train(
            tiny_tagger(dropout=0.1), tiny_batches(16), Objective(), TrainConfig(**settings), say=lambda _: None
        )
    except (NonFiniteError, ProcessError) as error:
        return type(error).__name__, []
    return digest(run.model.state_dict()), [row["learning_rate"] for row in run.history]


def test_three_processes_one_after_another_end_with_the_same_bits():
    found = [call(run_alone) for _ in range(3)]
    assert len({weights for weights, _ in found}) == 1


@pytest.mark.two_process
def test_two_processes_follow_the_schedule_of_one_and_stop_together(tmp_path):
    first, second = call_together(2, tmp_path, run_alone)
    assert first == second
    assert first[1] == call(run_alone)[1]
    assert len(first[1]) == 8
    stopped = call_together(2, tmp_path, run_alone, True)
    assert [name for name, _ in stopped] == ["NonFiniteError", "NonFiniteError"]


def test_the_loss_of_an_evaluation_does_not_depend_on_its_batch_size():
    from companion import MaskedLMTask, MicroLanguage, mini_encoder

    language = MicroLanguage(seed=0)
    task = MaskedLMTask(mini_encoder(language.vocabulary))
    evaluate, model, found = task.evaluator(language.text(20)), task.model(seed=0), []
    for size in (1, 7, 20):
        evaluate.source.batch_size, evaluate.source._plan = size, None
        found.append(evaluate(model))
    assert found[0]["masked_lm_loss"] == pytest.approx(found[1]["masked_lm_loss"], rel=1e-6)
    assert found[0]["masked_lm_loss"] == pytest.approx(found[2]["masked_lm_loss"], rel=1e-6)
    assert len({scores["masked_accuracy"] for scores in found}) == 1
