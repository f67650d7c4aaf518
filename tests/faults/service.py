"""A service to attack, and the attacks: each returns what it found wrong, so that a sabotaged service can be told.

The service runs in a thread of the test's process (`running`), or in a child (`serve_in_child`) where signals count.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from companion.deployment.service.masking import LOGGER
from companion.deployment.service.server import bind, make_server
from companion.deployment.service.settings import ServiceSettings
from tests.tiny import LABELS

PATIENCE = 30
TEXT = "Angela Merkel visited New York City . Müller left Wolfsburg ."
TOKEN = "a-token-of-enough-characters"


def make_folder(root: Path, name: str, *, seed: int = 3, labels: tuple[str, ...] = LABELS) -> Path:
    """An exported tagger with random weights that finds something in almost every text."""
    import companion
    from tests.tokenizers import make_model_folder

    body = root / "body"
    if not body.is_dir():
        make_model_folder("wordpiece", body)
    task = companion.TokenTask(labels, companion.load_encoder(str(body)))
    return task.export(task.model(seed=seed, initializer_range=1.0), root / name)


@contextlib.contextmanager
def running(app: Any) -> Iterator[int]:
    """Serve the application in a thread; gives the port, and drains at the end."""
    listener = bind(app.state.settings)
    server = make_server(app)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    until(lambda: server.started)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        listener.close()
        assert not thread.is_alive()


def settings(**changed: Any) -> ServiceSettings:
    """The default settings with any free port and a drain that tests need not wait for."""
    return ServiceSettings(**{"port": 0, "drain_seconds": 0.0, **changed})


def until(happens: Any) -> None:
    """Wait until it happens, and fail where it never does."""
    end = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.005)


def raw(port: int, *parts: bytes, wait: float = PATIENCE, pause: float = 0.0) -> tuple[int, bytes]:
    """Send bytes, and read until the service closes or answers; 0 where it closes without a word."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as connection:
        received = b""
        try:
            for part in parts:
                connection.sendall(part)
                if pause:
                    time.sleep(pause)
            while b"\r\n\r\n" not in received or len(received.partition(b"\r\n\r\n")[2]) < length_of(received):
                chunk = connection.recv(65_536)
                if not chunk:
                    break
                received += chunk
        except (ConnectionError, TimeoutError):
            pass
        return status_of(received), received


def length_of(received: bytes) -> int:
    for line in received.partition(b"\r\n\r\n")[0].lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def status_of(received: bytes) -> int:
    return int(received.split(b" ", 2)[1]) if received.startswith(b"HTTP/1.1 ") else 0


def head(path: str = "/predict", method: str = "POST", **headers: str) -> bytes:
    """A request's head; `headers` overrides, with underscores for hyphens, and an empty one leaves its line out."""
    lines = {"host": "127.0.0.1", "content-type": "application/json", **headers}
    shown = [f"{name.replace('_', '-')}: {value}" for name, value in lines.items() if value]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *shown, "", ""]).encode("latin-1")


def whole(body: bytes, path: str = "/predict", **headers: str) -> bytes:
    """A whole POST request."""
    return head(path, **{"content_length": str(len(body)), **headers}) + body


def ask(port: int, body: Any, path: str = "/predict", **headers: str) -> tuple[int, Any]:
    """POST a document on a connection of its own; gives the status and the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json", **headers})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def get(port: int, path: str, **headers: str) -> tuple[int, str]:
    """GET a path."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def expected(predictor: Any, text: str) -> list[dict[str, Any]]:
    """What the service must answer, from the predictor asked about this text alone."""
    from dataclasses import asdict

    return [asdict(entity) for entity in predictor.predict(text)]


