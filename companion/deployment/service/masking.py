"""What the service writes down: ids, lengths, statuses and times, never a character that a client sent."""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import traceback
from pathlib import Path
from typing import Any

LOGGER = "companion.service"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SAFE = re.compile(r"[A-Za-z0-9_.,@{}/:*-]{0,240}")
"""Names of ours: routes, models, kinds of errors with places in the code."""


def new_request_id() -> str:
    """Sixteen hexadecimal digits; never what a client calls its request, which may be a name."""
    return secrets.token_hex(8)


def known_method(method: str) -> str:
    """The request's method where it is one of HTTP's usual ones, otherwise "other"."""
    return method if method in METHODS else "other"


def describe_error(error: BaseException) -> str:
    """The kind of an error and the places it went through, without its message, which may quote a text."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    places = ",".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(error).__name__}@{places}"


def log_line(fields: dict[str, Any]) -> str:
    """The fields as one line of JSON; a string that is not plainly a name is replaced by its length."""
    return json.dumps({name: _masked(value) for name, value in fields.items()})


def _masked(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return round(value, 2)
    text = str(value)
    return text if SAFE.fullmatch(text) else f"({len(text)} characters)"


class QuietServerLog(logging.Filter):
    """Of the HTTP server's own log, keep the message's form and nothing that was put into it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Take out arguments and tracebacks; the record is kept."""
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if error is not None:
            record.msg = f"the server met {describe_error(error)}"
        if record.levelno >= logging.WARNING:
            record.args = ()
        record.exc_info = record.exc_text = record.stack_info = None
        return True


def set_up_logging(level: int = logging.INFO) -> logging.Logger:
    """Send the service's lines to standard error as they are, and mask those of the HTTP server."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    own = logging.getLogger(LOGGER)
    own.handlers, own.propagate = [handler], False
    own.setLevel(level)
    server = logging.getLogger("uvicorn.error")
    server.handlers, server.propagate = [handler], False
    # A warning for every broken request would let anyone fill the disk.
    server.setLevel(logging.ERROR)
    server.filters = [QuietServerLog()]
    access = logging.getLogger("uvicorn.access")
    # It would write down paths as the client sent them.
    access.handlers, access.propagate, access.disabled = [], False, True
    # asyncio names the sockets and, at times, the data of a broken connection.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    return own
