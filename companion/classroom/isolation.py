"""Student code in a process apart from everything: start it, hand it calls, take values, and say what holds.

On Linux, as root, each submission runs as a user of its own in namespaces of its own: no network, no other process to
see, a read-only root with Python and its packages and nothing else, 64 MiB of scratch space that vanishes, limits on
time, memory, processes and files. Where that is not possible nothing runs.
"""

from __future__ import annotations

import json
import os
import platform
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

from companion.classroom.jail import LIBRARIES, REFUSED
from companion.classroom.zygote import ENVIRONMENT, receive, send
from companion.errors import IsolationError

CONTAINER = (
    "docker run --rm --network none --cap-add SYS_ADMIN --security-opt seccomp=unconfined "
    '--security-opt apparmor=unconfined -v "$PWD/CLASS:/class" companion-classroom class grade /class SLUG'
)
REMEDY = (
    "grade on Linux as root (sudo), or in a container, as the instructor's guide shows under "
    f"“Where the system cannot isolate”:\n      {CONTAINER}"
)
PATIENCE = 20.0
"""Seconds beyond its time limit after which a submission's referee is given up."""
FIRST_USER = 1_000_000_000
SLOTS = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one submission may use."""

    wall: float = 60.0
    """Seconds for everything."""
    memory: int = 1 << 30
    """Bytes of memory, all its processes together, beyond what was imported for it."""
    disk: int = 64 << 20
    """Bytes of scratch space."""
    file: int = 32 << 20
    """Bytes of one file."""
    output: int = 4 << 20
    """Bytes of answers."""
    processes: int = 32
    """Processes and threads at once."""
    files: int = 64
    """Open files of one process."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """What came out of one submission."""

    status: str
    """"finished", "time", "memory", or "output"."""
    read: dict[str, Any] = field(default_factory=dict)
    """What the notebook says, read before any of it ran (see `reading.Notebook.described`)."""
    failed: list[dict[str, Any]] = field(default_factory=list)
    """Statements that raised."""
    calls: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Number of a call to its answer: `value`, or `error` and where."""
    seconds: float = 0.0
    """Wall time."""
    memory: int = 0
    """Most bytes held at a time."""


