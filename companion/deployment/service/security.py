"""Who may ask: the token, the name under which the service is asked, and the page that asks."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from companion.deployment.service.settings import ServiceSettings, is_loopback

Headers = Iterable[tuple[bytes, bytes]]
OPEN = ("/health/live", "/health/ready")
"""What may be asked without a token: whether the service lives and is ready."""
Compare = Callable[[bytes, bytes], bool]


class Doorkeeper:
    """Says whether a request may come in, before anything of its body is read.

    A token is compared by its digest and in constant time, so that neither its characters nor its length can be
    learned from how long a refusal takes. Without a token, only requests that name this machine are answered, and none
    that a page of another site makes: a browser would otherwise carry them in (DNS rebinding).
    """

    def __init__(self, settings: ServiceSettings, *, compare: Compare = hmac.compare_digest) -> None:
        self._digest = None if settings.token is None else _digest(settings.token.encode())
        self._admin_digest = None if settings.admin_token is None else _digest(settings.admin_token.encode())
        self._compare = compare
        self._hosts = {"localhost", "127.0.0.1", "::1", settings.host.strip("[]"), *settings.allowed_hosts}
        # Over a token that no browser sends by itself, a foreign name does no harm; probes ask by address.
        self._any_host = settings.token is not None and not settings.allowed_hosts

    def refuse(self, path: str, headers: Headers) -> tuple[int, str, str] | None:
        """Status, code and reason of a refusal, or None."""
        found: dict[bytes, list[bytes]] = {}
        for name, value in headers:
            found.setdefault(name.lower(), []).append(value)
        if len(found.get(b"host", [])) != 1 or (b"transfer-encoding" in found and b"content-length" in found):
            return 400, "bad_request", "the request names no host, several, or two lengths"
        if not self._host_is_ours(found[b"host"][0]):
            return 400, "bad_request", "the service is not asked under this name; allow it with --allow-host"
        if any(not self._origin_is_ours(origin, found[b"host"][0]) for origin in found.get(b"origin", [])):
            return 403, "foreign_page", "pages of other sites may not ask"
        authorization = found.get(b"authorization", [])
        if path not in OPEN and not self.knows(authorization):
            # Only what the client itself has sent decides between the two, so neither says anything of the token.
            if any(_is_bearer(value) for value in authorization):
                return 401, "invalid_token", "the token is not accepted; send the one the service was started with"
            return 401, "no_token", "send the token: Authorization: Bearer …"
        return None

    def knows(self, authorization: list[bytes]) -> bool:
        """Whether the header carries one of the tokens; always true where none is asked for."""
        if self._digest is None:
            return True
        digests = [digest for digest in (self._digest, self._admin_digest) if digest is not None]
        # All are compared, whichever fits.
        return True in [self._carries(authorization, digest) for digest in digests]

    def refuse_replacing(self, headers: Headers) -> tuple[int, str, str] | None:
        """Status, code and reason, or None for who sends the token for it, or the only one that there is."""
        digest = self._admin_digest or self._digest
        if digest is None:
            return 403, "no_token", "models are replaced with a token only; without one, send SIGHUP"
        if not self._carries([value for name, value in headers if name == b"authorization"], digest):
            return 403, "not_allowed", "this token may ask, not replace models; send the admin token"
        return None

    def _carries(self, authorization: list[bytes], digest: bytes) -> bool:
        given = authorization[0] if len(authorization) == 1 else b""
        scheme, _, token = given.partition(b" ")
        # Both sides are digests of one length; the scheme is looked at only after the comparison.
        same = self._compare(_digest(token.strip()), digest)
        return same and scheme.lower() == b"bearer"

    def _host_is_ours(self, header: bytes) -> bool:
        host = _host_of(f"//{header.decode('latin-1')}")
        return host is not None and (self._any_host or host in self._hosts or is_loopback(host))

    def _origin_is_ours(self, origin: bytes, host: bytes) -> bool:
        parts = origin.decode("latin-1").partition("://")
        return parts[2].encode("latin-1") == host and parts[0] in ("http", "https")


def _host_of(address: str) -> str | None:
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 - a port that is no number raises here
        return None if parts.username is not None or parts.path or parts.query else (parts.hostname or None)
    except ValueError:
        return None


def _is_bearer(authorization: bytes) -> bool:
    scheme, _, token = authorization.strip().partition(b" ")
    return scheme.lower() == b"bearer" and bool(token.strip())


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
