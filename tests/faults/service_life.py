"""Services in a process of their own: told to end with requests on their way, and asked for hours in a few minutes."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import os
import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.faults.service import PATIENCE, head, raw, until, whole
from tests.processes import launch

LENGTHS = (1, 2, 3, 5, 8, 13, 60)


def serve_in_child(folder: str, place: str, slowness: float, options: dict[str, Any], sabotage: str = "") -> None:
    """Serve until told to end; the port is written to `place` once somebody listens there."""
    from companion.deployment.service import server as module
    from companion.deployment.service.app import serve_app
    from companion.deployment.service.models import ModelRegistry, ServedModel
    from companion.deployment.service.settings import ServiceSettings

    answer = ServedModel.answer

    def slowly(model: Any, prepared: Any) -> Any:
        time.sleep(slowness)
        return answer(model, prepared)

    if slowness:
        ServedModel.answer = slowly  # type: ignore[method-assign]
    if sabotage == "no drain":
        # Sabotage: at SIGTERM the process is simply gone, as one without a handler is.
        module.DrainingServer.handle_exit = lambda *anything: os._exit(0)  # type: ignore[method-assign]
    if sabotage == "mixed up":
        # Sabotage: of texts that are computed together, each gets another one's answer.
        ServedModel.answer = lambda model, prepared: answer(model, prepared)[::-1]  # type: ignore[method-assign]
    if sabotage == "leak":
        # Sabotage: every text is kept.
        kept, prepare = [], ServedModel.prepare
        ServedModel.prepare = lambda model, text, **more: (  # type: ignore[method-assign]
            kept.append([text] * 2_000) or prepare(model, text, **more)
        )
    # A line for each of a hundred thousand requests would be all that a person sees.
    module.set_up_logging = lambda: logging.disable(logging.CRITICAL)
    app = serve_app(ModelRegistry({"default": folder}), ServiceSettings(port=0, **options))
    listener = module.bind(app.state.settings)
    listener.listen(1024)
    Path(place).with_suffix(".partial").write_text(str(listener.getsockname()[1]))
    Path(place).with_suffix(".partial").rename(place)
    module.run_service(app, listener)


@contextlib.contextmanager
def child(folder: Path, place: Path, *, slowness: float = 0.0, sabotage: str = "", **options: Any) -> Iterator[Any]:
    """A service in a child; gives its process and port."""
    process = launch(serve_in_child, str(folder), str(place), slowness, options, sabotage)
    try:
        until(lambda: place.exists() or not process.is_alive())
        port = int(place.read_text())
        until(lambda: raw(port, head("/health/ready", "GET"))[0] == 200)
        yield process, port
    finally:
        if process.is_alive():
            process.kill()
        process.join(PATIENCE)


def end_with_requests_on_their_way(process: Any, port: int, *, requests: int = 6) -> tuple[Counter[Any], int | None]:
    """Send requests on connections that stay open, SIGTERM among them; the statuses, and the process's exit code."""
    body, sent, statuses = whole(b'{"text": "Angela Merkel left"}'), threading.Barrier(requests + 1), Counter()

    def one(number: int) -> Any:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            connection.sendall(body)
            sent.wait(PATIENCE)
            try:
                received = connection.recv(65_536)
            except ConnectionError:
                received = b""
        return received.split(b" ", 2)[1].decode() if received.startswith(b"HTTP") else "lost"

    with ThreadPoolExecutor(requests) as pool:
        jobs = [pool.submit(one, number) for number in range(requests)]
        sent.wait(PATIENCE)
        time.sleep(0.05)
        os.kill(process.pid, signal.SIGTERM)
        for job in jobs:
            statuses[job.result()] += 1
    process.join(PATIENCE)
    return statuses, process.exitcode


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def ask_with_faults(
    port: int, pid: int, answers: dict[str, Any], *, requests: int, clients: int = 4, seed: int = 0, measure: int = 20
) -> dict[str, Any]:
    """Requests of which every tenth is broken in some way; the wrong answers, the statuses, and the memory over time.

    `answers` are the texts with what the service must say of each.
    """
    texts, lock = list(answers), threading.Lock()
    wrong, statuses, memory = [], Counter(), []

    def client(number: int) -> None:
        draw = random.Random(f"{seed} {number}")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        for turn in range(requests // clients):
            fault = draw.randrange(20)
            if fault < 2:
                status = broken(port, draw)
            else:
                chosen = [draw.choice(texts) for _ in range(draw.choice((1, 1, 1, 2, 5)))]
                try:
                    connection.request("POST", "/predict", json.dumps({"texts": chosen}), JSON)
                    response = connection.getresponse()
                    status, document = response.status, json.loads(response.read())
                except (OSError, http.client.HTTPException):
                    connection.close()
                    status, document = 0, {}
                results = document.get("results")
                if status == 200 and results != [answers[text] for text in chosen]:
                    with lock:
                        wrong.append(f"client {number}, request {turn}")
            with lock:
                statuses[status] += 1
                done = sum(statuses.values())
                if done % max(1, requests // measure) == 0:
                    memory.append(resident(pid))
        connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # The first quarter fills caches: of tokenizer, allocator, and shapes.
    settled = memory[len(memory) // 4 :] or [resident(pid)]
    return {
        "requests": sum(statuses.values()),
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
        "wrong": wrong[:10],
        "wrong_answers": len(wrong),
        "memory_first": settled[0],
        "memory_last": settled[-1],
        "memory_growth": round(settled[-1] / settled[0] - 1, 4),
    }


JSON = {"content-type": "application/json"}


def broken(port: int, draw: random.Random) -> int:
    """One request with a fault: cut off, left at once, no JSON, too long a head, another method, no such model."""
    body = b'{"text": "Angela Merkel left"}'
    kind = draw.randrange(7)
    if kind < 2:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(whole(body)[: draw.randrange(1, len(body))] if kind else whole(body))
        return -1
    parts = (
        whole(draw.randbytes(40)),
        head(x="y" * 20_000, content_length="2") + b"{}",
        head("/predict", "DELETE"),
        whole(body, f"/v1/models/{draw.randrange(10)}/predict"),
        draw.randbytes(60) + b"\r\n\r\n",
    )[kind - 2]
    return raw(port, parts)[0]
