"""What a client can send is bounded before anything reads it: the head's lines and bytes, the body's bytes and time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from companion.deployment.service.settings import ServiceSettings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class Refused(Exception):
    """A request that is not answered: its status, a word for programs, and a sentence that quotes nothing."""

    def __init__(self, status: int, code: str, message: str, *, field: str = "", retry_after: int = 0) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.field, self.retry_after = status, code, message, field, retry_after


class Gone(Exception):
    """The client closed the connection."""


def check_head(headers: list[tuple[bytes, bytes]], settings: ServiceSettings) -> None:
    """Refuse a head that is too long, a body that is compressed, and one that says beforehand that it is too long.

    Raises:
        Refused: 431, 415, 413, or 400 where the length is no number.
    """
    size = sum(len(name) + len(value) + 4 for name, value in headers)
    if len(headers) > settings.max_headers or size > settings.max_header_bytes:
        raise Refused(431, "head_too_large", "the request's head has too many lines or bytes")
    for name, value in headers:
        if name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            raise Refused(415, "compressed", "send the body as it is: what it unpacks to would have no bound")
        if name == b"content-length":
            if not value.isdigit() or len(value) > 18:
                raise Refused(400, "bad_length", "the body's length is no number")
            if int(value) > settings.max_body:
                raise body_too_large(settings)


async def read_body(receive: Receive, settings: ServiceSettings) -> bytes:
    """The whole body, which is never longer than allowed, and never longer in coming.

    Raises:
        Refused: 413 at the first byte too many; 408 where the body is not there in time.
        Gone: the client closed the connection.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(settings.receive_seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                body += message.get("body", b"")
                if len(body) > settings.max_body:
                    raise body_too_large(settings)
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise Refused(408, "too_slow", "the request did not arrive in time") from None


def body_too_large(settings: ServiceSettings) -> Refused:
    """What is said of a body that is too long."""
    return Refused(413, "body_too_large", f"the body may have {settings.max_body} bytes")


async def or_gone(receive: Receive, work: Awaitable[None]) -> None:
    """Do the work, and stop it when the client closes the connection.

    Raises:
        Gone: it was closed.
    """

    async def until_gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    task, watch = asyncio.ensure_future(work), asyncio.ensure_future(until_gone())
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait({task})
        raise Gone
    finally:
        for one in (task, watch):
            one.cancel()
