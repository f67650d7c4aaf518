"""A trained answerer as a folder of transformers, opened again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from companion.errors import ConfigError, ModelError
from companion.models.decoder import load_decoder
from companion.tasks.adapter_folder import restore_adapter
from companion.tasks.causal_lm import CausalLMTask
from companion.tasks.folder import SETTINGS_FILE, adapter_of, read_settings

if TYPE_CHECKING:
    from torch import nn

FIELDS = {"learn": str, "system": str, "max_length": int, "too_long": str}


def read_causal_folder(folder: Path, base: str | None = None) -> tuple[CausalLMTask, nn.Module]:
    """The task and model of a folder that `CausalLMTask.export` wrote, or of any decoder with a chat template.

    `base` names the decoder of an adapter, where it is not the one that the folder names.

    Raises:
        ModelError: there is no such folder, or its files and settings do not fit together.
    """
    if not folder.is_dir():
        raise ModelError("there is no such folder", file=folder, remedy="check the path, or export the model first")
    settings = read_settings(folder, CausalLMTask.name, FIELDS)
    settings.pop("labels", None)
    adapter = adapter_of(folder) if settings else None
    if adapter is None and base is not None:
        raise ModelError("holds a whole model, not an adapter", file=folder, remedy="leave base out")
    name = str(folder.resolve())
    if adapter is not None:
        name = base or str(json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))["encoder"])
    try:
        task = CausalLMTask(load_decoder(name), **settings)
    except ConfigError as error:
        raise ModelError(
            f"is no model this package can ask: {error.problem}", file=folder, remedy=error.remedy
        ) from error
    return task, task.model(new_head=False).eval() if adapter is None else restore_adapter(task, folder, adapter)
