"""A trained model as one ONNX file, in fp32 or int8, written only where it still answers as the model it came from."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from companion.deployment.onnx_folder import ONNX_FILE, OnnxModel
from companion.deployment.predictor import Predictor, TextPredictor
from companion.encoding.source import pad_pairs
from companion.errors import ConfigError, ExportError, MissingDependencyError
from companion.tasks.folder import SETTINGS_FILE
from companion.tasks.inference import forward_by_length

if TYPE_CHECKING:
    from companion.corpora.records import Sentence
    from companion.corpora.texts import Text

PRECISIONS = ("fp32", "int8")
OPSET = 18
QUANTISED = ("MatMul", "Gemm", "Gather")
"""Matrix products, and the embedding tables, which are half of a small encoder."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ParityBound:
    """How far an export may be from the model it came from.

    Raises:
        ConfigError: a bound is no share between 0 and 1.
    """

    agreement: float = 0.98
    """The least share of positions (pieces of a tagger, texts of a classifier) with the same most probable label."""
    f1_drop: float = 0.01
    """The most that F1 (of entities, or the macro F1 of labels) may lose on labelled rows."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
                raise ConfigError(f"{name} is {value!r}", remedy="give a share between 0 and 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Parity:
    """What the gate measured."""

    rows: int
    """Rows that were compared."""
    positions: int
    """Positions that were compared: pieces of a tagger, texts of a classifier."""
    agreement: float
    """The share of positions with the same most probable label."""
    largest_difference: float
    """The largest difference between two logits."""
    f1_before: float | None = None
    """F1 of the model on the labelled rows, None where no labels were given."""
    f1_after: float | None = None
    """F1 of the export on the same rows."""
    bytes_before: int = 0
    """Size of the model's weights."""
    bytes_after: int = 0
    """Size of the ONNX file."""

    def check(self, bound: ParityBound) -> None:
        """Accept the export.

        Raises:
            ExportError: naming the bound that is broken and by how much.
        """
        if not self.agreement >= bound.agreement:
            raise ExportError(
                f"the export agrees with its model on {self.agreement:.2%} of {self.positions:,} positions, and "
                f"{bound.agreement:.2%} are asked for",
                remedy="export in fp32, or state a lower bound if that is good enough for you",
            )
        if self.f1_before is not None and not self.f1_before - self.f1_after <= bound.f1_drop:
            raise ExportError(
                f"F1 falls from {self.f1_before:.4f} to {self.f1_after:.4f}, and {bound.f1_drop:.4f} are allowed",
                remedy="export in fp32, or state a wider bound if that is good enough for you",
            )


