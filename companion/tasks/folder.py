"""A trained tagger or classifier as a plain transformers folder, and back."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.errors import ConfigError, ExportError, ModelError
from companion.tasks.adapter_folder import (
    WEIGHTS,
    as_plain,
    check_settings,
    restore_adapter,
    save_adapter,
    trained_tensors,
)
from companion.tasks.card import describe_task, write_card

if TYPE_CHECKING:
    from torch import nn

    from companion.models.encoder import Encoder
    from companion.tasks.texts import TextTask
    from companion.tasks.tokens import TokenTask

SETTINGS_FILE = "companion.json"
ADAPTER = "adapter"
EXPORT_AGAIN = "export the model again"
TOKEN_FIELDS = {"policy": str, "max_length": int, "overlap": int}
TEXT_FIELDS = {"kind": str, "pooling": str, "max_length": int, "pairs": bool | None}
ADAPTER_FIELDS = {"method": str, "options": dict, "base": str, "base_digest": str}
"""What the settings and the card say of a folder that holds an adapter alone."""


def write_folder(task: TokenTask | TextTask, model: nn.Module, folder: Path, *, adapter_only: bool = False) -> Path:
    """Write the folder beside its place first and move it there when it is whole.

    An adapted model is merged into a plain one; with `adapter_only`, what was trained is written alone.

    Raises:
        ExportError: the place is taken by something else, cannot be written, or the weights read back differ; or the
            model cannot be merged, or has no adapter.
    """
    from safetensors import SafetensorError

    folder = folder.absolute()
    temporary, former = (folder.with_name(f"{folder.name}.{word}") for word in ("partial", "former"))
    _check_place(folder, set())
    model = model if adapter_only else as_plain(model)
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        settings = {"task": task.name, "encoder": task.encoder.name, "labels": task.labels, **asdict(task.settings)}
        settings |= {"encoder_digest": task.encoder.digest, "version": version("finetuning-companion")}
        story = describe_task(task)
        if adapter_only:
            settings[ADAPTER] = save_adapter(model, task.encoder, temporary)
            story[ADAPTER] = settings[ADAPTER]
        else:
            _save_whole(task, model, temporary)
        write_card(temporary, story, name=folder.name)
        settings["files"] = sorted(path.name for path in temporary.iterdir())
        (temporary / SETTINGS_FILE).write_text(json.dumps(settings, indent=1, ensure_ascii=False) + "\n", "utf-8")
        if adapter_only:
            _compare_tensors(trained_tensors(model)[0], temporary / WEIGHTS)
        else:
            _compare(model, temporary)
        _check_place(folder, set(settings["files"]))
        if folder.exists():
            shutil.rmtree(former, ignore_errors=True)
            folder.rename(former)
        temporary.rename(folder)
    except (OSError, SafetensorError) as error:
        raise ExportError(f"cannot be written: {error}", file=folder, remedy="choose another folder") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(former, ignore_errors=True)
    return folder


def _save_whole(task: TokenTask | TextTask, model: nn.Module, folder: Path) -> None:
    from companion.models.encoder import quiet

    with quiet():
        model.save_pretrained(folder)
        task.encoder.tokenizer.save_pretrained(folder)


def _check_place(folder: Path, known: set[str]) -> None:
    """Refuse a place where something lies that an export did not write; `known` are the names that it would."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ExportError("is a file or a link, not a folder", file=folder, remedy="name a new folder")
    present = {path.name for path in folder.iterdir()} if folder.exists() else set()
    if SETTINGS_FILE in present:
        present -= {SETTINGS_FILE, *known, *_written(folder)}
    if present:
        raise ExportError(
            f"holds other files (first: {sorted(present)[0]}), which would be lost",
            file=folder,
            remedy="name a new folder, or move them away",
        )


def _written(folder: Path) -> list[str]:
    """The files that the export in this folder wrote, by its own account."""
    try:
        return list(json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))["files"])
    except (ValueError, KeyError, TypeError):
        return []


def read_folder(folder: Path, base: str | None = None) -> tuple[TokenTask, nn.Module]:
    """The task and model of a folder that `write_folder` wrote, or of any token-classification folder.

    `base` names the body of an adapter, where it is not the one that the folder names.

    Raises:
        ModelError: there is no such folder, it holds no trained head, or its labels and settings do not fit together.
    """
    from companion.tasks.tokens import TokenTask

    adapter, encoder, labels, settings = _open(folder, TokenTask.name, TOKEN_FIELDS, base)
    try:
        task = TokenTask(labels, encoder, **settings)
    except ConfigError as error:
        raise ModelError(
            f"is no tagger this package can use: {error.problem}", file=folder, remedy=error.remedy
        ) from error
    return task, _model_of(task, folder, adapter)


def read_text_folder(folder: Path, base: str | None = None) -> tuple[TextTask, nn.Module]:
    """The task and model of a folder that `write_folder` wrote, or of any text-classification folder.

    `base` names the body of an adapter, where it is not the one that the folder names.

    Raises:
        ModelError: there is no such folder, it holds no trained head, or its labels and settings do not fit together.
    """
    from companion.tasks.targets import PROBLEMS
    from companion.tasks.texts import TextTask

    adapter, encoder, labels, settings = _open(folder, TextTask.name, TEXT_FIELDS, base)
    if not settings:
        kinds = {problem: kind for kind, problem in PROBLEMS.items()}
        settings = {"kind": kinds.get(getattr(encoder.config, "problem_type", None), "single"), "pooling": "cls"}
        settings["pairs"] = None  # only who trained it knows
    try:
        task = TextTask(labels, encoder, **settings)
    except ConfigError as error:
        raise ModelError(
            f"is no text classifier this package can use: {error.problem}", file=folder, remedy=error.remedy
        ) from error
    return task, _model_of(task, folder, adapter)


