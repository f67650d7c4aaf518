"""Damaged checkpoints: each is recognised and named, the newest whole one is used, and nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from companion.errors import CheckpointError
from companion.objectives import TokenCrossEntropy
from companion.training import Checkpoints, TrainConfig, train, verify_checkpoint
from companion.training.checkpoint import read_checkpoint
from tests.tiny import TinyEvaluator, digest, tiny_batches, tiny_tagger

FILES = ("contract.json", "model.safetensors", "optimizer.safetensors", "state.json")


def go(folder: Path, say: Callable[[str], None] = lambda line: None):
    """A run whose best checkpoint (of update 4, say) is older than its last one."""
    return train(
        tiny_tagger(dropout=0.1),
        tiny_batches(16),
        TokenCrossEntropy(),
        TrainConfig(epochs=2, learning_rate=0.05, precision="fp32", evaluate_every=2),
        evaluate=TinyEvaluator(),
        run_dir=folder,
        say=say,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    run = go(tmp_path_factory.mktemp("finished") / "run")
    assert run.best_step < run.steps, "these tests need two checkpoints"
    return run


@pytest.fixture
def folder(finished, tmp_path) -> Path:
    """A copy of the finished run's folder; `newest` in it is to be damaged."""
    shutil.copytree(finished.last.parent.parent, tmp_path / "run")
    return tmp_path / "run"


def newest(folder: Path) -> Path:
    store = Checkpoints(folder / "checkpoints")
    return store.path(store.steps()[-1])


