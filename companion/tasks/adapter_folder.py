"""What a method trained, without the body it was trained on: a small folder in `peft`'s format, and back."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.adaptation.allocation import Allocation
from companion.adaptation.apply import adapt, adaptation_of
from companion.adaptation.bottleneck import BottleneckAdapter
from companion.adaptation.low_rank import AdaLoRA, LoRA
from companion.adaptation.merging import can_merge, merge
from companion.adaptation.methods import BitFit, HeadOnly, TopLayers, head_of
from companion.adaptation.prompts import PrefixTuning, PromptTuning
from companion.adaptation.wrapping import ADAPTER, is_added, is_wrapped, writes
from companion.errors import CompanionError, ConfigError, ExportError, ModelError
from companion.models.files import check_files

if TYPE_CHECKING:
    from torch import Tensor, nn

    from companion.adaptation.contract import Adaptation
    from companion.models.encoder import Encoder
    from companion.tasks.texts import TextTask
    from companion.tasks.tokens import TokenTask

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
METHODS = {
    method.__name__: method
    for method in (HeadOnly, TopLayers, BitFit, BottleneckAdapter, LoRA, AdaLoRA, PrefixTuning, PromptTuning)
}
PATTERN = "rank_pattern"


def is_plain(model: nn.Module) -> bool:
    """Whether the model is, or can become, a plain transformers model."""
    return can_merge(model) or not (
        is_wrapped(model) or any(is_added(f".{name}") for name, _ in model.named_parameters())
    )


def as_plain(model: nn.Module) -> nn.Module:
    """The model as a plain transformers model: merged, where it carries an adapter.

    Raises:
        ExportError: what was added cannot become part of a plain model.
    """
    if can_merge(model):
        return merge(model)
    if not is_plain(model):
        method = adaptation_of(model)
        raise ExportError(
            f"what {'this method' if method is None else method.name} added has no place in a plain transformers model",
            remedy="export what was trained alone: export(folder, adapter_only=True); companion.load opens it",
        )
    return model


def save_adapter(model: nn.Module, encoder: Encoder, folder: Path) -> dict[str, Any]:
    """Write what was trained into a folder, and return what `companion.json` must say so that it can be put back.

    The base is named by its Hub name (or the name of its folder, never a path) and its digest.

    Raises:
        ExportError: the model was not adapted by a known method, or its head is not among what would be saved.
    """
    from safetensors.torch import save_file

    method = adaptation_of(model)
    method = method.method if isinstance(method, Allocation) else method
    if type(method) not in METHODS.values():
        raise ExportError(
            f"a model adapted with {'nothing' if method is None else type(method).__name__} has no adapter to save",
            remedy=f"adapt it with one of {', '.join(METHODS)}, or export the whole model",
        )
    tensors, pattern = trained_tensors(model)
    head = () if writes(_inner(model)) else head_of(_inner(model))
    lost = [name for name in head if not any(f".{name}." in f".{key}" for key in tensors)]
    if lost:
        raise ExportError(
            f"the head ({', '.join(lost)}) is not part of the adapter, which is worth nothing without it",
            remedy="adapt the model with companion.adapt, which always trains and saves the head",
        )
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    if is_wrapped(model):
        # To a dictionary first: peft's own save would change the configuration of the model that is in use.
        config = model.peft_config[ADAPTER].to_dict()
        config |= {"base_model_name_or_path": encoder.hub_name or encoder.name, "inference_mode": True}
        config |= {} if pattern is None else {PATTERN: pattern}
        text = json.dumps(config, indent=1, sort_keys=True, default=_listed)
        (folder / CONFIG).write_text(text + "\n", encoding="utf-8")
    return {
        "method": type(method).__name__,
        "options": {
            field.name: getattr(method, field.name) for field in dataclasses.fields(method) if field.name != "name"
        },
        "base": encoder.hub_name or encoder.name,
        "base_digest": encoder.digest,
        PATTERN: pattern,
    }


def trained_tensors(model: nn.Module) -> tuple[dict[str, Tensor], dict[str, list[bool]] | None]:
    """What was trained, by the names of the adapter's file; for AdaLoRA also which entries are left.

    For a method that adds nothing these are the trainable parameters themselves.
    """
    if not is_wrapped(model):
        found = {name: tensor for name, tensor in model.named_parameters() if tensor.requires_grad}
        return {name: tensor.detach().cpu().contiguous() for name, tensor in found.items()}, None
    from peft import get_peft_model_state_dict

    config, pattern, stored = model.peft_config[ADAPTER], None, None
    if config.peft_type == "ADALORA":
        # What counts are the entries of these weights, the best ones, and not those of the last update.
        own = {name: values for name, values in model.base_model.model.named_parameters() if ".lora_E." in name}
        kept = {name.replace(f".{ADAPTER}", ""): (values != 0).view(-1).tolist() for name, values in own.items()}
        # A target without any rank has no tensors that could be stored, so it keeps its first entry, a zero.
        pattern = {name: values if any(values) else [True, *values[1:]] for name, values in kept.items()}
        stored, config.rank_pattern = config.rank_pattern, dict(pattern)
    try:
        tensors = get_peft_model_state_dict(model, save_embedding_layers=False)
    finally:
        if pattern is not None:
            config.rank_pattern = stored
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, pattern


def restore_adapter(task: TokenTask | TextTask, folder: Path, said: dict[str, Any]) -> nn.Module:
    """A fresh model of this task with the adapter of a folder put on it; `said` is what `save_adapter` returned.

    Nothing in `adapter_config.json` is acted upon: the method is made anew from the few settings that `said` holds.

    Raises:
        ModelError: it was trained on another body, or its weights do not fit.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    check_files(folder)
    encoder = task.encoder
    if said["base_digest"] != encoder.digest:
        raise ModelError(
            f"this adapter was trained on another body ({said['base']}) than {encoder.name}",
            file=folder,
            remedy="load it with the body it was trained on; an adapter is worth nothing on any other",
        )
    try:
        model = adapt(task.model(), _method(said))
        tensors = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError, ConfigError, TypeError, KeyError) as error:
        what = error.problem if isinstance(error, CompanionError) else str(error)
        raise ModelError(f"the adapter cannot be read: {what}", file=folder, remedy="export it again") from error
    problem = _fill(model, tensors, said.get(PATTERN))
    if problem:
        raise ModelError(
            f"the weights do not fit: {problem}",
            file=folder / WEIGHTS,
            remedy="the files of this folder belong to different exports; export it again",
        )
    return model.eval()