def open_adapter(task: TokenTask | TextTask, folder: Path) -> nn.Module:
    """The adapter of a folder on a fresh model of a task that is there already.

    Raises:
        ModelError: there is no adapter, or one for another kind of task, other labels, rows of texts or another body.
    """
    adapter = adapter_of(folder)
    if adapter is None:
        raise ModelError("holds no adapter", file=folder, remedy="export one: export(folder, adapter_only=True)")
    settings = read_settings(folder, task.name, {"pairs": TEXT_FIELDS["pairs"]})
    check_settings(task, settings, folder)
    return restore_adapter(task, folder, adapter)


def adapter_of(folder: Path) -> dict[str, Any] | None:
    """What the settings of a folder say of its adapter; None where it holds a whole model."""
    try:
        found = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8")).get(ADAPTER)
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
    if found is None:
        return None
    try:
        sound = all(isinstance(found[name], kind) for name, kind in ADAPTER_FIELDS.items())
    except (KeyError, TypeError):
        sound = False
    if not sound:
        raise ModelError("what it says of the adapter is not whole", file=folder / SETTINGS_FILE, remedy=EXPORT_AGAIN)
    return found


def _model_of(task: TokenTask | TextTask, folder: Path, adapter: dict[str, Any] | None) -> nn.Module:
    return task.model(new_head=False).eval() if adapter is None else restore_adapter(task, folder, adapter)


def opens_with_pipeline(task: TokenTask | TextTask, folder: Path) -> bool:
    """Whether `transformers.pipeline` opens the exported folder: a whole model, whose head transformers knows."""
    return adapter_of(folder) is None and getattr(task.settings, "pooling", "cls") == "cls"


def kind_of(folder: Path) -> str:
    """ "tokens", "texts" or "causal_lm", as the folder's own settings say, or the head that its configuration names."""
    for file, name in ((SETTINGS_FILE, "task"), ("config.json", "architectures")):
        try:
            said = json.loads((folder / file).read_text(encoding="utf-8"))[name]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if file == SETTINGS_FILE:
            return str(said)
        if "ForCausalLM" in str(said) or "LMHeadModel" in str(said):
            return "causal_lm"
        return "texts" if "ForSequenceClassification" in str(said) else "tokens"
    return "tokens"


def _open(
    folder: Path, name: str, kinds: dict[str, Any], base: str | None
) -> tuple[dict[str, Any] | None, Encoder, list[str], dict[str, Any]]:
    """What is said of an adapter, the encoder, the labels, and the settings, empty for a folder that others wrote."""
    from companion.models.encoder import load_encoder

    if not folder.is_dir():
        raise ModelError("there is no such folder", file=folder, remedy="check the path, or export the model first")
    settings = read_settings(folder, name, kinds)
    adapter = adapter_of(folder) if settings else None
    if adapter is not None:
        named = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))["encoder"]
        try:
            encoder = load_encoder(base or str(named))
        except ModelError as error:
            raise ModelError(
                f"the model {base or named!r}, on which this adapter was trained, cannot be opened: {error.problem}",
                file=folder,
                remedy='name its folder: companion.load(folder, base="…"), or --base on the command line',
            ) from error
        return adapter, encoder, list(settings.pop("labels")), settings
    if base is not None:
        raise ModelError("holds a whole model, not an adapter", file=folder, remedy="leave base out")
    encoder = load_encoder(str(folder.resolve()))
    labels = [str(encoder.config.id2label[index]) for index in sorted(encoder.config.id2label)]
    if settings and list(settings.pop("labels")) != labels:
        raise ModelError(
            f"the labels here differ from those of config.json: {', '.join(labels)}",
            file=folder / SETTINGS_FILE,
            remedy=EXPORT_AGAIN,
        )
    return None, encoder, labels, settings


def read_settings(folder: Path, task: str, kinds: dict[str, Any]) -> dict[str, Any]:
    """The settings of a folder that an export wrote; empty for a folder that others wrote."""
    path = folder / SETTINGS_FILE
    if not path.is_file():
        return {}
    try:
        settings = {"pairs": False, **json.loads(path.read_text(encoding="utf-8"))}  # as of folders of before
        if settings["task"] != task:
            raise ModelError(
                f"this is a model for {settings['task']!r}, not for {task!r}",
                file=path,
                remedy="open it with companion.load",
            )
        kinds = {"labels": list, **kinds}
        for name, kind in kinds.items():
            if not isinstance(settings[name], kind):
                raise TypeError(f"{name} is {settings[name]!r}")
        return {name: settings[name] for name in kinds}
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"cannot be read: {error!r}", file=path, remedy=EXPORT_AGAIN) from error


def _compare_tensors(tensors: dict[str, Any], file: Path) -> None:
    """Read an adapter back and compare it with what was to be written."""
    import torch
    from safetensors.torch import load_file

    stored = load_file(file)
    for name, tensor in tensors.items():
        if name not in stored or not torch.equal(stored[name], tensor):
            raise ExportError(f"the weights of {name} do not read back the same", file=file, remedy="export again")


def _compare(model: nn.Module, folder: Path) -> None:
    """Read the weights back and compare them with the model's."""
    import torch
    from safetensors.torch import load_file

    stored = {}
    for path in sorted(folder.glob("*.safetensors")):
        stored |= load_file(path)
    own = model.state_dict()
    pointers = {own[name].data_ptr() for name in stored if name in own}
    for name, tensor in own.items():
        if name in stored:
            same = torch.equal(stored[name], tensor.cpu())
        else:
            same = tensor.data_ptr() in pointers or tensor.numel() == 0
        if not same:
            raise ExportError(f"the weights of {name} do not read back the same", file=folder, remedy="export again")
