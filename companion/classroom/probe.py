"""Whether this system keeps student code apart: each promise is tried by code that would like to break it."""

from __future__ import annotations

import os
import socket
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.classroom.isolation import REMEDY, Answers, Limits, Sandbox
from companion.errors import IsolationError

MEGABYTE = 1 << 20
LIMITS = Limits(wall=12.0, memory=256 * MEGABYTE, disk=8 * MEGABYTE, file=4 * MEGABYTE, processes=16)
INTRUDER = """
import os, resource, socket, sys, time

def user(): return [os.getuid(), os.getgid(), os.getgroups()]
def processes(): return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
def environment(): return sorted(os.environ)
def capabilities():
    lines = open("/proc/self/status").read().splitlines()
    return [line.split()[1] for line in lines if line.startswith(("CapEff", "CapPrm", "NoNewPrivs", "Seccomp:"))]
def reads(path):
    try:
        open(path).read()
    except OSError as error:
        return type(error).__name__
    return "read"
def writes(path):
    try:
        open(path, "w").write("x")
    except OSError as error:
        return type(error).__name__
    return "written"
def connects(host, port):
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError as error:
        return type(error).__name__
    return "connected"
def fills(megabytes):
    written = 0
    try:
        for number in range(megabytes):
            with open(f"part-{number % 4}", "ab") as file:
                written += file.write(bytes(1 << 20))
    except OSError:
        pass
    return written >> 20
def forks(most):
    children = []
    try:
        for _ in range(most):
            child = os.fork()
            if child == 0:
                time.sleep(3)
                os._exit(0)
            children.append(child)
    except OSError:
        pass
    for child in children:
        os.kill(child, 9)
        os.waitpid(child, 0)
    return len(children)
def allocates(megabytes):
    try:
        return len(bytearray(megabytes << 20)) >> 20
    except MemoryError:
        return 0
def lingers():
    if os.fork() == 0:
        while True: time.sleep(1)
    return "left one behind"
def unshares():
    try:
        os.sched_setaffinity(0, range(64))
    except OSError as error:
        return type(error).__name__
    return "done"
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Promise:
    """One thing that student code must not be able to do."""

    name: str
    """What is kept."""
    kept: bool
    """Whether it was."""
    seen: str
    """What the intruder got."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Isolation:
    """What was tried."""

    promises: tuple[Promise, ...]
    """One by one; empty where nothing could be started."""
    refusal: str = ""
    """Why nothing could be started."""

    @property
    def isolated(self) -> bool:
        """Whether every promise was kept."""
        return bool(self.promises) and all(promise.kept for promise in self.promises)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        lines = [{"name": one.name, "kept": one.kept, "seen": one.seen} for one in self.promises]
        return {"isolated": self.isolated, "refusal": self.refusal, "promises": lines}

    def __str__(self) -> str:
        if self.refusal:
            return f"✗ {self.refusal}\n  → {REMEDY}"
        lines = [f"{'✓' if one.kept else '✗'} {one.name}: {one.seen}" for one in self.promises]
        return "\n".join([*lines, "" if self.isolated else f"  → {REMEDY}"]).rstrip()


def isolation_report() -> Isolation:
    """Start a sandbox and an intruder in it, and say what the intruder could do.

    Taught in: book/classroom/instructors-guide
    """
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server:
        secret = Path(folder) / "secret"
        secret.write_text("what nobody may read")
        secret.chmod(0o666)
        Path(folder).chmod(0o777)
        calls = [
            ("user", []),
            ("processes", []),
            ("environment", []),
            ("capabilities", []),
            ("reads", [str(secret)]),
            ("reads", [f"/proc/{os.getpid()}/environ"]),
            ("reads", ["/etc/passwd"]),
            ("writes", ["/usr/lib/x"]),
            ("connects", ["127.0.0.1", server.getsockname()[1]]),
            ("unshares", []),
            ("fills", [20]),
            ("forks", [40]),
            ("allocates", [600]),
            ("lingers", []),
        ]
        try:
            with Sandbox() as sandbox:
                answers = sandbox.run([INTRUDER], calls, functions=[], limits=LIMITS)
                left = processes_of(answers.calls.get(0, {}).get("value"))
        except IsolationError as error:
            return Isolation(promises=(), refusal=error.problem)
        return Isolation(promises=tuple(judged(answers, left)))


def processes_of(user: object) -> int:
    """How many processes the intruder's user still has, seen from outside; 0 is what should be left."""
    number = user[0] if isinstance(user, list) and user else -1
    owners = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            owners.append(folder.stat().st_uid)
    return owners.count(number)


def judged(answers: Answers, left: int) -> list[Promise]:
    """What the intruder's answers say about each promise; a call without an answer kept nothing."""
    got = [answers.calls.get(number, {}).get("value") for number in range(14)]
    user, processes, environment, rights, secret, neighbour, system, library, network, core, disk, forks, memory, _ = (
        got
    )
    others = isinstance(user, list) and user[0] != 0 and os.getuid() not in user[:2] and user[2] == []
    lines = [
        ("another user, without groups", others, f"user {user}"),
        ("no rights of root, none to gain", rights == ["0" * 16, "0" * 16, "1", "2"], f"{rights}"),
        ("sees no process but its own", processes == [1], f"processes {processes}"),
        ("reads no file of the teacher", secret in ("FileNotFoundError", "PermissionError"), f"{secret}"),
        ("reads nothing of the grader's process", neighbour == "FileNotFoundError", f"{neighbour}"),
        ("reads nothing of the system's settings", system == "FileNotFoundError", f"{system}"),
        ("gets no variable of the teacher", _only_ours(environment), f"{environment}"),
        ("writes nowhere but in its scratch space", library == "OSError" or library == "PermissionError", f"{library}"),
        ("no network, not even to this machine", network not in ("connected", None), f"{network}"),
        ("stays on its core", core == "PermissionError", f"{core}"),
        ("files are bounded", _within(disk, LIMITS.disk >> 20), f"{disk} MB of 20 written"),
        ("processes are bounded", _within(forks, LIMITS.processes), f"{forks} of 40 started"),
        ("memory is bounded", memory == 0, f"{memory} MB of 600 held"),
        ("nothing is left running", answers.status == "finished" and left == 0, f"{left} processes after the end"),
    ]
    return [Promise(name=name, kept=bool(kept), seen=seen) for name, kept, seen in lines]


def _only_ours(environment: object) -> bool:
    from companion.classroom.zygote import ENVIRONMENT

    return isinstance(environment, list) and set(environment) <= {*ENVIRONMENT, "LC_CTYPE"}


def _within(found: object, most: int) -> bool:
    return isinstance(found, int) and 0 < found <= most
