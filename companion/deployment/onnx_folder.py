"""A folder whose model is one ONNX file: opened by onnxruntime, asked through the same tasks as any other model."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from companion.errors import MissingDependencyError, ModelError
from companion.models.encoder import Encoder
from companion.models.files import check_files
from companion.models.offline import file_digest
from companion.tasks.folder import SETTINGS_FILE, kind_of
from companion.tasks.texts import TextTask
from companion.tasks.tokens import TokenTask

if TYPE_CHECKING:
    import onnxruntime

ONNX_FILE = "model.onnx"
EXPORT_AGAIN = "export the model again: companion export RUN FOLDER --onnx"
FIELDS = {"tokens": ("policy", "max_length", "overlap"), "texts": ("kind", "pooling", "max_length", "pairs")}


class OnnxModel(nn.Module):
    """An ONNX graph in the place of a model: `input_ids` and `attention_mask` of shape (rows, pieces) in, logits out.

    A graph of a model that numbers the texts of a pair takes `token_type_ids` as well.

    Every row is computed by itself and without its padding. An int8 graph takes the scale of its activations over
    everything that is computed at once, so that in company a row would get another answer.

    Raises:
        ModelError: onnxruntime cannot read the file; or it is asked about pairs, and was exported for one text.
        MissingDependencyError: onnxruntime is not installed.

    Follows: the dynamic quantisation of onnxruntime, whose `DynamicQuantizeLinear` has one scale for a whole tensor.
    Taught in: book/engineering/compression
    """

    def __init__(self, file: str | Path, *, threads: int | None = None) -> None:
        super().__init__()
        # What asks a model for its device finds the CPU.
        self.place = nn.Parameter(torch.zeros(1), requires_grad=False)
        self.session = open_session(Path(file), threads or torch.get_num_threads())
        self.size = Path(file).stat().st_size
        self.reads = {given.name for given in self.session.get_inputs()}
        self.eval()

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **numbers: Tensor) -> SimpleNamespace:
        """Logits of shape (rows, pieces, classes) or (rows, classes); zeros where a row has only padding."""
        given = {"input_ids": input_ids, "attention_mask": attention_mask, **numbers}
        if given.keys() != self.reads:
            raise ModelError(
                f"the graph reads {', '.join(sorted(self.reads))}, and gets {', '.join(sorted(given))}",
                remedy="export it on rows like those it is asked about: pairs of texts, or one text each",
            )
        rows = []
        for row, mask in enumerate(attention_mask):
            size = int(mask.sum())
            feed = {name: tensor[row : row + 1, :size].numpy() for name, tensor in given.items()}
            rows.append(torch.from_numpy(self.session.run(["logits"], feed)[0][0]))
        if rows[0].dim() == 1:
            return SimpleNamespace(logits=torch.stack(rows))
        logits_BTC = rows[0].new_zeros(*input_ids.shape, rows[0].shape[-1])
        for number, row in enumerate(rows):
            logits_BTC[number, : len(row)] = row
        return SimpleNamespace(logits=logits_BTC)


def is_onnx_folder(folder: str | Path) -> bool:
    """Whether the folder's model is an ONNX file."""
    return (Path(folder) / ONNX_FILE).is_file()


def open_session(file: Path, threads: int) -> onnxruntime.InferenceSession:
    """The graph of a file, read into memory, so that replacing the file on the disk changes nothing.

    Raises:
        ModelError: the file cannot be read as a graph.
        MissingDependencyError: onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError(
            "onnxruntime is not installed", remedy='install the extra: pip install "finetuning-companion[serve]"'
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises kinds of its own, one for each way in which a graph is broken
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"cannot be opened: {first}", file=file, remedy=EXPORT_AGAIN) from error


def open_onnx(folder: str | Path, *, threads: int | None = None) -> tuple[TokenTask | TextTask, OnnxModel]:
    """The task and the model of a folder that `companion export --onnx` wrote.

    Raises:
        ModelError: the folder is not one, or its settings do not fit together.
        MissingDependencyError: onnxruntime is not installed.
    """
    folder = Path(folder)
    settings = _settings(folder)
    # The name, not the path: an exported folder and a served answer say nothing about the machine.
    encoder = _encoder(folder)
    kind = kind_of(folder)
    task_class: Any = {"tokens": TokenTask, "texts": TextTask}[kind]
    try:
        task = task_class(settings["labels"], encoder, **{name: settings[name] for name in FIELDS[kind]})
    except KeyError as error:
        raise ModelError(f"has no {error}", file=folder / SETTINGS_FILE, remedy=EXPORT_AGAIN) from error
    return task, OnnxModel(folder / ONNX_FILE, threads=threads)


def _settings(folder: Path) -> dict[str, Any]:
    path = folder / SETTINGS_FILE
    try:
        settings = {"pairs": False, **json.loads(path.read_text(encoding="utf-8"))}  # as of folders of before
        if settings["task"] not in FIELDS or not isinstance(settings["labels"], list):
            raise TypeError(f"task is {settings['task']!r}")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"cannot be read: {error!r}", file=path, remedy=EXPORT_AGAIN) from error
    return settings


def _encoder(folder: Path) -> Encoder:
    """Tokenizer and configuration without weights, which are in the graph."""
    from transformers import AutoConfig, AutoTokenizer

    from companion.encoding.pieces import reads_split_words, require_word_ids

    check_files(folder)
    config_file = folder / "config.json"
    try:
        if "auto_map" in json.loads(config_file.read_text(encoding="utf-8")):
            raise ModelError("asks to run Python code of its own (auto_map)", file=config_file, remedy=EXPORT_AGAIN)
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        if not reads_split_words(tokenizer):
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, add_prefix_space=True)
    except ModelError:
        raise
    except Exception as error:  # tokenizers raises bare exceptions, transformers several kinds
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"cannot be opened: {first}", file=folder, remedy=EXPORT_AGAIN) from error
    require_word_ids(tokenizer)
    longest = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8")).get("reads", 512)
    return Encoder(
        name=folder.name,
        location=str(folder),
        tokenizer=tokenizer,
        config=config,
        max_length=int(longest),
        digest=file_digest(folder / ONNX_FILE),
    )
