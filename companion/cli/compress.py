"""`companion export --onnx`: a graph that is written only where it still answers as its model."""

from __future__ import annotations

from pathlib import Path

from companion.cli.evaluate import model_folder, own_corpus, rows_for
from companion.cli.output import emit
from companion.cli.run_columns import as_in_training
from companion.cli.source import Source
from companion.errors import ConfigError


def export_graph(
    run: Path,
    folder: Path,
    data: Path | None,
    *,
    base: str | None,
    precision: str,
    bounds: dict[str, float],
    as_json: bool,
) -> None:
    """Write the ONNX folder and print how near it is to its model.

    Raises:
        ConfigError: there is nothing to compare on, or a setting is outside its range.
        ExportError: the graph cannot be made, or is farther from its model than allowed; then nothing is written.
        MissingDependencyError: the extra `serve` is not installed.
    """
    from dataclasses import asdict

    from companion.deployment.compression import ParityBound, export_onnx
    from companion.deployment.predictor import load

    bound = ParityBound(**bounds)
    predictor = load(model_folder(run), base=base)
    own = own_corpus(run)
    if data is None and (own is None or "dev" not in own.splits):
        raise ConfigError(
            "there are no rows to compare the graph with its model on", remedy="give labelled ones: --data FILE"
        )
    rows = rows_for(predictor.task, as_in_training(Source(train=data), run), own, "dev")
    parity = export_onnx(predictor, folder, rows, precision=precision, bound=bound)
    megabytes = [size / 1e6 for size in (parity.bytes_before, parity.bytes_after)]
    lines = [
        f"{folder}: open it with companion.load, or companion serve {folder}",
        f"size       {megabytes[0]:.1f} MB → {megabytes[1]:.1f} MB",
        f"agreement  {parity.agreement:.2%} of {parity.positions:,} positions in {parity.rows:,} rows",
    ]
    if parity.f1_before is not None:
        lines.append(f"F1         {parity.f1_before:.4f} → {parity.f1_after:.4f} on the same rows")
    emit({"folder": str(folder), **asdict(parity)}, "\n".join(lines), as_json=as_json)
