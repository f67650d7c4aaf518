"""Thousands of damages to a checkpoint: each is recognised, and the checkpoint before it is used.

A finished run leaves two checkpoints, its best and its last. One damage at a time is done to the last one, `newest` has
to name it and to return the best one, and the files are put back. A change that changes nothing (a file swapped with
its own equal, white space behind the manifest's last bracket) is no damage: it is counted apart and drawn again.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from companion.training.checkpoint import MANIFEST, Checkpoints, read_checkpoint

Files = dict[str, bytes]


@dataclass(kw_only=True)
class Found:
    """What became of all the damages."""

    damages: int = 0
    """How many were done."""
    recognised: int = 0
    """Those after which the damaged checkpoint was not used, and the message named it."""
    fell_back: int = 0
    """Those after which the checkpoint before it was returned, with the very content it had."""
    without_effect: int = 0
    """Changes that left the meaning of every file as it was; not counted above."""
    kinds: Counter[str] = field(default_factory=Counter)
    """Damages by kind."""
    files: Counter[str] = field(default_factory=Counter)
    """Damages by file."""
    missed: list[str] = field(default_factory=list)
    """The first few that were not recognised."""


def flip(draw: random.Random, name: str, last: Files, other: Files) -> Files:
    """One bit of one file."""
    content = bytearray(last[name])
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    return {name: bytes(content)}


def truncate(draw: random.Random, name: str, last: Files, other: Files) -> Files:
    """A file cut anywhere, often near its start or end."""
    size = len(last[name])
    return {name: last[name][: draw.choice([draw.randrange(size), min(size - 1, draw.randrange(9)), size - 1])]}


def append(draw: random.Random, name: str, last: Files, other: Files) -> Files:
    """Some bytes behind the end."""
    return {name: last[name] + draw.randbytes(draw.randint(1, 64))}


def overwrite(draw: random.Random, name: str, last: Files, other: Files) -> Files:
    """A block of zeros, as a disk leaves it where it did not write."""
    start = draw.randrange(len(last[name]))
    length = min(draw.choice([1, 16, 512, 4096]), len(last[name]) - start)
    return {name: last[name][:start] + bytes(length) + last[name][start + length :]}


def insert(draw: random.Random, name: str, last: Files, other: Files) -> Files:
    """One byte more in the middle."""
    place = draw.randrange(len(last[name]))
    return {name: last[name][:place] + draw.randbytes(1) + last[name][place:]}


def take_from_other(draw: random.Random, name: str, last: Files, other: Files) -> Files:
    """A file of the other checkpoint in place of this one."""
    return {name: other[name]}


def exchange(draw: random.Random, name: str, last: Files, other: Files) -> Files:
    """Two files of this checkpoint under each other's name."""
    second = draw.choice([other_name for other_name in sorted(last) if other_name != name])
    return {name: last[second], second: last[name]}


def delete(draw: random.Random, name: str, last: Files, other: Files) -> Files:
    """A file that is gone."""
    return {name: b""}


KINDS: dict[str, Callable[[random.Random, str, Files, Files], Files]] = {
    function.__name__: function
    for function in (flip, truncate, append, overwrite, insert, take_from_other, exchange, delete)
}


def corrupt(
    folder: Path,
    *,
    count: int,
    seed: int = 0,
    newest: Callable[[Checkpoints], tuple[Path | None, list[str]]] | None = None,
) -> Found:
    """Do `count` damages, one after another, to the last checkpoint of a finished run and see what is used then.

    Raises:
        RuntimeError: the run does not have two checkpoints that differ, or one of them is not whole beforehand.
    """
    draw, found, store = random.Random(seed), Found(), Checkpoints(folder / "checkpoints")
    look = newest or Checkpoints.newest
    steps = store.steps()
    if len(steps) != 2 or store.newest() != (store.path(steps[1]), []):
        raise RuntimeError(f"two whole checkpoints are needed, not those of steps {steps}")
    best, target = store.path(steps[0]), store.path(steps[1])
    other, last = _read(best), _read(target)
    expected = _content(best)
    while found.damages < count:
        kind, name = draw.choice(sorted(KINDS)), draw.choice(sorted(last))
        changed = KINDS[kind](draw, name, last, other)
        removed = kind == "delete"
        if not removed and all(_means_the_same(file, content, last[file]) for file, content in changed.items()):
            found.without_effect += 1
            continue
        for file, content in changed.items():
            if removed:
                os.unlink(target / file)
            else:
                (target / file).write_bytes(content)
        used, problems = look(store)
        found.damages += 1
        found.kinds[kind] += 1
        found.files[name] += 1
        recognised = used != target and len(problems) == 1 and target.name in problems[0]
        found.recognised += recognised
        found.fell_back += used == best and _content(best) == expected
        if not recognised:
            found.missed = [*found.missed, f"{kind} {name}"][:5]
        for file in changed:
            (target / file).write_bytes(last[file])
    if store.newest() != (target, []):
        raise RuntimeError("the files were not put back as they were")
    return found


def _read(folder: Path) -> Files:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _content(folder: Path) -> str:
    tensors, documents = read_checkpoint(folder)
    from tests.tiny import digest

    flat = {f"{file}/{name}": tensor for file, group in tensors.items() for name, tensor in group.items()}
    return digest(flat) + json.dumps(documents, sort_keys=True)


def _means_the_same(name: str, content: bytes, before: bytes) -> bool:
    """Whether a changed file says what it said: the same bytes, or a manifest that reads the same."""
    if content == before or name != MANIFEST:
        return content == before
    try:
        return json.loads(content) == json.loads(before)
    except ValueError:
        return False