def check_settings(task: TokenTask | TextTask, settings: dict[str, Any], folder: Path) -> None:
    """Refuse an adapter whose head was trained for other labels, or on pairs where the task reads one text.

    Raises:
        ModelError: naming what it was trained for, and the task.
    """
    labels, pairs = settings["labels"], settings["pairs"]
    if list(task.labels) != labels:
        raise ModelError(
            f"its head was trained for the labels {', '.join(labels[:6])}, this task has {', '.join(task.labels[:6])}",
            file=folder,
            remedy="make the task with the labels of the adapter, or open it with companion.load",
        )
    here = getattr(task.settings, "pairs", False)
    if None not in (pairs, here) and pairs != here:
        trained, reads = ("pairs of texts", "one text") if pairs else ("one text", "pairs of texts")
        raise ModelError(
            f"its head was trained on {trained}, and this task reads {reads}",
            file=folder,
            remedy=f"make the task with pairs={pairs}, or open it with companion.load",
        )


def _fill(model: nn.Module, tensors: dict[str, Tensor], pattern: dict[str, list[bool]] | None) -> str:
    """Put the tensors in; what does not fit, in words, or nothing."""
    if is_wrapped(model):
        from peft import set_peft_model_state_dict

        try:
            if pattern is not None:
                model.peft_config[ADAPTER].rank_pattern = dict(pattern)
            own = set(trained_tensors(model)[0]) if pattern is None else set(tensors)
            if set(tensors) != own:
                return f"{sorted(set(tensors) ^ own)[0]} is missing or too much"
            set_peft_model_state_dict(model, tensors)
        except (RuntimeError, KeyError, ValueError, AttributeError, IndexError) as error:
            return str(error).splitlines()[0]
        stored, _ = trained_tensors(model)
        if set(stored) != set(tensors):
            return f"{sorted(set(stored) ^ set(tensors))[0]} is missing or too much"
        changed = [name for name in tensors if stored[name].shape != tensors[name].shape]
        return f"{sorted(changed)[0]} has another size" if changed else ""
    own = {name: tensor for name, tensor in model.named_parameters() if tensor.requires_grad}
    if set(own) != set(tensors):
        return f"{sorted(set(own) ^ set(tensors))[0]} is missing or too much"
    for name, tensor in tensors.items():
        if own[name].shape != tensor.shape:
            return f"{name} is {list(tensor.shape)}, not {list(own[name].shape)}"
        own[name].data.copy_(tensor)
    return ""


def _method(said: dict[str, Any]) -> Adaptation:
    method = METHODS.get(said["method"])
    if method is None:
        raise ConfigError(f"the method {said['method']!r} is not known", remedy="update the package")
    options = {name: tuple(value) if isinstance(value, list) else value for name, value in said["options"].items()}
    return method(**options)


def _inner(model: nn.Module) -> nn.Module:
    """The model that `peft` wraps, or the model itself."""
    return model.get_base_model() if is_wrapped(model) else model


def _listed(value: object) -> object:
    return sorted(value) if isinstance(value, set) else getattr(value, "value", str(value))
