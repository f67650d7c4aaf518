"""One public file: looked for near by, downloaded if need be, and never used before its digest is verified."""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from companion.corpora.location import cache_root, public_root
from companion.corpora.text import read_bytes
from companion.errors import DataError

TIMEOUT_SECONDS = 30
CHUNK = 1 << 16


@dataclass(frozen=True, kw_only=True, slots=True)
class PublicFile:
    """A file of a public corpus: where it is kept, where it comes from, and what it must be."""

    path: str
    """Folder and name under `COMPANION_DATA` and in the cache, for example `wnut17/emerging.dev.conll`."""
    url: str
    """Where it can be downloaded, at a fixed commit."""
    sha256: str
    """The digest of the original, as 64 hexadecimal digits."""
    size: int
    """Its size in bytes; a download stops there."""


def candidates(file: PublicFile) -> list[Path]:
    """The places where the file may already lie, in the order in which they are looked at.

    Taught in: book/walkthroughs/train-a-tagger
    """
    public = public_root()
    return [*([public / file.path] if public else []), cache_root() / "corpora" / file.path]


def find(file: PublicFile) -> Path:
    """The verified file: from `COMPANION_DATA`, else from the cache, else downloaded into the cache.

    Raises:
        DataError: the digest differs (it shows both), or the file cannot be had (it says where to put it by hand).

    Taught in: book/walkthroughs/train-a-tagger
    """
    places = candidates(file)
    for place in places:
        if place.is_file():
            verify(read_bytes(place), file, place, remedy="Remove the file to have it downloaded again.")
            return place
    return _download(file, places[-1])


def verify(data: bytes, file: PublicFile, place: Path | str, *, remedy: str) -> None:
    """Compare the digest of the data with the expected one.

    Raises:
        DataError: they differ.

    Taught in: book/walkthroughs/train-a-tagger
    """
    actual = hashlib.sha256(data).hexdigest()
    if actual != file.sha256:
        raise DataError(
            f"the file is not the one it should be: sha256 {actual} ({len(data):,} bytes), "
            f"expected {file.sha256} ({file.size:,} bytes)",
            file=place,
            remedy=remedy,
        )


def _download(file: PublicFile, place: Path) -> Path:
    by_hand = f"Without network, put the file at {place} by hand"
    by_hand += f", or under {os.environ['COMPANION_DATA']}." if os.environ.get("COMPANION_DATA") else "."
    try:
        data = _receive(file)
    except (OSError, HTTPException, ValueError) as error:
        raise DataError(f"{file.url} cannot be downloaded: {error}", remedy=by_hand) from error
    verify(data, file, file.url, remedy=f"The download was refused and nothing was kept. {by_hand}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=f"{place.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
            os.replace(temporary, place)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise DataError(
            f"the download cannot be stored: {error}", file=place, remedy="Name another folder with COMPANION_CACHE."
        ) from error
    return place


def _receive(file: PublicFile) -> bytes:
    """At most one byte more than the file should have: enough to see that it is too long, and no more."""
    if not file.url.startswith("https://"):
        raise ValueError("only https is followed")
    data = bytearray()
    with urllib.request.urlopen(file.url, timeout=TIMEOUT_SECONDS) as response:
        while len(data) <= file.size and (chunk := response.read(min(CHUNK, file.size + 1 - len(data)))):
            data += chunk
    return bytes(data)
