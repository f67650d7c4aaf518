"""The worker processes of a loader: they obey the process that started them, and nobody else.

A scheduler sends SIGTERM to the whole process group. Workers that die of it take the run with them before it could be
saved (KempnerForge issue 203): torch's loader raises in the main process as soon as one of them is gone.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from companion.training.signals import Watch

PARALLELISM = "TOKENIZERS_PARALLELISM"


@contextmanager
def starting_workers(loader: object) -> Iterator[None]:
    """Within this block a loader may start workers; its own settings and the environment are as before afterwards."""
    own = getattr(loader, "worker_init_fn", None)
    watched = getattr(loader, "num_workers", 0) > 0 and _is_watched()
    before = os.environ.get(PARALLELISM)
    if watched:
        loader.worker_init_fn = partial(_start, own)  # type: ignore[attr-defined]
    # Whatever it was: a tokenizer that ran in several threads has none of them after the fork, and with "true" a worker
    # waits for them forever (tokenizers 0.23; earlier versions warned as well).
    os.environ[PARALLELISM] = "false"
    try:
        yield
    finally:
        if watched:
            loader.worker_init_fn = own  # type: ignore[attr-defined]
        del os.environ[PARALLELISM]
        if before is not None:
            os.environ[PARALLELISM] = before


def _is_watched() -> bool:
    """Whether the signals of this process stop a run; if not, those of its workers are left alone too."""
    handler = signal.getsignal(signal.SIGTERM)
    return isinstance(getattr(handler, "__self__", None), Watch) and hasattr(signal, "sigwaitinfo")


def _start(own: Callable[[int], None] | None, worker: int) -> None:
    """In a worker: ignore Ctrl-C, and end on SIGTERM only where the parent sent it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGHUP})
    # Not the process it was forked from, which may be a server that does nothing else.
    parent = multiprocessing.parent_process()
    threading.Thread(target=_obey, args=(parent.pid if parent else os.getppid(),), daemon=True).start()
    if own is not None:
        own(worker)


def _obey(parent: int) -> None:
    # A handler does not learn who sent the signal; waiting for it does.
    while True:
        found = signal.sigwaitinfo({signal.SIGTERM, signal.SIGHUP})
        if found.si_pid == parent:
            os._exit(0)
