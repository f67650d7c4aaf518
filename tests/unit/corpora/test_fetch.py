"""A public file is verified before it is used, wherever it comes from; there is no network in these tests."""

import hashlib
import io
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from companion.corpora.fetch import PublicFile, find
from companion.corpora.location import cache_root, public_root
from companion.errors import DataError

DATA = b"EU\tB-ORG\n" * 20_000
FILE = PublicFile(
    path="folder/train.conll",
    url="https://example.org/train.conll",
    sha256=hashlib.sha256(DATA).hexdigest(),
    size=len(DATA),
)


class Server:
    """Answers `urlopen` with fixed bytes, and counts how many were taken."""

    def __init__(self, answer: bytes | Exception) -> None:
        self.answer, self.calls, self.taken = answer, 0, 0

    def __call__(self, url: str, timeout: float) -> "Server":
        self.calls += 1
        assert url == FILE.url
        if isinstance(self.answer, Exception):
            raise self.answer
        self.stream = io.BytesIO(self.answer)
        return self

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def read(self, size: int) -> bytes:
        data = self.stream.read(size)
        self.taken += len(data)
        return data


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "corpora"


def serve(monkeypatch: pytest.MonkeyPatch, answer: bytes | Exception) -> Server:
    server = Server(answer)
    monkeypatch.setattr(urllib.request, "urlopen", server)
    return server


def test_a_download_is_verified_kept_and_not_repeated(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(monkeypatch, DATA)
    first, second = find(FILE), find(FILE)
    assert first == second == cache / FILE.path
    assert first.read_bytes() == DATA
    assert server.calls == 1
    assert [path.name for path in first.parent.iterdir()] == ["train.conll"]


@pytest.mark.parametrize(
    "answer",
    [DATA[:-1], DATA + b"x", DATA[:-1] + b"X", b"<html>404</html>", b""],
    ids=["partial", "too long", "altered", "page", "empty"],
)
def test_other_bytes_are_refused_and_nothing_is_kept(
    cache: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    serve(monkeypatch, answer)
    with pytest.raises(DataError) as caught:
        find(FILE)
    assert FILE.sha256 in str(caught.value)
    assert hashlib.sha256(answer).hexdigest() in str(caught.value)
    assert not cache.exists() or not [path for path in cache.rglob("*") if path.is_file()]


def test_an_endless_answer_is_cut_off(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(monkeypatch, DATA * 50)
    with pytest.raises(DataError):
        find(FILE)
    assert server.taken == FILE.size + 1


@pytest.mark.parametrize(
    "error", [urllib.error.URLError("no route"), TimeoutError("slow"), ConnectionResetError("cut")]
)
def test_without_network_the_error_says_where_to_put_the_file(
    cache: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    serve(monkeypatch, error)
    with pytest.raises(DataError) as caught:
        find(FILE)
    assert FILE.url in str(caught.value)
    assert str(cache / FILE.path) in caught.value.remedy


def test_only_https_is_followed(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(monkeypatch, DATA)
    for url in ("http://example.org/x", "file:///x", "ftp://example.org/x"):
        with pytest.raises(DataError, match="only https is followed"):
            find(PublicFile(path="x", url=url, sha256=FILE.sha256, size=FILE.size))
    assert server.calls == 0


def test_the_folder_of_public_corpora_comes_first(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(monkeypatch, DATA)
    near = tmp_path / "public" / FILE.path
    near.parent.mkdir(parents=True)
    near.write_bytes(DATA)
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "public"))
    assert find(FILE) == near
    assert server.calls == 0
    near.write_bytes(DATA + b"\n")
    with pytest.raises(DataError, match="not the one it should be") as caught:
        find(FILE)
    assert caught.value.file == str(near)


def test_an_altered_file_in_the_cache_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, DATA)
    path = find(FILE)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="not the one it should be"):
        find(FILE)


def test_the_folders_follow_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPANION_CACHE", raising=False)
    assert cache_root() == Path.home() / ".cache" / "companion"
    monkeypatch.setenv("COMPANION_DATA", "")
    assert public_root() is None
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "gone"))
    with pytest.raises(DataError, match="COMPANION_DATA names a folder that is not there"):
        public_root()
