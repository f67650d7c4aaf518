"""A run that is asked to stop: the signal only sets a flag, and the loop stops where nothing is half done.

Schedulers send SIGTERM and wait a few seconds before they kill; a terminal that closes sends SIGHUP, Ctrl-C and a
notebook's stop button SIGINT. Exit codes are those of a shell: 128 and the signal's number.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

NAMES = ("SIGTERM", "SIGINT", "SIGHUP")
SIGNALS = tuple(getattr(signal, name) for name in NAMES if hasattr(signal, name))


class Stopped(SystemExit):
    """SIGTERM or SIGHUP stopped a run after it was saved; Python ends with this exit code if nobody catches it."""


class Interrupted(KeyboardInterrupt):
    """SIGINT stopped a run after it was saved: in a notebook the cell ends and the kernel goes on."""


class Watch:
    """While it is open, SIGTERM, SIGHUP and the first SIGINT only set `asked`; a second SIGINT acts at once.

    A signal that the process ignores stays ignored, so that `nohup` works. Outside the main thread, where Python sets
    no handlers, nothing is changed. A signal that came too late to stop the run takes effect after it.
    """

    def __init__(self, *, active: bool) -> None:
        self.asked: int | None = None
        self.answered = False
        self._process, self._interrupts = os.getpid(), 0
        self._before: dict[int, Any] = {}
        if not active or threading.current_thread() is not threading.main_thread():
            return
        for number in SIGNALS:
            before = signal.getsignal(number)
            # None is a handler that was not set from Python and could not be put back.
            if before not in (signal.SIG_IGN, None):
                self._before[number] = before
                signal.signal(number, self._note)

    def stopping(self) -> bool:
        """Whether this process was asked to stop."""
        return self.asked is not None

    def close(self) -> None:
        """Put the handlers back that were there before, and leave to them what was not answered."""
        for number, before in self._before.items():
            if signal.getsignal(number) == self._note:
                signal.signal(number, before)
        self._before = {}
        if self.asked is not None and not self.answered:
            self.answered = True
            os.kill(os.getpid(), self.asked)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:
            # A child that was forked meanwhile, by a pool of an evaluator say, has to obey who forked it.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        self._interrupts += number == signal.SIGINT
        if self._interrupts > 1:
            self.answered = True
            raise KeyboardInterrupt
        if self.asked is None:
            self.asked = number


def stop_error(number: int, message: str) -> Stopped | Interrupted:
    """The error that ends a run which was asked to stop by this signal."""
    return Interrupted(message) if number == signal.SIGINT else Stopped(128 + number)


def undisturbed(say: Callable[[str], None]) -> Callable[[str], None]:
    """`say`, but a pipe that was closed or a terminal that is gone is no reason to lose a run."""

    def speak(line: str) -> None:
        try:
            say(line)
        except OSError:
            return

    return speak