def export_onnx(
    predictor: Predictor | TextPredictor,
    folder: str | Path,
    rows: Sequence[Sentence] | Sequence[Text],
    *,
    precision: str = "int8",
    bound: ParityBound | None = None,
) -> Parity:
    """Write the model as one ONNX file with tokenizer, labels and settings, after it has passed the parity gate.

    `rows` are what the gate compares on: labelled rows of the kind the model will read, dev rather than test. "int8"
    stores weights with 8 bits and a scale for each output column, embedding tables with 8 bits and one scale for each
    table, and quantises activations as they come.
    The folder is opened with `companion.load`. An adapted model must be merged first.

    Raises:
        ExportError: the graph cannot be made, the folder cannot be written, or the gate is not passed: then nothing is.
        ConfigError: there is no such precision, or there are no rows.
        MissingDependencyError: onnx, onnxscript or onnxruntime is not installed.

    Follows: `torch.onnx.export` on `torch.export`, and `quantize_dynamic` of onnxruntime.
    Taught in: book/engineering/compression
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"precision is {precision!r}", remedy=f"choose one of {', '.join(PRECISIONS)}")
    if not rows:
        raise ConfigError("there are no rows to compare the export on", remedy="give labelled rows, such as corpus.dev")
    folder = Path(folder).absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ExportError("is not empty", file=folder, remedy="name a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}.partial-") as scratch:
        whole, work = Path(scratch) / "model", Path(scratch) / "work"
        whole.mkdir()
        work.mkdir()
        _write_graph(predictor.model, work / "fp32.onnx", _names(predictor, rows))
        if precision == "int8":
            quantise(work / "fp32.onnx", whole / ONNX_FILE)
        else:
            shutil.copy(work / "fp32.onnx", whole / ONNX_FILE)
        before = sum(tensor.numel() * tensor.element_size() for tensor in predictor.model.parameters())
        parity = measure_parity(predictor, OnnxModel(whole / ONNX_FILE), rows, bytes_before=before)
        parity.check(bound or ParityBound())
        _write_settings(predictor, whole, precision, parity)
        try:
            if folder.exists():
                folder.rmdir()
            whole.rename(folder)
        except OSError as error:
            raise ExportError(f"cannot be written: {error}", file=folder, remedy="choose another folder") from error
    return parity


def quantise(source: Path, target: Path) -> None:
    """Store the weights of a graph with 8 bits, with one scale for each output column (of embeddings: each table).

    Raises:
        MissingDependencyError: onnx or onnxruntime is not installed.
    """
    with _installed(), _quiet():
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(
            source, target, per_channel=True, weight_type=QuantType.QInt8, op_types_to_quantize=list(QUANTISED)
        )


def measure_parity(
    predictor: Predictor | TextPredictor,
    export: nn.Module,
    rows: Sequence[Sentence] | Sequence[Text],
    *,
    bytes_before: int = 0,
) -> Parity:
    """Compare an export with its model on the pieces of these rows, and on their labels where they have some."""
    task = predictor.task
    if task.name == "tokens":
        alignments, _ = task.align(rows, labelled=False)
        pieces = [window.input_ids for alignment in alignments for window in alignment.windows]
    else:
        pieces, _ = task._encode(rows)
    before, after = (_logits(model, pieces, task.pad_token_id) for model in (predictor.model, export))
    regression = getattr(task.settings, "kind", "") == "regression"
    same = positions = 0
    largest = 0.0
    for one, other in zip(before, after, strict=True):
        one, other = (logits.reshape(-1, logits.shape[-1]) for logits in (one, other))
        equal = (one - other).abs().amax(-1) <= 0.05 if regression else one.argmax(-1) == other.argmax(-1)
        same, positions = same + int(equal.sum()), positions + len(equal)
        largest = max(largest, float((one - other).abs().max()))
    scores = {} if regression else _scores(predictor, export, rows)
    file = getattr(export, "size", 0)
    return Parity(
        rows=len(rows),
        positions=positions,
        agreement=same / max(1, positions),
        largest_difference=largest,
        bytes_before=bytes_before,
        bytes_after=file,
        **scores,
    )


def _scores(predictor: Predictor | TextPredictor, export: nn.Module, rows: Sequence[Any]) -> dict[str, float]:
    metric = "entity_f1" if predictor.task.name == "tokens" else "macro_f1"
    found = [predictor.task.evaluator(rows)(model).get(metric) for model in (predictor.model, export)]
    return {} if None in found else dict(zip(("f1_before", "f1_after"), map(float, found), strict=True))


def _logits(model: nn.Module, pieces: Sequence[Sequence[int]], pad_token_id: int) -> list[Tensor]:
    found: list[Tensor] = [torch.empty(0)] * len(pieces)
    for places, logits in forward_by_length(model, pieces, pad_token_id):
        for row, place in enumerate(places):
            found[place] = logits[row, : len(pieces[place])] if logits.dim() == 3 else logits[row : row + 1]
    return found


def _names(predictor: Predictor | TextPredictor, rows: Sequence[Any]) -> list[str]:
    """What the model is given for rows like these, `token_type_ids` only for pairs of texts that it numbers."""
    task = predictor.task
    return list(pad_pairs([[0]] if task.name == "tokens" else task._encode(rows[:1])[0], 0))


class _Logits(nn.Module):
    """A model of two or three tensors in and one out, which is what a graph is."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
        numbers = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        return self.model(input_ids=input_ids, attention_mask=attention_mask, **numbers).logits


def _write_graph(model: nn.Module, file: Path, names: list[str]) -> None:
    # Two ragged rows: from one row, or rows without padding, the exporter would take the mask for needless.
    pieces = torch.ones((2, 7), dtype=torch.long)
    mask = torch.ones_like(pieces)
    mask[1, 4:] = 0
    types = torch.tensor([[0, 0, 1, 1, 0, 0, 0]] * 2)
    # Named by a hint rather than fixed: a classifier's logits have no axis of pieces.
    axes = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    with _installed(), _quiet():
        import onnxscript  # noqa: F401 - torch imports it late, and its own error does not name the extra

        try:
            torch.onnx.export(
                _Logits(model).eval(),
                (pieces, mask, types)[: len(names)],
                file,
                input_names=names,
                output_names=["logits"],
                dynamic_shapes=dict.fromkeys(names, axes),
                opset_version=OPSET,
                external_data=False,
                dynamo=True,
                verbose=False,
            )
        except ImportError:
            raise
        except Exception as error:  # whatever a model does that no graph can say
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ExportError(
                f"the model cannot be written as an ONNX graph: {first}",
                remedy="export a plain transformers folder; merge an adapter first",
            ) from error


def _write_settings(predictor: Predictor | TextPredictor, folder: Path, precision: str, parity: Parity) -> None:
    from importlib.metadata import version

    task, encoder = predictor.task, predictor.task.encoder
    encoder.tokenizer.save_pretrained(folder)
    predictor.model.config.save_pretrained(folder)
    settings = {"task": task.name, "encoder": encoder.name, "labels": task.labels, **asdict(task.settings)}
    settings |= {"encoder_digest": encoder.digest, "reads": encoder.max_length}
    settings |= {"onnx": precision, "parity": asdict(parity), "version": version("finetuning-companion")}
    (folder / SETTINGS_FILE).write_text(json.dumps(settings, indent=1, ensure_ascii=False) + "\n", "utf-8")


@contextmanager
def _installed() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise MissingDependencyError(
            f"writing a graph needs {error.name or 'onnx'}, which is not installed",
            remedy='install the extra: pip install "finetuning-companion[serve]"',
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the exporters print and warn of to themselves: none of it is for whoever exports."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
