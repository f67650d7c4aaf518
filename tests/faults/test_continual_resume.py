"""A sequence of tasks killed in any stage, or between two, ends with the same bits."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.processes import launch

STRATEGIES = ("replay", "ewc", "l2_sp", "distillation", "adapters")


def learn(folder: str, strategy: str, place: tuple[str, int] | None = None) -> None:
    """Two tasks in sequence; the process kills itself once the stage named so has made so many updates."""
    import companion
    from companion.corpora.records import Corpus
    from companion.recipes import continual
    from companion.training import TrainConfig

    language = companion.MicroLanguage(seed=0, names_per_category=10)
    encoder = companion.mini_encoder(language.vocabulary, width=16, heads=2, layers=1)
    corpora = {
        name: Corpus(
            name=name,
            train=language.sentences(20, types=types),
            test=language.sentences(6, purpose="test", types=types),
            types=types,
        )
        for name, types in {"A": ("LOC", "PER"), "B": ("ORG", "PROD")}.items()
    }
    right = continual.train

    def killed(*arguments, run_dir, **options):
        def log(step, values):
            if (run_dir.name, step) == place:
                os.kill(os.getpid(), signal.SIGKILL)

        return right(*arguments, run_dir=run_dir, log=log, **options)

    continual.train = killed
    config = TrainConfig(
        epochs=2, learning_rate=3e-3, precision="fp32", device="cpu", checkpoint_every=2, progress=False
    )
    setting = "task-aware" if strategy == "adapters" else "class-incremental"
    continual.learn_in_sequence(
        corpora, config, strategy=strategy, setting=setting, encoder=encoder, batch_size=4, out=folder,
        say=lambda line: None,
    )  # fmt: skip


def run(folder: Path, strategy: str, place: tuple[str, int] | None = None) -> int | None:
    process = launch(learn, str(folder), strategy, place)
    process.join(120)
    return process.exitcode


def manifests(folder: Path) -> dict[str, str]:
    """What the last checkpoint of every stage holds, by the digests of its files."""
    found = {}
    for stage in sorted(folder.iterdir()):
        last = max(stage.glob("checkpoints/step-????????"))
        found[f"{stage.name}/{last.name}"] = (last / "manifest.json").read_text()
    return found


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_killed_sequence_ends_with_the_same_bits(tmp_path, strategy):
    assert run(tmp_path / "whole", strategy) == 0
    whole = manifests(tmp_path / "whole")
    assert [name.split("/")[0] for name in whole] == ["1-A", "2-B"]
    # Within the first stage, at its very end (so, between both), and twice within the second.
    for place in (("1-A", 3), ("1-A", 10), ("2-B", 5)):
        assert run(tmp_path / "killed", strategy, place) == -signal.SIGKILL
    assert run(tmp_path / "killed", strategy) == 0
    assert manifests(tmp_path / "killed") == whole


def test_the_comparison_sees_another_strategy(tmp_path):
    assert run(tmp_path / "one", "l2_sp") == run(tmp_path / "other", "ewc") == 0
    one, other = manifests(tmp_path / "one"), manifests(tmp_path / "other")
    assert one.keys() == other.keys()
    assert [one[name] == other[name] for name in one] == [True, False]