class Canary:
    """Unpickling it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def truncate(path: Path, share: float) -> None:
    os.truncate(path, int(path.stat().st_size * share))


def flip(path: Path, place: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(len(content) * place)] ^= 1
    path.write_bytes(content)


def seal(checkpoint: Path, **changes) -> None:
    """Write a manifest that fits the files as they are now, as someone with bad intentions would."""
    (checkpoint / "manifest.json").unlink()
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in checkpoint.iterdir()
    }
    (checkpoint / "manifest.json").write_text(json.dumps({"schema": 1, "files": files} | changes))


def rewrite(path: Path, change: Callable[[dict], None]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def each(*places: float, damage: Callable[[Path, float], None]) -> dict[str, tuple[Callable[[Path], None], str]]:
    return {
        f"{damage.__name__} {name} at {place}": (
            lambda checkpoint, name=name, place=place: damage(checkpoint / name, place),
            f"{name}: is damaged",
        )
        for name in FILES
        for place in places
    }


def replace_by_link(checkpoint: Path) -> None:
    shutil.move(checkpoint / "model.safetensors", checkpoint.parent.parent / "elsewhere")
    (checkpoint / "model.safetensors").symlink_to(checkpoint.parent.parent / "elsewhere")


def replace_folder_by_link(checkpoint: Path) -> None:
    shutil.move(checkpoint, checkpoint.parent.parent / "elsewhere")
    checkpoint.symlink_to(checkpoint.parent.parent / "elsewhere")


def replace_by_pipe(checkpoint: Path) -> None:
    (checkpoint / "model.safetensors").unlink()
    os.mkfifo(checkpoint / "model.safetensors")


def replace_by_folder(checkpoint: Path) -> None:
    (checkpoint / "model.safetensors").unlink()
    (checkpoint / "model.safetensors").mkdir()


def list_another_place(name: str) -> Callable[[Path], None]:
    def damage(checkpoint: Path) -> None:
        def change(manifest: dict) -> None:
            manifest["files"][name] = manifest["files"]["model.safetensors"]

        rewrite(checkpoint / "manifest.json", change)

    return damage


def manifest_text(text: str) -> Callable[[Path], None]:
    return lambda checkpoint: (checkpoint / "manifest.json").write_text(text)


def sealed(name: str, content: bytes) -> Callable[[Path], None]:
    def damage(checkpoint: Path) -> None:
        (checkpoint / name).write_bytes(content)
        seal(checkpoint)

    return damage


def sealed_number(checkpoint: Path) -> None:
    text = (checkpoint / "state.json").read_text()
    (checkpoint / "state.json").write_text(text.replace('"best_value": ', '"best_value": NaN, "other": ', 1))
    seal(checkpoint)


HUGE_HEADER = (2**63 - 1).to_bytes(8, "little") + b"{}"
OVERLAP = json.dumps(
    {name: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} for name in ("a", "b")}, separators=(",", ":")
).encode()

DAMAGES = {
    **each(0.0, 0.5, 0.999, damage=truncate),
    **each(0.0, 0.5, 0.999, damage=flip),
    **{
        f"without {name}": (lambda checkpoint, name=name: (checkpoint / name).unlink(), f"{name}: is missing")
        for name in (*FILES, "manifest.json")
    },
    "an extra file": (lambda checkpoint: (checkpoint / "extra.bin").write_bytes(b""), "extra.bin: is not part of"),
    "an extra folder": (lambda checkpoint: (checkpoint / "extra").mkdir(), "extra: is not part of"),
    "a link for a file": (replace_by_link, "not a plain file"),
    "a link for the folder": (replace_folder_by_link, "is a link, not a folder"),
    "a pipe for a file": (replace_by_pipe, "not a plain file"),
    "a folder for a file": (replace_by_folder, "not a plain file"),
    "an empty folder": (
        lambda checkpoint: [path.unlink() for path in checkpoint.iterdir()],
        "manifest.json: is missing",
    ),
    **{
        f"a manifest that names {name!r}": (list_another_place(name), "missing or not a plain file")
        for name in (
            "../step-00000002/model.safetensors",
            "/etc/passwd",
            "..",
            ".",
            "",
            "a\x00b",
            "state.json/../state.json",
        )
    },
    "a manifest that is no JSON": (manifest_text("{"), "manifest.json: is missing or unreadable"),
    "a manifest that is a list": (manifest_text("[1, 2]"), "manifest.json: is missing or unreadable"),
    "a manifest that is a number": (manifest_text("3"), "manifest.json: is missing or unreadable"),
    "a manifest with NaN": (manifest_text('{"schema": NaN, "files": {}}'), "manifest.json: is missing or unreadable"),
    "a manifest without files": (manifest_text('{"schema": 1}'), "manifest.json: is missing or unreadable"),
    "a manifest ten thousand deep": (manifest_text("[" * 10_000), "manifest.json: is missing or unreadable"),
    "a manifest of another schema": (
        lambda checkpoint: seal(checkpoint, schema=2),
        "follows schema 2, this version reads 1",
    ),
    "a manifest without digests": (
        lambda checkpoint: seal(checkpoint, files={"state.json": {"bytes": 3}}),
        "follows schema",
    ),
    "a manifest with numbers for digests": (
        lambda checkpoint: seal(checkpoint, files={name: {"bytes": 3, "sha256": 4} for name in FILES}),
        "follows schema",
    ),
    "a sealed state that is no JSON": (sealed("state.json", b"{"), "state.json: cannot be read"),
    "a sealed state with NaN": (sealed_number, "NaN is no number"),
    "a sealed header of 2^63 bytes": (sealed("model.safetensors", HUGE_HEADER), "model.safetensors: cannot be read"),
    "a sealed file of overlapping tensors": (
        sealed("model.safetensors", len(OVERLAP).to_bytes(8, "little") + OVERLAP + bytes(8)),
        "model.safetensors: cannot be read",
    ),
    "a sealed empty file": (sealed("model.safetensors", b""), "model.safetensors: cannot be read"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_named_and_passed_over(folder, finished, damage, message):
    damage(newest(folder))
    with pytest.raises(CheckpointError, match=message) as caught:
        read_checkpoint(newest(folder))
    assert caught.value.file
    assert caught.value.remedy
    lines: list[str] = []
    run = go(folder, lines.append)
    assert f"resumed: {finished.best_step} of 8 updates were done" in lines
    assert any(message in line for line in lines), lines
    assert any(message in note for note in run.notes)
    assert digest(run.model.state_dict()) == digest(finished.model.state_dict())
    assert digest(load_file(run.last / "model.safetensors")) == digest(load_file(finished.last / "model.safetensors"))
    assert run.history == finished.history
    verify_checkpoint(run.last)


def test_there_are_enough_damages():
    assert len(DAMAGES) > 50


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json"])
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_pickled_bytes_are_never_unpickled(folder, tmp_path, name, protocol):
    canary = tmp_path / "canary"
    checkpoint = newest(folder)
    (checkpoint / name).write_bytes(pickle.dumps(Canary(canary), protocol=protocol))
    seal(checkpoint)
    with pytest.raises(CheckpointError, match=f"{name}: cannot be read"):
        read_checkpoint(checkpoint)
    go(folder)
    assert not canary.exists()
    pickle.loads(pickle.dumps(Canary(canary), protocol=protocol))
    assert canary.exists(), "the canary works"


def test_a_pickled_torch_file_is_never_unpickled(folder, tmp_path):
    canary = tmp_path / "canary"
    checkpoint = newest(folder)
    torch.save({"weight": Canary(canary)}, checkpoint / "model.safetensors")
    seal(checkpoint)
    go(folder)
    assert not canary.exists()


def test_when_no_checkpoint_is_whole_the_run_does_not_start_again_unasked(folder):
    for checkpoint in (folder / "checkpoints").glob("step-*"):
        truncate(checkpoint / "model.safetensors", 0.5)
    with pytest.raises(CheckpointError, match="no checkpoint here is whole.*model.safetensors: is damaged") as caught:
        go(folder)
    assert "remove the run folder to start again" in str(caught.value)


def test_a_checkpoint_of_other_weights_is_refused(folder):
    checkpoint = newest(folder)
    weights = load_file(checkpoint / "model.safetensors")
    weights.pop("classifier.bias")
    save_file(weights, checkpoint / "model.safetensors")
    seal(checkpoint)
    with pytest.raises(CheckpointError, match="do not fit the model .*classifier.bias"):
        go(folder)


def test_a_state_of_another_version_is_refused(folder):
    rewrite(newest(folder) / "state.json", lambda state: state.update(moon="full"))
    seal(newest(folder))
    with pytest.raises(CheckpointError, match="not one of this version: .*moon"):
        go(folder)


def test_the_newest_is_the_highest_step_whatever_the_clock_says(folder, finished):
    store = Checkpoints(folder / "checkpoints")
    os.utime(store.path(store.steps()[0]), (4e9, 4e9))
    assert store.newest() == (newest(folder), [])
    assert newest(folder).name == f"step-{finished.steps:08d}"


def test_what_is_no_checkpoint_is_left_alone(folder):
    store = Checkpoints(folder / "checkpoints")
    before = store.steps()
    for name in ("step-abcdefgh", "step-1", "notes", "step-00000009 copy"):
        (store.folder / name).mkdir()
    (store.folder / "step-99999999").write_text("a file")
    assert store.steps() == before
    go(folder)
    assert {"step-abcdefgh", "step-1", "notes", "step-00000009 copy", "step-99999999"} < set(os.listdir(store.folder))


def test_unfinished_pieces_are_removed(folder):
    unfinished = folder / "checkpoints" / "step-00000006.tmp-1234"
    shutil.copytree(newest(folder), unfinished)
    run = go(folder)
    assert not unfinished.exists()
    assert run.notes == ("finished: 8 of 8 updates were done",)


def test_what_a_killed_process_could_not_delete_is_deleted(folder, finished):
    store = Checkpoints(folder / "checkpoints")
    kept = store.steps()
    for step in (1, kept[0] + 1):
        shutil.copytree(newest(folder), store.path(step))
    shutil.copytree(newest(folder), store.path(99))
    os.truncate(store.path(99) / "state.json", 5)
    go(folder)
    assert store.steps() == [*kept, 99], "what is newer and damaged is left for the reader of the message"
    assert finished.best_step == kept[0]


def test_rotation_keeps_the_new_one_and_what_it_is_told(tmp_path):
    store = Checkpoints(tmp_path / "checkpoints")
    tensors = {"model.safetensors": {"weight": torch.arange(3.0)}}
    for step, keep in ((1, {1}), (2, {1}), (3, {1}), (4, {4}), (5, {4})):
        store.save(step, tensors, {"state.json": {"step": step}}, keep=keep)
        assert store.steps() == sorted({step} | keep)
    assert read_checkpoint(store.path(5))[1] == {"state.json": {"step": 5}}
    assert torch.equal(read_checkpoint(store.path(5))[0]["model.safetensors"]["weight"], torch.arange(3.0))


def test_a_damaged_checkpoint_is_replaced_when_its_step_comes_again(tmp_path):
    store = Checkpoints(tmp_path / "checkpoints")
    for value in (1.0, 2.0):
        store.save(3, {"model.safetensors": {"weight": torch.tensor([value])}}, {}, keep=set())
        assert read_checkpoint(store.path(3))[0]["model.safetensors"]["weight"].item() == value
        truncate(store.path(3) / "model.safetensors", 0.5)
    assert store.steps() == [3]


def test_nothing_is_deleted_before_the_new_one_has_been_read_back(tmp_path, monkeypatch):
    from companion.training import checkpoint as module

    store = Checkpoints(tmp_path / "checkpoints")
    tensors = {"model.safetensors": {"weight": torch.arange(3.0)}}
    store.save(1, tensors, {}, keep=set())
    sync = module.sync

    def lose_a_bit(path: Path) -> None:
        sync(path)
        if path == store.folder:
            flip(store.path(2) / "model.safetensors", 0.9)

    monkeypatch.setattr(module, "sync", lose_a_bit)
    with pytest.raises(CheckpointError, match="is damaged"):
        store.save(2, tensors, {}, keep=set())
    assert store.newest()[0] == store.path(1)
