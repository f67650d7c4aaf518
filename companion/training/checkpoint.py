"""Checkpoints that are either whole or not there: temporary folder, manifest last, fsync, rename; nothing unpickled.

A checkpoint is a folder of safetensors and JSON files with a `manifest.json` that holds the size and sha256 of each.
The order (data, fsync, manifest, fsync, rename, fsync) follows the completion marker of torch's distributed
checkpoints (pytorch issue 76395), with a digest per file.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from companion.errors import CheckpointError
from companion.training.disk import hold, reason, remove, sync

if TYPE_CHECKING:
    from torch import Tensor

MANIFEST = "manifest.json"
UNFINISHED, ASIDE = "tmp", "old"
_held: set[tuple[int, str]] = set()
"""Process and folder of each run here: the system's lock belongs to the process, and would let a second one in."""
LOCK = "lock"
SCHEMA = 1


class Checkpoints:
    """The checkpoints of one run: `step-00000042` folders under `folder`.

    Taught in: book/walkthroughs/train-a-tagger
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: IO[str] | None = None
        self._mark = (os.getpid(), str(folder.resolve()))

    def open(self) -> None:
        """Make the folder and keep other processes out of it until `close`, or until this process ends.

        Raises:
            CheckpointError: the folder cannot be written, or another process is training in it.
        """
        if self._mark in _held:
            raise CheckpointError(
                "another run of this process is training in this run folder",
                file=self.folder,
                remedy="wait until it has finished, or choose another run folder",
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = (self.folder / LOCK).open("w")
            if not os.access(self.folder, os.W_OK | os.X_OK):
                raise PermissionError("nothing can be made in it")
        except OSError as error:
            raise CheckpointError(
                f"the run folder cannot be written: {reason(error)}",
                file=self.folder,
                remedy="choose another run folder, or make this one writable",
            ) from error
        try:
            hold(self._lock)
            _held.add(self._mark)
        except OSError as error:
            raise CheckpointError(
                "another process is training in this run folder",
                file=self.folder,
                remedy="wait until it has finished, or choose another run folder",
            ) from error

    def close(self) -> None:
        """Let others in."""
        if self._lock is not None:
            self._lock.close()
            _held.discard(self._mark)

    def path(self, step: int) -> Path:
        """Where the checkpoint of this step lies, or will lie."""
        return self.folder / f"step-{step:08d}"

    def steps(self) -> list[int]:
        """The steps that have a finished folder, oldest first."""
        found = self.folder.glob(f"step-{'[0-9]' * 8}") if self.folder.is_dir() else []
        return sorted(int(path.name.removeprefix("step-")) for path in found if path.is_dir())

    def save(
        self, step: int, tensors: Mapping[str, Mapping[str, Tensor]], documents: Mapping[str, Any], *, keep: set[int]
    ) -> Path:
        """Write a checkpoint; afterwards only it and the steps in `keep` remain.

        `tensors` maps a file name to its tensors, `documents` a file name to JSON. Older checkpoints are deleted only
        after the new one has been read back and its digests agree.

        Raises:
            CheckpointError: the folder cannot be written; what was there before is untouched.
        """
        from safetensors import SafetensorError

        target = self.path(step)
        temporary, aside = (self.folder / f"{target.name}.{word}-{os.getpid()}" for word in (UNFINISHED, ASIDE))
        try:
            temporary.mkdir(parents=True)
            _write_files(temporary, tensors, documents)
            if target.is_symlink():
                target.unlink()
            # A step that is saved once more must never be missing in between: `newest` knows where it lies meanwhile.
            if target.exists():
                target.rename(aside)
            temporary.rename(target)
            sync(self.folder)
        except (OSError, SafetensorError) as error:
            if aside.exists() and not target.exists():
                aside.rename(target)
            shutil.rmtree(temporary, ignore_errors=True)
            raise CheckpointError(
                f"the checkpoint of step {step} cannot be written: {reason(error)}",
                file=self.folder,
                remedy="free some space or choose another run folder; the checkpoint before it is intact",
            ) from error
        verify_checkpoint(target)
        shutil.rmtree(aside, ignore_errors=True)
        for other in self.steps():
            if other != step and other not in keep:
                remove(self.path(other))
        return target

    def discard_before(self, step: int, *, keep: set[int]) -> None:
        """Delete older checkpoints, where a process ended before it could do so after its last save."""
        for other in self.steps():
            if other < step and other not in keep:
                remove(self.path(other))

    def newest(self) -> tuple[Path | None, list[str]]:
        """The newest checkpoint that can be read, and what is wrong with newer ones; unfinished ones are removed."""
        problems = []
        if self.folder.is_dir():
            self._tidy()
        for step in reversed(self.steps()):
            try:
                read_checkpoint(self.path(step))
            except CheckpointError as error:
                problems.append(str(error))
            else:
                return self.path(step), problems
        return None, problems

    def _tidy(self) -> None:
        try:
            for leftover in self.folder.glob(f"step-*.{UNFINISHED}-*"):
                shutil.rmtree(leftover, ignore_errors=True)
            for leftover in self.folder.glob(f"step-*.{ASIDE}-*"):
                target = leftover.with_name(leftover.name.split(".")[0])
                remove(leftover) if target.exists() else leftover.rename(target)
        except OSError as error:
            raise CheckpointError(
                f"what a broken-off save left cannot be put in order: {reason(error)}",
                file=self.folder,
                remedy="make the folder writable, or copy it to where it is",
            ) from error


def verify_checkpoint(folder: Path) -> dict[str, Any]:
    """Compare every file of a checkpoint with its manifest and return the manifest.

    Raises:
        CheckpointError: naming the first file that is missing, altered, unexpected, or not a plain file.

    Taught in: book/walkthroughs/train-a-tagger
    """
    if folder.is_symlink():
        raise CheckpointError("is a link, not a folder", file=folder, remedy=_older(folder))
    manifest = _read_manifest(folder)
    listed = manifest["files"]
    present = {path.name for path in folder.iterdir()} - {MANIFEST}
    for name in sorted(present - set(listed)):
        raise CheckpointError("is not part of this checkpoint", file=folder / name, remedy="remove the file")
    for name, expected in listed.items():
        path = folder / name
        if name != Path(name).name or path.is_symlink() or not path.is_file():
            raise CheckpointError("is missing or not a plain file", file=path, remedy=_older(folder))
        try:
            found = {"bytes": path.stat().st_size, "sha256": _digest(path)}
        except OSError as error:
            raise CheckpointError(f"cannot be read: {reason(error)}", file=path, remedy=_older(folder)) from error
        if found != expected:
            raise CheckpointError(
                f"is damaged: {expected['bytes']} bytes, sha256 {expected['sha256'][:12]}… expected, "
                f"found {found['bytes']} bytes, sha256 {found['sha256'][:12]}…",
                file=path,
                remedy=_older(folder),
            )
    return manifest


def read_checkpoint(folder: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """The tensors and documents of a checkpoint by file name, after verifying it.

    Raises:
        CheckpointError: it does not verify, or a file is neither safetensors nor JSON.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    tensors: dict[str, dict[str, Tensor]] = {}
    documents: dict[str, Any] = {}
    for name in verify_checkpoint(folder)["files"]:
        try:
            if name.endswith(".safetensors"):
                tensors[name] = load_file(folder / name)
            else:
                documents[name] = _read_json(folder / name)
        except (OSError, ValueError, RecursionError, SafetensorError) as error:
            raise CheckpointError(
                f"cannot be read ({type(error).__name__}: {reason(error)})", file=folder / name, remedy=_older(folder)
            ) from error
    return tensors, documents


