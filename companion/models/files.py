"""The files of a model folder are what they seem: plain files, and weights that lie in the folder as safetensors."""

from __future__ import annotations

import json
from pathlib import Path

from companion.errors import ModelError

READ = (".safetensors", ".json", ".txt", ".jinja")
REMEDY = "export or download the model again"


def check_files(folder: Path) -> None:
    """Refuse what a loader would wait for, read without end, or unpickle.

    A pipe waits for a writer for ever and a device has no end. An index of split weights names the files to read, and
    transformers unpickles those that are not safetensors, wherever they lie.

    Raises:
        ModelError: naming the first file that is none, or that an index may not name.
    """
    for path in sorted(folder.iterdir()):
        if path.suffix in READ and not path.is_file():
            raise ModelError(
                "is not a file (a pipe, a device, a folder, or a link to nothing)", file=path, remedy=REMEDY
            )
    for path in sorted(folder.glob("*.safetensors.index.json")):
        try:
            names = set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values())
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError(f"is no index of weights: {error!r}", file=path, remedy=REMEDY) from error
        for name in sorted(map(str, names)):
            if name != Path(name).name or not name.endswith(".safetensors") or not (folder / name).is_file():
                raise ModelError(
                    f"names {name!r}, which is no safetensors file of this folder",
                    file=path,
                    remedy="convert the weights once, in a place you trust, with save_pretrained",
                )
