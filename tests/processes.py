"""Child processes that are forked from one warm server, so that each does not import torch and transformers again.

The server never trains: autograd refuses to run in a child of a process that has. A function that runs in a child must
be importable by name.
"""

from __future__ import annotations

import multiprocessing
import os
import traceback
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

CONTEXT = multiprocessing.get_context("forkserver")
PRELOADED = (
    "companion.training.loop",
    "companion.models.minibert",
    "companion.models.miniature",
    "companion.models.pooling",
    "companion.tasks.masked_lm",
    "companion.tasks.scoring",
    "companion.tasks.texts",
    "companion.tasks.tokens",
    "torch.utils.data",
    "transformers.convert_slow_tokenizer",
    "transformers.models.bert.modeling_bert",
    "tests.tiny",
)
CONTEXT.set_forkserver_preload(list(PRELOADED))
PATIENCE = 120


class ChildFailed(AssertionError):
    """A child process ended with an exception; the message is its traceback."""


def start(function: Callable[..., Any], *arguments: Any) -> tuple[BaseProcess, Connection]:
    """Start `function(*arguments)` in a child; what it returns or raises can be read from the connection."""
    here, there = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_enter, args=(there, function, arguments))
    process.start()
    there.close()
    return process, here


def launch(function: Callable[..., Any], *arguments: Any) -> BaseProcess:
    """Start `function(*arguments)` in a child that nobody listens to: its exit code says whether it succeeded."""
    process = CONTEXT.Process(target=function, args=arguments)
    process.start()
    return process


def result_of(process: BaseProcess, connection: Connection) -> Any:
    """What the child returned; a child that takes more than two minutes is killed."""
    if not connection.poll(PATIENCE):
        process.kill()
        raise ChildFailed(f"no result after {PATIENCE} s")
    try:
        returned, value = connection.recv()
    except EOFError:
        process.join()
        raise ChildFailed(f"ended with exit code {process.exitcode}") from None
    process.join()
    if not returned:
        raise ChildFailed(value)
    return value


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """`function(*arguments)` in a child process."""
    return result_of(*start(function, *arguments))


def call_together(world: int, folder: Path, function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """`function(rank, *arguments)` in `world` processes that form a gloo group; their results by rank."""
    meeting = folder / f"meeting-{len(list(folder.glob('meeting-*')))}"
    children = [start(_meet, rank, world, str(meeting), function, *arguments) for rank in range(world)]
    return [result_of(*child) for child in children]


def _meet(rank: int, world: int, meeting: str, function: Callable[..., Any], *arguments: Any) -> Any:
    import torch.distributed as distributed

    distributed.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=rank, world_size=world, timeout=timedelta(seconds=PATIENCE / 2)
    )
    try:
        return function(rank, *arguments)
    finally:
        distributed.destroy_process_group()


def _enter(connection: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    import torch

    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        connection.send((True, function(*arguments)))
    except BaseException:
        connection.send((False, traceback.format_exc()))
