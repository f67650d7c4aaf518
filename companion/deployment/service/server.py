"""uvicorn with what it lacks: an end to slow requests, 431 for a long head, a drain that loses nothing, exit code 0."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from companion.deployment.service.masking import LOGGER, describe_error, log_line, set_up_logging
from companion.deployment.service.settings import ServiceSettings
from companion.errors import CompanionError, ConfigError

CLOSING = b"HTTP/1.1 %s\r\ncontent-type: text/plain\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 for one connection, closed where a request's head does not arrive in time.

    uvicorn waits for a head without end (CVE-2007-6750 by another name): some hundred sockets that say nothing, or a
    byte a minute, would hold the service. The body's time is bounded by the application (`limits.read_body`).
    """

    receive_seconds = 10.0
    draining = threading.Event()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection is there: its first request has to come in time."""
        super().connection_made(transport)
        # Its line holds the path as the client sent it; the guard writes one that does not.
        self.access_log = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, and nothing is expected of it."""
        self._head_is_here()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came. The clock of a head runs from its first byte on, and further bytes do not set it back."""
        if self._head_timer is None and self.conn.their_state is h11.IDLE:
            self._expect_head()
        super().data_received(data)

    def handle_events(self) -> None:
        """What the bytes mean; a whole head stops the clock."""
        super().handle_events()
        if self.conn.their_state is not h11.IDLE:
            self._head_is_here()
        if self.draining.is_set() and self.cycle is not None:
            self.cycle.keep_alive = False

    def send_400_response(self, msg: str) -> None:
        """Say what is wrong with a head: 431 where it is too long, otherwise 400."""
        received = len(self.conn.trailing_data[0])
        status = b"431 Request Header Fields Too Large" if received > self._longest_head() else b"400 Bad Request"
        if not self.transport.is_closing():
            self.transport.write(CLOSING % status)
            self.transport.close()

    def on_response_complete(self) -> None:
        """One answer was sent; between requests uvicorn's own clock runs."""
        self._head_is_here()
        super().on_response_complete()

    def _longest_head(self) -> int:
        return self.config.h11_max_incomplete_event_size or 0

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(self.receive_seconds, self._too_slow)

    def _head_is_here(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(CLOSING % b"408 Request Timeout")
            self.transport.close()


class DrainingServer(uvicorn.Server):
    """uvicorn's server, which after SIGTERM first takes what is on its way, and then ends with exit code 0.

    For `drain_seconds` it still listens, says at `/health/ready` that it does not want to be asked, and closes each
    connection with its next answer. Then it stops listening and finishes what it has.
    """

    def __init__(self, config: uvicorn.Config, app: FastAPI, drained: threading.Event) -> None:
        super().__init__(config)
        self.app, self.drained = app, drained

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, and then end."""
        self.app.state.draining = True
        self.drained.set()
        for connection in list(self.server_state.connections):
            if getattr(connection, "cycle", None) is not None:
                connection.cycle.keep_alive = False
        await asyncio.sleep(self.app.state.settings.drain_seconds)
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGTERM and SIGINT as the wish to end; an end that was wished for is no failure, so none is raised."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handlers: dict[int, Any] = {signal.SIGTERM: self.handle_exit, signal.SIGINT: self.handle_exit}
        if hasattr(signal, "SIGHUP"):
            handlers[signal.SIGHUP] = self._reload
        former = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    def _reload(self, number: int, frame: Any) -> None:
        threading.Thread(target=reload_models, args=(self.app,), name="companion-reload", daemon=True).start()


def reload_models(app: FastAPI) -> list[str]:
    """Read every model's folder again, and return the names of those that were replaced."""
    registry, log, replaced = app.state.registry, logging.getLogger(LOGGER), []
    for name in registry.names:
        try:
            version = registry.swap(name).version
        except CompanionError as error:
            log.warning("%s", log_line({"model": name, "kept": describe_error(error)}))
            continue
        replaced.append(name)
        app.state.metrics.swaps.labels(name).inc()
        log.info("%s", log_line({"model": name, "replaced": version}))
    return replaced


def bind(settings: ServiceSettings) -> socket.socket:
    """A socket that listens where the settings say.

    Raises:
        ConfigError: the address is taken, or is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host.strip("[]"), settings.port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"{settings.host}:{settings.port} cannot be listened on: {error.strerror or error}",
            remedy="choose another --port, or --port 0 for any that is free",
        ) from error
    listener.set_inheritable(False)
    return listener


def make_server(app: FastAPI) -> DrainingServer:
    """The server for an application of `serve_app`, with the application's own limits."""
    settings: ServiceSettings = app.state.settings
    drained = threading.Event()
    protocol = type("Protocol", (BoundedProtocol,), {"receive_seconds": settings.receive_seconds, "draining": drained})
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=settings.max_header_bytes,
        timeout_keep_alive=int(max(1, settings.receive_seconds)),
        timeout_graceful_shutdown=int(max(1, settings.grace_seconds)),
        backlog=1024,
    )
    return DrainingServer(config, app, drained)


def run_service(app: FastAPI, listener: socket.socket) -> None:
    """Serve until SIGTERM or Ctrl-C; SIGHUP reads the models' folders again. Returns when the last answer is sent.

    Taught in: book/engineering/serving
    """
    set_up_logging()
    make_server(app).run(sockets=[listener])


@contextlib.contextmanager
def serve_in_thread(app: FastAPI) -> Iterator[int]:
    """Serve in a thread of this process while the block runs, and drain at its end; gives the port.

    For notebooks and tests: signals stay those of the process, and nothing is written down unless `set_up_logging` was
    called.

    Raises:
        ConfigError: the address is taken, or the service did not start.

    Taught in: book/engineering/serving
    """
    listener = bind(app.state.settings)
    server = make_server(app)
    thread = threading.Thread(target=server.run, args=([listener],), name="companion-server", daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise ConfigError("the service did not start", remedy="look at the log of uvicorn.error")
            time.sleep(0.01)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