def write_json(path: Path, document: Any) -> None:
    """Write JSON so that the file is either the old one or the new one, never half of it.

    Raises:
        CheckpointError: the folder cannot be written; an older file is untouched.
    """
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    try:
        temporary.write_text(text, encoding="utf-8")
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        remedy = "free some space, make the folder writable, or choose another one"
        problem = f"{path.name} cannot be written: {reason(error)}"
        raise CheckpointError(problem, file=path.parent, remedy=remedy) from error


def _write_files(folder: Path, tensors: Mapping[str, Mapping[str, Tensor]], documents: Mapping[str, Any]) -> None:
    from safetensors.torch import save_file

    for name, group in tensors.items():
        save_file({key: tensor.detach().contiguous().cpu() for key, tensor in group.items()}, folder / name)
    for name, document in documents.items():
        (folder / name).write_text(json.dumps(document, sort_keys=True, allow_nan=False), encoding="utf-8")
    files = {}
    for path in sorted(folder.iterdir()):
        sync(path)
        files[path.name] = {"bytes": path.stat().st_size, "sha256": _digest(path)}
    manifest = folder / MANIFEST
    manifest.write_text(json.dumps({"schema": SCHEMA, "files": files}, indent=1, sort_keys=True), encoding="utf-8")
    sync(manifest)
    sync(folder)


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        if path.is_symlink() or not path.is_file():
            # A pipe would wait for a writer for ever, and a link may lead to a device without an end.
            raise FileNotFoundError(path)
        manifest = _read_json(path)
        sound = all(
            {"bytes": int, "sha256": str} == {key: type(value) for key, value in entry.items()}
            for entry in manifest["files"].values()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(
            f"is missing or unreadable ({type(error).__name__})", file=path, remedy=_older(folder)
        ) from error
    if manifest.get("schema") != SCHEMA or not sound:
        raise CheckpointError(
            f"follows schema {manifest.get('schema')!r}, this version reads {SCHEMA}",
            file=path,
            remedy="use the version of the package that wrote it, or start a new run folder",
        )
    return manifest


def _read_json(path: Path) -> Any:
    def refuse(name: str) -> None:
        raise ValueError(f"{name} is no number")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def _older(folder: Path) -> str:
    return f"remove {folder.name}; the newest checkpoint that is whole will then be used"


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
