"""Several tasks on one body, killed in the middle and taken up again: the bits of the run that was left alone."""

from __future__ import annotations

import os
import signal

import pytest

from companion.encoding import JointBatches, SampledBatches
from companion.models import SharedBody
from companion.objectives import Mixture, TokenCrossEntropy, pcgrad
from companion.training import TrainConfig, train
from tests.processes import launch
from tests.tiny import digest, tiny_batches, tiny_tagger

PARTS = {"large": 16, "small": 6}
UPDATES = {"joint": 12, "surgery": 12, "sampled": 18}


def go(schedule: str, folder: str, dies_after: int = 0) -> dict[str, str]:
    """Train with dropout, saved after every update; the process kills itself after some of them."""
    sources = {name: tiny_batches(count) for name, count in PARTS.items()}
    source = SampledBatches(sources, temperature=3.0) if schedule == "sampled" else JointBatches(sources)
    model = SharedBody({name: tiny_tagger(seed=place, dropout=0.1) for place, name in enumerate(PARTS)})
    objective = Mixture(
        *(TokenCrossEntropy(part=name, term=name) for name in PARTS), combine=pcgrad if schedule == "surgery" else None
    )

    def log(step, values):
        if step == dies_after:
            os.kill(os.getpid(), signal.SIGKILL)

    config = TrainConfig(epochs=3, learning_rate=1e-2, precision="fp32", checkpoint_every=1, progress=False)
    run = train(model, source, objective, config, run_dir=folder, log=log, say=lambda line: None)
    assert run.steps == UPDATES[schedule]
    assert len({id(part.base_model) for part in run.model.parts.values()}) == 1
    return {"weights": digest(run.model.state_dict()), "history": repr([sorted(row.items()) for row in run.history])}


@pytest.mark.parametrize("schedule", UPDATES)
def test_a_killed_run_ends_with_the_same_bits(tmp_path, schedule):
    expected = go(schedule, str(tmp_path / "whole"))
    process = launch(go, schedule, str(tmp_path / "killed"), 5)
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    assert (tmp_path / "killed" / "checkpoints").is_dir()
    assert go(schedule, str(tmp_path / "killed")) == expected