@contextlib.contextmanager
def everything_logged() -> Iterator[list[str]]:
    """Each line that any logger writes while the block runs, formatted as a handler would."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    keep, former = Keep(), {}
    for name in ("", LOGGER, "uvicorn.error", "uvicorn.access", "asyncio", "py.warnings"):
        logger = logging.getLogger(name)
        former[name] = (logger.level, logger.propagate)
        logger.addHandler(keep)
        if name:
            logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        for name, (level, propagate) in former.items():
            logger = logging.getLogger(name)
            logger.removeHandler(keep)
            logger.setLevel(level)
            logger.propagate = propagate


# H01 -----------------------------------------------------------------------------------------------------------------
def attack_bodies(port: int, limit: int) -> dict[str, int]:
    """Bodies that are too long, by their own account or not, compressed, or shorter than they say; the statuses."""
    long = b'{"text": "' + b"x" * limit + b'"}'
    chunk = b"%x\r\n%s\r\n" % (limit, b"x" * limit)
    cases = {
        "one byte more": (whole(long),),
        "says so, sends nothing": (head(content_length=str(10**12)),),
        "chunked without an end": (head(transfer_encoding="chunked"), chunk, chunk),
        "shorter than it says": (head(content_length="100"), b'{"text"'),
        "compressed": (whole(b"\x1f\x8b" + b"\0" * 50, content_encoding="gzip"),),
        "length is no number": (head(content_length="1e3"),),
    }
    return {name: raw(port, *parts)[0] for name, parts in cases.items()}


BODIES = {
    "one byte more": 413,
    "says so, sends nothing": 413,
    "chunked without an end": 413,
    "shorter than it says": 408,
    "compressed": 415,
    "length is no number": 400,
}


# H02 -----------------------------------------------------------------------------------------------------------------
def attack_slowly(port: int, seconds: float, *, sockets: int = 4) -> list[str]:
    """Connections that say nothing, or a byte at a time; those that are still open after three times the deadline."""
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(sockets)]
    slow = socket.create_connection(("127.0.0.1", port))
    end, drip, open_ = time.monotonic() + 3 * seconds + 0.5, chain(head()[:-2], repeat(ord("x"))), ["slow"]
    slow.setblocking(False)
    while time.monotonic() < end and open_:
        with contextlib.suppress(BlockingIOError):
            try:
                slow.send(bytes([next(drip)]))
                if slow.recv(1000):
                    open_ = []
            except ConnectionError:
                open_ = []
        time.sleep(seconds / 20)
    for number, connection in enumerate(idle):
        connection.settimeout(0.5)
        try:
            if connection.recv(1000) == b"":
                continue
        except TimeoutError:
            open_.append(f"idle {number}")
        except ConnectionError:
            continue
    for connection in (*idle, slow):
        connection.close()
    return open_


# H03 -----------------------------------------------------------------------------------------------------------------
def attack_together(port: int, predictor: Any, *, requests: int = 40, clients: int = 8) -> list[str]:
    """Many clients at once, each fourth of them gone before its answer; answers that are not those of its own text."""
    names = ["Angela", "Müller", "New York City", "Wolfsburg", "São Paulo", "Nguyễn Văn An"]
    texts = [f"{names[number % 6]} visited {names[number % 5]} {'very ' * (number % 7)}." for number in range(requests)]
    alone = {text: expected(predictor, text) for text in set(texts)}

    def one(number: int) -> str:
        if number % 4 == 3:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(whole(json.dumps({"text": texts[number]}).encode()))
            return ""
        status, answer = ask(port, {"text": texts[number]})
        if status == 200 and answer["results"] == [{"entities": alone[texts[number]]}]:
            return ""
        return f"request {number}: {status}"

    with ThreadPoolExecutor(clients) as pool:
        return [found for found in pool.map(one, range(requests)) if found]


# H04, H05, H07 -------------------------------------------------------------------------------------------------------
def attack_token(port: int, path: str = "/v1/models") -> dict[str, int]:
    """Requests without the token, with others, and with it; the statuses."""
    given = {
        "none": "",
        "wrong": "Bearer another-token-of-characters",
        "a beginning": f"Bearer {TOKEN[:-1]}",
        "huge": "Bearer " + "x" * 12_000,
        "another scheme": f"Basic {TOKEN}",
        "right": f"Bearer {TOKEN}",
    }
    found = {name: raw(port, head(path, "GET", authorization=value))[0] for name, value in given.items()}
    twice = head(path, "GET").replace(b"\r\n\r\n", b"\r\nauthorization: Bearer x" * 2 + b"\r\n\r\n")
    return {**found, "two headers": raw(port, twice)[0]}


PATHS = (
    "/v1/models/../predict",
    "/v1/models/%2e%2e/predict",
    "/v1/models/..%2f..%2fetc%2fpasswd/predict",
    "/v1/models/%2fetc%2fpasswd/predict",
    "/v1/models/C:%5Cmodels/predict",
    "/v1/models/default%00/predict",
    "/v1/models/DEFAULT/predict",
    "/v1/models//predict",
    "//predict/..",
    "/v1/models/%3Cscript%3E/predict",
)


def attack_paths(port: int) -> dict[str, int]:
    """Names of models that are none; all have to be 404."""
    return {path: raw(port, whole(b'{"text": "x"}', path))[0] for path in PATHS}


def attack_hosts(port: int) -> dict[str, int]:
    """Foreign names, pages of other sites, methods and lengths that hide a second request; the statuses."""
    body = b'{"text": "x"}'
    both = head(content_length="5", transfer_encoding="chunked") + b"0\r\n\r\n"
    return {
        "foreign host": raw(port, whole(body, host="evil.example"))[0],
        "host that begins like ours": raw(port, whole(body, host="127.0.0.1.evil.example"))[0],
        "no host": raw(port, whole(body, host=""))[0],
        "foreign page": raw(port, whole(body, origin="https://evil.example"))[0],
        "page without an origin": raw(port, whole(body, origin="null"))[0],
        "two lengths": raw(port, both)[0],
        "trace": raw(port, head("/predict", "TRACE"))[0],
        "preflight": raw(port, head("/predict", "OPTIONS", origin="https://evil.example"))[0],
        "own name": raw(port, whole(body, host="localhost"))[0],
    }


HOSTS = {
    "foreign host": 400,
    "host that begins like ours": 400,
    "no host": 400,
    "foreign page": 403,
    "page without an origin": 403,
    "two lengths": 400,
    "trace": 405,
    "preflight": 403,
    "own name": 200,
}


# H06 -----------------------------------------------------------------------------------------------------------------
def malformed() -> dict[str, bytes]:
    """Bodies that are no request."""
    deep = b"[" * 100_000
    return {
        "empty": b"",
        "not UTF-8": b'{"text": "\xff\xfe"}',
        "deep": deep,
        "deep object": b'{"text":' * 20_000,
        "half of a pair": b'{"text": "\\ud83d"}',
        "number": b'{"text": 3}',
        "null": b'{"text": null}',
        "list": b"[]",
        "both": b'{"text": "a", "texts": ["b"]}',
        "a list of numbers": b'{"texts": [1, 2]}',
        "long number": b'{"text": ' + b"9" * 10_000 + b"}",
        "not a number": b'{"text": NaN}',
        "unknown field": b'{"text": "a", "model": "../../etc/passwd"}',
        "cut off": b'{"text": "a',
    }


def attack_malformed(port: int) -> dict[str, tuple[int, str]]:
    """Status and code of each malformed body."""
    found = {}
    for name, body in malformed().items():
        status, received = raw(port, whole(body))
        document = json.loads(received.partition(b"\r\n\r\n")[2] or b"{}")
        found[name] = (status, document.get("error", {}).get("field", "") if status == 400 else "")
    return found


# H08 -----------------------------------------------------------------------------------------------------------------
def attack_with_canaries(port: int, *, count: int = 3) -> tuple[int, list[str]]:
    """Put canaries wherever a client can put words, and return how many, and the replies that must not hold any."""
    replies, used = [], 0
    for number in range(count):
        canary = f"canary{number:06d}x"
        body = json.dumps({"text": canary}).encode()
        attempts = [
            whole(json.dumps({"text": 3, canary: canary}).encode()),
            whole(json.dumps({"texts": [canary, 3]}).encode()),
            whole(f'{{"text": "{canary}"'.encode()),
            whole(b'{"text": "\\ud83d ' + canary.encode() + b'"}'),
            whole(body, f"/v1/models/{canary}/predict"),
            whole(body, f"/{canary}?text={canary}"),
            whole(body, origin=f"https://{canary}"),
            whole(body, host=canary),
            whole(body, authorization=f"Bearer {canary}", x_request_id=canary, user_agent=canary, cookie=canary),
            head("/predict", f"{canary.upper()}"),
            b"GET /" + canary.encode() + b" HTTP/9\r\n\r\n",
            canary.encode() + b"\r\n\r\n",
        ]
        used += len(attempts)
        for attempt in attempts:
            status, received = raw(port, attempt)
            # The one answer among them says which entities are in its own text.
            replies.append(received.decode("utf-8", "replace") if status != 200 else "")
    return used, replies
