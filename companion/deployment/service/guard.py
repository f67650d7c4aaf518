"""The outermost layer: every request is let in, bounded, counted and written down here, and every error ends here."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from companion.deployment.service.limits import (
    Gone,
    Message,
    Receive,
    Refused,
    check_head,
    or_gone,
    read_body,
)
from companion.deployment.service.masking import LOGGER, describe_error, known_method, log_line, new_request_id
from companion.deployment.service.metrics import Metrics
from companion.deployment.service.security import Doorkeeper
from companion.deployment.service.settings import ServiceSettings

Send = Callable[[Message], Awaitable[None]]
SAFE_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)
CHALLENGES = {
    "no_token": b'Bearer realm="companion"',
    "invalid_token": b'Bearer realm="companion", error="invalid_token"',
}
"""What a 401 asks for, by RFC 6750, section 3: who has sent no token is told of no error."""
FACTS = "companion.facts"
"""Where the request's own counts stand in its scope."""


class Guard:
    """An ASGI application around another one.

    It answers 400, 401, 403, 408, 413, 415 and 431 without the inner application, gives that one the whole body at
    once, cancels it when the client goes, and turns whatever it raises into a 500 that says nothing of the cause.
    """

    def __init__(
        self, app: Callable[..., Awaitable[None]], *, settings: ServiceSettings, metrics: Metrics, door: Doorkeeper
    ) -> None:
        self.app, self.settings, self.metrics, self.door = app, settings, metrics, door
        self.log = logging.getLogger(LOGGER)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request; what is no HTTP request goes to the inner application."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        start, status, facts = time.perf_counter(), 0, {"id": new_request_id()}
        scope[FACTS] = facts

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = [*SAFE_HEADERS, (b"x-request-id", facts["id"].encode())]
                message = {**message, "headers": [*message.get("headers", []), *own]}
            # A client that does not read its answer is not waited for either.
            async with asyncio.timeout(self.settings.receive_seconds):
                await send(message)

        try:
            await self._answer(scope, receive, counted)
        except Refused as refusal:
            await refuse(counted, refusal, facts["id"], close=True)
        except Gone:
            # The status that others use for it; what was answered before the connection closed keeps its own.
            status = status or 499
        except Exception as error:
            facts["error"] = describe_error(error)
            if status == 0:
                await refuse(counted, Refused(500, "internal", "the service failed; its log has the id"), facts["id"])
        finally:
            seconds = time.perf_counter() - start
            route = getattr(scope.get("route"), "path", "other")
            self.metrics.requests.labels(route, str(status)).inc()
            self.metrics.seconds.labels(route).observe(seconds)
            line = {"request": facts.pop("id"), "route": route, "method": known_method(scope["method"])}
            self.log.info("%s", log_line({**line, "status": status, "ms": seconds * 1000, **facts}))

    async def _answer(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        headers = scope["headers"]
        check_head(headers, self.settings)
        refusal = self.door.refuse(scope["path"], headers)
        if refusal is not None:
            raise Refused(*refusal)
        if "\x00" in scope["path"] or b".." in scope.get("raw_path", b"").split(b"/"):
            raise Refused(404, "not_found", "there is no such path")
        body = await read_body(receive, self.settings)
        given = False

        async def whole() -> Message:
            nonlocal given
            if given:
                return {"type": "http.disconnect"}
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await or_gone(receive, self.app(scope, whole, send))


async def refuse(send: Send, refusal: Refused, request: str, *, close: bool = False) -> None:
    """Send a refusal; with `close`, the connection ends with it, and what is still to come is not read."""
    content = error_content(refusal, request)
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(b"connection", b"close")] if close else []
    headers += [(b"www-authenticate", CHALLENGES[refusal.code])] if refusal.status == 401 else []
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def error_content(refusal: Refused, request: str) -> dict[str, Any]:
    """The body of a refusal."""
    error = {"code": refusal.code, "message": refusal.message, "field": refusal.field, "request": request}
    return {"error": {name: value for name, value in error.items() if value}}
