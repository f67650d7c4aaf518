"""What a service allows: where it listens, who may ask, how much, and for how long."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from companion.errors import ConfigError

SHORTEST_TOKEN = 16
"""Characters: what is shorter could be guessed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceSettings:
    """The limits of a service; every default is meant for one machine and texts of a sentence to a few pages.

    Raises:
        ConfigError: a field is outside its range, or the address can be reached by others and there is no token.

    Taught in: book/engineering/serving
    """

    host: str = "127.0.0.1"
    """The address to listen on; one that others can reach needs a token."""
    port: int = 8700
    """The port; 0 takes any that is free."""
    token: str | None = None
    """Who does not send it as `Authorization: Bearer …` gets 401; at least 16 characters."""
    admin_token: str | None = None
    """Another token, without which no model is replaced over HTTP; None lets everybody replace who may ask."""
    allowed_hosts: tuple[str, ...] = ()
    """Names under which the service may be asked, beside the loopback ones and its own address."""
    max_body: int = 1_000_000
    """Bytes of a request's body; more gets 413, and the rest is not read."""
    max_header_bytes: int = 16_384
    """Bytes of a request's head; more gets 431."""
    max_headers: int = 64
    """Header lines of a request; more gets 431."""
    max_texts: int = 64
    """Texts in one request; more gets 413."""
    max_characters: int = 100_000
    """Characters of one text; more gets 413. What is allowed is windowed, never cut."""
    max_queue: int = 512
    """Texts that wait; a request that does not fit gets 503 and `Retry-After`."""
    max_batch: int = 32
    """Texts that are computed at once; they all have the same number of word pieces."""
    max_wait: float = 0.0
    """Seconds for which a batch that is not full waits for company; with 0, company is what came in the meantime."""
    deadline: float = 10.0
    """Seconds from the last byte of a request to its answer; what takes longer gets 504 and is not computed."""
    receive_seconds: float = 10.0
    """Seconds in which a request must have arrived whole, from the moment the connection is ready for it."""
    drain_seconds: float = 0.5
    """After SIGTERM, seconds for which requests on their way are still taken; each answer ends its connection."""
    grace_seconds: float = 30.0
    """After that, seconds for which what was taken may finish."""
    workers: int = 1
    """Threads that compute."""

    def __post_init__(self) -> None:
        whole = ("max_body", "max_header_bytes", "max_headers", "max_texts", "max_characters", "max_queue", "max_batch")
        for name in (*whole, "workers"):
            _check(name, getattr(self, name), int, 1)
        for name in ("deadline", "receive_seconds", "grace_seconds"):
            _check(name, getattr(self, name), float, 0.001)
        for name in ("max_wait", "drain_seconds"):
            _check(name, getattr(self, name), float, 0.0)
        if isinstance(self.port, bool) or not isinstance(self.port, int) or not 0 <= self.port <= 65_535:
            raise ConfigError(f"port is {self.port!r}", remedy="give a whole number from 0 to 65535")
        if self.max_texts > self.max_queue:
            raise ConfigError(
                f"max_texts is {self.max_texts}, but only {self.max_queue} texts may wait", remedy="raise max_queue"
            )
        for name, token in (("token", self.token), ("admin token", self.admin_token)):
            if token is not None:
                _check_token(name, token)
        if self.admin_token is not None and self.token in (None, self.admin_token):
            raise ConfigError(
                "the admin token needs another token beside it, for those who may only ask",
                remedy="set COMPANION_TOKEN (or --token-file) to a token of its own, or leave out the admin token",
            )
        if self.token is None and not is_loopback(self.host):
            raise ConfigError(
                f"host is {self.host!r}, which others can reach, and there is no token",
                remedy="set COMPANION_TOKEN (or --token-file), or listen on 127.0.0.1",
            )


def is_loopback(host: str) -> bool:
    """Whether an address belongs to this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _check_token(name: str, token: str) -> None:
    if not (token.isascii() and token.isprintable()):
        raise ConfigError(f"the {name} holds characters that no header carries", remedy="use printable ASCII")
    if len(token) < SHORTEST_TOKEN or " " in token:
        raise ConfigError(
            f"the {name} is too short or holds a space",
            remedy=f"give {SHORTEST_TOKEN} characters or more: python -c 'import secrets; "
            "print(secrets.token_urlsafe(32))'",
        )


def _check(name: str, value: object, kind: type, least: float) -> None:
    kinds = (int, float) if kind is float else (int,)
    if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value < 1e12:
        raise ConfigError(f"{name} is {value!r}", remedy=f"give a number of {least:g} or more")
