"""One run folder, two processes: the second is told so, and a process that died keeps nobody out."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.errors import CheckpointError
from companion.objectives import TokenCrossEntropy
from companion.training import TrainConfig, train
from tests.processes import call, start
from tests.tiny import tiny_batches, tiny_tagger


def go(folder: str | Path, *, log=None) -> str:
    run = train(
        tiny_tagger(dropout=0.1),
        tiny_batches(16),
        TokenCrossEntropy(),
        TrainConfig(epochs=2, learning_rate=1e-3, precision="fp32", checkpoint_every=1),
        run_dir=folder,
        log=log,
        say=lambda line: None,
    )
    return (run.last / "manifest.json").read_text()


def stay(folder: str, sign: str) -> None:
    """Train until the third update, leave a sign, and wait to be killed."""
    import time

    def log(step, values):
        if step == 3:
            unfinished = Path(folder) / "checkpoints" / "step-00000004.tmp-1"
            unfinished.mkdir()
            Path(sign).touch()
            time.sleep(600)

    go(folder, log=log)


def wait_for(sign: Path, process) -> None:
    while not sign.exists():
        process.join(0.05)
        assert process.exitcode is None, "it ended before it left a sign"


def error_of(folder: str) -> str:
    """What a process is told that starts in this folder now."""
    try:
        go(folder)
    except CheckpointError as error:
        return str(error)
    return ""


def test_the_second_process_is_refused_and_touches_nothing(tmp_path):
    straight = go(tmp_path / "straight")
    folder, sign = tmp_path / "run", tmp_path / "sign"
    process, _ = start(stay, str(folder), str(sign))
    try:
        wait_for(sign, process)
        before = sorted(path.name for path in (folder / "checkpoints").iterdir())
        assert "step-00000004.tmp-1" in before
        for told in (error_of(str(folder)), call(error_of, str(folder))):
            assert "another process is training in this run folder" in told
            assert "wait until it has finished" in told
        assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == before
    finally:
        process.kill()
        process.join()
    # The lock of a process that was killed is gone with it.
    assert go(folder) == straight


def test_the_lock_is_given_back_at_the_end_and_after_an_error(tmp_path):
    straight = go(tmp_path / "straight")
    assert call(error_of, str(tmp_path / "straight")) == ""

    def log(step, values):
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "run", log=log)
    assert call(go, str(tmp_path / "run")) == straight
