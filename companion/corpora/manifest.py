"""`data/MANIFEST.json`: the digest, licence, source and counts of every file that travels with the book.

`python -m companion.corpora.manifest --write` after a deliberate change, `--check` at any time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from companion.corpora.conll import read_conll
from companion.corpora.location import data_root
from companion.corpora.tally import count
from companion.corpora.text import read_bytes
from companion.errors import CompanionError, DataError

NAME = "MANIFEST.json"
FORMAT = 2
SHARED = ("licence", "source")
# Licence and source follow from the top folder; a folder that is not named here cannot slip in unlicensed.
FOLDERS: Mapping[str, tuple[str, str]] = {
    "newsroom": ("CC0-1.0", "written for this book"),
    "helpdesk": ("CC0-1.0", "written for this book"),
    "language-head": ("CC0-1.0", "trained on newsroom/unlabelled by `companion experiments language-head`"),
    "records": ("CC0-1.0", "measured by this book's experiments; each record names its command"),
}


def manifest(root: Path) -> dict[str, Any]:
    """The manifest of all files under a data folder, sorted by path; hidden files and the manifest are left out.

    Raises:
        DataError: a file lies in a folder whose licence is not known, or cannot be read.

    Taught in: book/walkthroughs/train-a-tagger
    """
    paths = sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts)
    )
    return {"format": FORMAT, "files": [describe_file(root, path) for path in paths if path != NAME]}


def describe_file(root: Path, path: str) -> dict[str, Any]:
    """One line of the manifest: path, size, sha256, licence, source, and what can be counted in the file.

    Raises:
        DataError: its folder has no licence here, or the file cannot be read.

    Taught in: book/walkthroughs/train-a-tagger
    """
    folder = PurePosixPath(path).parts[0]
    if folder not in FOLDERS or "/" not in path:
        raise DataError(
            "the licence and source of this file are not known",
            file=root / path,
            remedy=f"Put it into one of {', '.join(FOLDERS)}, or add its folder to FOLDERS in corpora/manifest.py.",
        )
    data = read_bytes(root / path)
    licence, source = FOLDERS[folder]
    return {
        "path": path,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "licence": licence,
        "source": source,
        "counts": _counts(root / path, data),
    }


def write_manifest(root: Path) -> Path:
    """Write the manifest of a data folder into it.

    Raises:
        DataError: as in `manifest`.

    Taught in: book/walkthroughs/train-a-tagger
    """
    target = root / NAME
    document = manifest(root)
    # One line for each file: short, and a diff shows what changed. What all files of a folder share stands there once.
    lines = ",\n".join(f"  {json.dumps(_own(line), ensure_ascii=False)}" for line in document["files"])
    used = {PurePosixPath(line["path"]).parts[0] for line in document["files"]}
    shared = {name: dict(zip(SHARED, FOLDERS[name], strict=True)) for name in FOLDERS if name in used}
    folders = json.dumps(shared, ensure_ascii=False)
    text = f'{{\n "format": {document["format"]},\n "folders": {folders},\n "files": [\n{lines}\n ]\n}}\n'
    target.write_text(text, encoding="utf-8", newline="\n")
    return target


def differences(root: Path) -> list[str]:
    """What differs between the manifest and the files, one sentence each; empty when they agree.

    Raises:
        DataError: there is no manifest, or it cannot be read.

    Taught in: book/walkthroughs/train-a-tagger
    """
    known = listed(root)
    present = {line["path"]: line for line in manifest(root)["files"]}
    found = [f"{path} is listed but missing" for path in sorted(known.keys() - present.keys())]
    found += [f"{path} is not listed" for path in sorted(present.keys() - known.keys())]
    for path in sorted(known.keys() & present.keys()):
        changed = [key for key, value in present[path].items() if known[path].get(key) != value]
        if changed:
            found.append(f"{path} differs in {', '.join(changed)}")
    return found


def verify_file(root: Path, path: str) -> Path:
    """The file, once its digest agrees with the manifest.

    Raises:
        DataError: the manifest does not list it, or the digest differs (it shows both).

    Taught in: book/walkthroughs/train-a-tagger
    """
    line = listed(root).get(path)
    if line is None:
        raise DataError(
            f"{path} is not listed", file=root / NAME, remedy="Run `python -m companion.corpora.manifest --write`."
        )
    actual = hashlib.sha256(read_bytes(root / path)).hexdigest()
    if actual != line["sha256"]:
        raise DataError(
            f"the file was altered: sha256 {actual}, expected {line['sha256']}",
            file=root / path,
            remedy="Restore it; after a deliberate change run `python -m companion.corpora.manifest --write`.",
        )
    return root / path


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: write or check the manifest of `data/`; the exit status is 1 when something differs.

    Taught in: book/walkthroughs/train-a-tagger
    """
    parser = argparse.ArgumentParser(prog="python -m companion.corpora.manifest", description=main.__doc__)
    parser.add_argument("--root", type=Path, help="the data folder; the book's own by default")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", action="store_true", help="write MANIFEST.json")
    action.add_argument("--check", action="store_true", help="compare the files with MANIFEST.json")
    options = parser.parse_args(arguments)
    try:
        root = options.root or data_root()
        if options.write:
            target = write_manifest(root)
            print(f"{target.name}: {len(listed(root))} files")
            return 0
        found = differences(root)
    except CompanionError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(found) if found else f"{NAME}: {len(listed(root))} files agree")
    return 1 if found else 0


def listed(root: Path) -> dict[str, dict[str, Any]]:
    """The lines of the manifest by path.

    Raises:
        DataError: there is no manifest, or it cannot be read.

    Taught in: book/walkthroughs/train-a-tagger
    """
    target = root / NAME
    try:
        document = json.loads(read_bytes(target))
        if document["format"] != FORMAT:
            raise DataError(
                f"format {document['format']!r} is not known", file=target, remedy=f"This version reads {FORMAT}."
            )
        shared = document["folders"]
        return {
            line["path"]: {"counts": {}, **shared[line["path"].split("/")[0]], **line} for line in document["files"]
        }
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"the manifest cannot be read: {error!r}",
            file=target,
            remedy="Run `python -m companion.corpora.manifest --write`.",
        ) from error


def _own(line: Mapping[str, Any]) -> dict[str, Any]:
    """What only this file has: without what follows from its folder, and without counts where nothing is counted."""
    return {name: value for name, value in line.items() if name not in SHARED and value != {}}


def _counts(path: Path, data: bytes) -> dict[str, int]:
    if path.suffix == ".conll":
        counts = count(read_conll(path))
        return {"sentences": counts.sentences, "words": counts.words, "entities": counts.entities}
    if path.suffix in {".txt", ".jsonl", ".csv", ".md"}:
        return {"lines": data.count(b"\n")}
    return {}


if __name__ == "__main__":
    sys.exit(main())