class Sandbox:
    """A context in which submissions can be run; one process waits for them with everything imported.

    Raises: IsolationError, on entering, where the system cannot keep student code apart.
    """

    def __init__(self, *, preload: Sequence[str] = (), withheld: Sequence[str] = ("companion",)) -> None:
        self._settings = {"preload": list(preload), "trees": _trees(), "hidden": _hidden({"companion", *withheld})}
        self._lock = threading.Lock()

    def __enter__(self) -> Sandbox:
        refusal = refused()
        if refusal:
            raise IsolationError(refusal, remedy=REMEDY)
        self._link, other = socket.socketpair()
        with other:
            start = (
                f"import sys; sys.path += [p for p in {sys.path!r} if p and p not in sys.path]; "
                f"from companion.classroom.zygote import main; main({other.fileno()})"
            )
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", start],
                pass_fds=[other.fileno()],
                env={**ENVIRONMENT, "HOME": "/", "TMPDIR": "/"},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        try:
            send(self._link, json.dumps(self._settings).encode())
            said = json.loads(receive(self._link))
        except (EOFError, OSError) as error:
            self._close()
            raise IsolationError("the process for student code did not start", remedy=REMEDY) from error
        if "refused" in said:
            self._close()
            raise IsolationError(f"this system refuses to isolate: {said['refused']}", remedy=REMEDY)
        self._try_out()
        return self

    def _try_out(self) -> None:
        """A system on which nothing can be graded must not be taken for a class in which nobody can write code."""
        imports = "".join(f"import {name}\n" for name in self._settings["preload"])
        try:
            answers = self.run(
                [f"{imports}def twice(x): return 2 * x"], [("twice", [21])], functions=[], limits=Limits()
            )
        except IsolationError:
            self._close()
            raise
        if answers.calls.get(0, {}).get("value") != 42:
            self._close()
            raise IsolationError(
                f"a function that is right gets no answer here ({answers.status}, {answers.failed})",
                remedy="see that others may read Python's files (chmod -R o+rX), or use a container: " + CONTAINER,
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        self._link.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def run(
        self,
        cells: Sequence[str],
        calls: Sequence[tuple[str, Sequence[Any]]],
        *,
        functions: Sequence[str],
        limits: Limits,
        slot: int = 0,
    ) -> Answers:
        """Define what the cells define, make the calls, and give the answers; one at a time for each slot.

        Raises: IsolationError when the system refused a step; the submission did not run then.
        """
        cores = sorted(os.sched_getaffinity(0))
        settings = {
            **asdict(limits),
            "user": FIRST_USER + os.getpid() * SLOTS + slot % SLOTS,
            "core": cores[slot % len(cores)],
            "seconds": int(limits.wall) + 1,
        }
        request = {"cells": cells, "functions": functions, "calls": calls, "seconds": limits.wall / 4}
        mine, theirs = socket.socketpair()
        with mine:
            with theirs, self._lock:
                socket.send_fds(self._link, [b"s"], [theirs.fileno()])
            mine.settimeout(limits.wall + PATIENCE)
            try:
                send(mine, json.dumps(settings).encode())
                send(mine, json.dumps(request).encode())
                outcome, written = json.loads(receive(mine)), receive(mine)
            except (EOFError, OSError) as error:
                raise IsolationError("the referee of a submission is gone", remedy="grade again") from error
        if outcome["status"] == "refused":
            raise IsolationError(f"this system refuses to isolate: {outcome['reason']}", remedy=REMEDY)
        return read_answers(written, outcome, len(calls))


def read_answers(written: bytes, outcome: dict[str, Any], count: int) -> Answers:
    """What is believed of the lines that a submission's process wrote: each must be one JSON object of a known form.

    The first line of a kind counts. Raises: IsolationError when the first says that a step of the jail was refused.
    """
    read: dict[str, Any] | None = None
    failed: list[dict[str, Any]] | None = None
    calls: dict[int, dict[str, Any]] = {}
    for line in written.split(b"\n"):
        document = _object(line)
        if "refused" in document and read is None:
            raise IsolationError(f"this system refuses to isolate: {document['refused']}", remedy=REMEDY)
        if read is None:
            read = document.get("read") if type(document.get("read")) is dict else None
        elif failed is None and type(document.get("failed")) is list:
            failed = [one for one in document["failed"] if type(one) is dict]
        elif type(number := document.get("call")) is int and 0 <= number < count and number not in calls:
            calls[number] = document
    return Answers(
        status=outcome["status"],
        read=read or {},
        failed=failed or [],
        calls=calls,
        seconds=outcome["seconds"],
        memory=outcome["memory"],
    )


def _object(line: bytes) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError, MemoryError):
        return {}
    return document if type(document) is dict else {}


def refused() -> str | None:
    """Why this system cannot isolate, as far as that can be told without trying; None where it may."""
    if platform.system() != "Linux":
        return f"student code cannot be kept apart on {platform.system()}"
    if platform.machine() not in REFUSED:
        return f"student code cannot be kept apart on a {platform.machine()} processor"
    if os.geteuid() != 0:
        return "student code can be kept apart only by root, who may make namespaces and change the user"
    return None


def _trees() -> list[str]:
    """What a submission sees of the file system: shared libraries, Python, its packages."""
    packages = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    trees = [*LIBRARIES, sys.prefix, sys.base_prefix, sys.exec_prefix, *packages]
    return sorted({str(Path(tree)) for tree in trees if Path(tree).exists()})


def _hidden(packages: Iterable[str]) -> list[str]:
    """Folders and files of packages that are not shown."""
    found = []
    for name in sorted(packages):
        spec = find_spec(name)
        if spec is None:
            continue
        found += list(spec.submodule_search_locations or ()) or [spec.origin]
    return [path for path in found if path]
