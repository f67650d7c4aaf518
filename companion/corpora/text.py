"""From bytes to lines: one encoding, three kinds of line end, and an error that names the byte."""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path

from companion.errors import DataError

_UTF8_MARK = b"\xef\xbb\xbf"
_OTHER_MARKS = {
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
_LOOK = 4096
_NO_TEXT = {
    b"PK\x03\x04": ("a zip archive, as an Excel workbook is", "In Excel, save it as CSV UTF-8; unpack other archives."),
    b"\xd0\xcf\x11\xe0": ("an Excel workbook of the old kind", "In Excel, save it as CSV UTF-8."),
    b"PAR1": ("a Parquet file", "Load it with pandas or datasets, and pass it to from_rows or from_datasets."),
    b"\x1f\x8b": ("a gzip archive", "Unpack it first."),
}


def path_of(path: object) -> Path:
    """The path of a file, after a look whether it is one.

    Raises:
        DataError: it is something else, such as the rows themselves.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    if not isinstance(path, str | PathLike):
        raise DataError(
            f"a {type(path).__name__} is no path of a file",
            remedy="What is in memory already is read by from_rows, from_spans or from_datasets.",
        )
    return Path(path)


def read_bytes(path: str | Path) -> bytes:
    """The bytes of a file.

    Raises:
        DataError: there is no such file, or it cannot be read.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise DataError("there is no such file", file=path, remedy="Check the path and the folder.") from error
    except IsADirectoryError as error:
        raise DataError("this is a folder, not a file", file=path, remedy="Name a file inside it.") from error
    except (OSError, ValueError) as error:
        raise DataError(f"the file cannot be read: {error}", file=path) from error


def read_text(path: str | Path, *, encoding: str = "utf-8") -> str:
    """The text of a file, without a leading byte order mark; every other character is kept as it is.

    Raises:
        DataError: the file is missing, or holds a byte that the encoding does not allow: it names the byte, its
            offset and its line.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    data = whole = read_bytes(path)
    if encoding.lower().replace("_", "-") in {"utf-8", "utf8", "utf-8-sig"}:
        _refuse_wide(data, path)
        data, encoding = data.removeprefix(_UTF8_MARK), "utf-8"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        offset = error.start + len(whole) - len(data)
        what, remedy = _no_text(whole) or (
            "",
            "Save the file as UTF-8, or name its encoding: encoding='cp1252' (--encoding cp1252) is that of many files "
            "that Excel wrote on Windows.",
        )
        raise DataError(
            f"byte 0x{whole[offset]:02x} at offset {offset} is not {encoding}{what}",
            file=path,
            line=len(re.findall(rb"\r\n|\r|\n", data[: error.start])) + 1,
            remedy=remedy,
        ) from error
    except LookupError as error:
        raise DataError(f"unknown encoding {encoding!r}", file=path, remedy="Use a name Python knows.") from error
    except UnicodeError as error:
        raise DataError(f"the file is not {encoding}: {error}", file=path) from error


def split_lines(text: str) -> list[str]:
    """The lines of a text; LF, CRLF and CR end a line, and no other character does.

    `str.splitlines` would also cut at U+0085, U+2028, vertical tab and form feed, which occur inside real words.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    lines = re.split(r"\r\n|\r|\n", text)
    return lines[:-1] if lines[-1] == "" else lines


def _no_text(data: bytes) -> tuple[str, str] | None:
    """What a file is that begins like none of text, and what to do with it."""
    found = (said for mark, said in _NO_TEXT.items() if data.startswith(mark))
    return next(((f": the file is {what}", remedy) for what, remedy in found), None)


def _refuse_wide(data: bytes, path: str | Path) -> None:
    for mark, name in _OTHER_MARKS.items():
        if data.startswith(mark):
            shown = mark.hex(" ")
            raise DataError(
                f"byte 0x{mark[0]:02x} at offset 0: the file begins with {shown}, the mark of {name.upper()}",
                file=path,
                line=1,
                remedy=f"Save the file as UTF-8, or pass encoding={name!r}.",
            )
    head = data[:_LOOK]
    if head.count(0) * 4 > len(head) and _no_text(data) is None:
        raise DataError(
            f"byte 0x00 at offset {head.index(0)}: a quarter of the file is zero bytes, as in UTF-16 without a mark",
            file=path,
            line=1,
            remedy="Save the file as UTF-8, or pass encoding='utf-16-le'.",
        )
