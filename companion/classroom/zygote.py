"""The process that waits with everything imported, in a root of its own, and forks one watched child a submission.

The grader starts it once and sends it one socket a submission. It never reads a submission itself: a fork of it does,
the referee, which forks the child that runs the code. So a child finds no other student's code in its memory.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from companion.classroom import jail
from companion.classroom.runner import answer_calls

TICK = 0.05
"""Seconds between two looks at the memory of a submission."""
ROOT = Path("/sys")
"""Where the root is built, in a view of the files that only this process has: a folder every Linux has."""
LENGTH = struct.Struct(">Q")
ENVIRONMENT = {
    "HOME": f"/{jail.SCRATCH}",
    "TMPDIR": f"/{jail.SCRATCH}",
    "USER": "student",
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
}


def send(link: socket.socket, message: bytes) -> None:
    """Send one message, its length first."""
    link.sendall(LENGTH.pack(len(message)) + message)


def receive(link: socket.socket) -> bytes:
    """Receive what `send` sent. Raises: EOFError when the other side is gone."""
    return _exactly(link, LENGTH.unpack(_exactly(link, LENGTH.size))[0])


def _exactly(link: socket.socket, size: int) -> bytes:
    parts, left = [], size
    while left:
        part = link.recv(min(left, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def main(control: int) -> None:
    """Read the settings, import, build the root, say so, then serve until the grader is gone.

    The settings have `preload` (modules), `trees` (what is shown) and `hidden` (what is not, within them).
    """
    link = socket.socket(fileno=control)
    settings = json.loads(receive(link))
    os.umask(0o022)
    try:
        for name in settings["preload"]:
            importlib.import_module(name)
        processes = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
        jail.build_root(ROOT, settings["trees"], settings["hidden"])
    except (OSError, ImportError) as error:
        send(link, json.dumps({"refused": str(error)}).encode())
        return
    send(link, json.dumps({"ready": os.getpid()}).encode())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        _, sockets, _, _ = socket.recv_fds(link, 1, 1)
        if not sockets:
            os._exit(0)  # at once: a careful end of everything imported takes seconds, and nothing is left to save
        if os.fork() == 0:
            link.close()
            _watch(socket.socket(fileno=sockets[0]), processes)
            os._exit(0)
        os.close(sockets[0])


def _watch(link: socket.socket, processes: int) -> None:
    """The referee: start the child, end it when it has answered or used up a limit, and tell the grader."""
    jail.die_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    settings, request = json.loads(receive(link)), receive(link)
    inward, outward = os.pipe()
    try:
        jail.unshare(jail.OWN_PROCESSES)
        child = os.fork()
    except OSError as error:
        return _report(link, {"status": "refused", "reason": str(error)}, b"")
    if child == 0:
        _become_child(settings, request, outward)
    os.close(outward)
    begin, baseline = time.monotonic(), _resident(processes, os.getpid())
    status, answers, size, most = "finished", [], 0, 0
    while True:
        if time.monotonic() - begin > settings["wall"]:
            status = "time"
        elif (held := _memory(processes, child, baseline)) > settings["memory"]:
            status = "memory"
        elif size > settings["output"]:
            status = "output"
        if status != "finished":
            break
        most = max(most, held)
        readable, _, _ = select.select([inward, link], [], [], TICK)
        if link in readable:
            status = "grader gone"
            break
        if inward in readable:
            part = os.read(inward, 1 << 16)
            if not part:
                break
            answers.append(part)
            size += len(part)
    seconds = time.monotonic() - begin
    if status != "finished" or not _ended(child):
        # The first process of its namespace takes all others with it, and is gone when they are.
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    _report(link, {"status": status, "seconds": round(seconds, 3), "memory": most}, b"".join(answers))


def _ended(child: int) -> bool:
    """Whether the child is over within a moment of having closed its end of the pipe."""
    for _ in range(20):
        if os.waitpid(child, os.WNOHANG)[0]:
            return True
        time.sleep(TICK / 5)
    return False


def _report(link: socket.socket, outcome: dict[str, Any], answers: bytes) -> None:
    with suppress(OSError):
        send(link, json.dumps(outcome).encode())
        send(link, answers)


def _resident(processes: int, process: int) -> int:
    try:
        file = os.open(f"{process}/statm", os.O_RDONLY, dir_fd=processes)
        with open(file) as text:
            return int(text.read().split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


def _memory(processes: int, child: int, baseline: int) -> int:
    """Bytes that the child and all it started hold beyond what they share with the process they were forked from."""
    held, waiting = 0, [child]
    while waiting:
        process = waiting.pop()
        held += max(_resident(processes, process) - baseline, 0)
        with (
            suppress(OSError),
            open(os.open(f"{process}/task/{process}/children", os.O_RDONLY, dir_fd=processes)) as text,
        ):
            waiting += map(int, text.read().split())
    return held


def _become_child(settings: dict[str, Any], request: bytes, outward: int) -> None:
    """Lose everything but the pipe and what the student may use, then answer; never comes back."""
    try:
        nothing = os.open("/dev/null", os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nothing, number)
        out = os.dup2(outward, 3)
        os.closerange(4, 4096)
        os.environ.clear()
        os.environ.update(ENVIRONMENT)
        jail.enter(user=settings["user"], core=settings["core"], limits=settings)
    except BaseException as error:
        os.write(3, json.dumps({"refused": f"{type(error).__name__}: {error}"}).encode() + b"\n")
        os._exit(1)
    try:
        for name in [name for name in sys.modules if name.split(".")[0] == "companion"]:
            del sys.modules[name]
        answer_calls(json.loads(request), out)
    finally:
        os._exit(0)
