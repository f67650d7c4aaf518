"""`companion train`: from the options to a corpus, a configuration, and a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.cli.output import emit, say
from companion.errors import ConfigError

if TYPE_CHECKING:
    from companion.adaptation.contract import Adaptation
    from companion.corpora.records import Corpus, Sentence

FORMATS = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
COLUMN_FIELDS = {
    "conll": {"word": "word_column", "tag": "tag_column"},
    "csv": {"word": "word", "tag": "tag", "sentence": "sentence"},
    "jsonl": {"words": "words", "tags": "tags", "text": "text", "spans": "spans"},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where labelled sentences come from: the name of a corpus, or files and how to read them."""

    corpus: str | None = None
    """A corpus of the catalog."""
    train: Path | str | None = None
    """A file to train on, or the only file."""
    dev: Path | str | None = None
    """A file to choose the best weights with."""
    test: Path | str | None = None
    """A file to measure on."""
    format: str = "auto"
    """conll, csv or jsonl; "auto" goes by the ending."""
    columns: str | None = None
    """`word=token,tag=label,sentence=id`."""
    scheme: str = "auto"
    """The tag scheme of the files."""
    repair: bool = False
    """Whether broken tags are repaired and counted."""

    def load(self) -> Corpus:
        """The corpus.

        Raises:
            ConfigError: neither or both of a name and a file are given, or options do not fit.
            DataError: the data cannot be read as asked.
        """
        from companion.corpora.catalog import load_corpus
        from companion.corpora.records import Corpus

        if (self.corpus is None) == (self.train is None):
            raise ConfigError(
                "the data is not named" if self.corpus is None else "both a corpus and a file are named",
                remedy="give either --corpus NAME (see: companion corpora) or --train FILE",
            )
        if self.corpus is not None:
            return load_corpus(self.corpus)
        read = {"conll": Corpus.from_conll, "csv": Corpus.from_csv, "jsonl": Corpus.from_jsonl}[self._kind()]
        return read(self.train, dev=self.dev, test=self.test, **self._options())

    def load_one(self) -> Sequence[Sentence]:
        """The sentences of the single file, all of them, unsplit.

        Raises:
            DataError: the file cannot be read as asked.
        """
        from companion.corpora.conll import read_conll
        from companion.corpora.jsonl import read_jsonl
        from companion.corpora.tables import read_csv

        read = {"conll": read_conll, "csv": read_csv, "jsonl": read_jsonl}[self._kind()]
        return read(self.train, **self._options())

    def to_json(self) -> dict[str, Any]:
        """The same source as JSON, its paths made absolute, so that the run can be evaluated from anywhere."""
        paths = {
            name: None if getattr(self, name) is None else str(Path(getattr(self, name)).resolve())
            for name in ("train", "dev", "test")
        }
        return asdict(self) | paths

    def _kind(self) -> str:
        kind = FORMATS.get(Path(self.train or "").suffix.lower(), "conll") if self.format == "auto" else self.format
        if kind not in COLUMN_FIELDS:
            raise ConfigError(f"format is {kind!r}", remedy=f"choose auto, {', '.join(COLUMN_FIELDS)}")
        return kind

    def _options(self) -> dict[str, Any]:
        fields, options = COLUMN_FIELDS[self._kind()], {}
        for item in self.columns.split(",") if self.columns else ():
            name, given, column = item.partition("=")
            if not given or name.strip() not in fields or not column.strip():
                raise ConfigError(
                    f"--columns has {item!r}", remedy=f"write {','.join(f'{name}=…' for name in fields)} (what differs)"
                )
            options[fields[name.strip()]] = _column(column.strip(), self._kind())
        if self.scheme != "auto":
            options["scheme"] = self.scheme
        return options | ({"invalid": "repair"} if self.repair else {})


def train_tagger(
    source: Source,
    *,
    out: Path,
    model: str,
    method: str,
    settings: dict[str, Any],
    batch_size: int | None,
    max_length: int | None,
    tensorboard: Path | None,
    as_json: bool,
) -> None:
    """Train, evaluate on dev as it goes, export the best weights, and say where everything is.

    Raises:
        CompanionError: whatever is asked for cannot be done; nothing is left half written.
    """
    from companion.recipes.supervised import MODEL_FOLDER, fine_tune
    from companion.training.config import TrainConfig

    config = TrainConfig(**settings)
    adaptation = _adaptation(method)
    corpus = source.load()
    say(corpus.describe())
    log = None
    if tensorboard is not None:
        from companion.training.loggers import tensorboard_log

        log = tensorboard_log(tensorboard)
    tuned = fine_tune(
        corpus,
        config,
        model=model,
        adaptation=adaptation,
        task_options={} if max_length is None else {"max_length": max_length},
        out=out,
        origin=source.to_json(),
        log=_narrate(log),
        say=say,
        **({} if batch_size is None else {"batch_size": batch_size}),
    )
    run, folder = tuned.run, out / MODEL_FOLDER
    document = {
        "run": str(out),
        "model": str(folder),
        "steps": run.steps,
        "best_step": run.best_step,
        "dev_entity_f1": run.best_value,
        "config": run.config.to_dict(),
        "reasons": run.reasons,
        "notes": list(run.notes),
    }
    best = "no dev split, so the last weights" if run.best_value is None else f"dev entity F1 {run.best_value:.3f}"
    lines = [
        f"{run.steps} updates; {best}{f' at update {run.best_step}' if run.best_step else ''}",
        *run.notes,
        f"model    {folder}   (opens with transformers.pipeline)",
        f"measure  companion evaluate {out}",
        f'use      companion predict {out} "Your text."',
    ]
    emit(document, "\n".join(lines), as_json=as_json)


def _narrate(log: Any) -> Any:
    """Say each evaluation on standard error, and pass everything on to a tracker."""

    def tell(step: int, values: dict[str, float]) -> None:
        if "entity_f1" in values:
            say(f"update {step}: dev entity F1 {values['entity_f1']:.3f}")
        if log is not None:
            log(step, values)

    return tell


def _adaptation(method: str) -> Adaptation:
    from companion.adaptation.methods import Full, HeadOnly, TopLayers

    kind, _, count = method.partition(":")
    if kind == "top" and count.isdecimal():
        return TopLayers(int(count))
    if method not in {"full", "head"}:
        raise ConfigError(f"method is {method!r}", remedy="choose full, head, or top:N with a number of layers")
    return Full() if method == "full" else HeadOnly()


def _column(text: str, kind: str) -> str | int:
    if kind != "conll":
        return text
    try:
        return int(text)
    except ValueError as error:
        raise ConfigError(
            f"a CoNLL file has no column {text!r}", remedy="number the columns from 0, -1 is the last"
        ) from error
