"""Where labelled data comes from: the name of a corpus, or files, what they hold, and how to read them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.cli.output import say
from companion.errors import ConfigError, DataError

if TYPE_CHECKING:
    from companion.corpora.records import Corpus, Sentence
    from companion.corpora.texts import Text, TextCorpus

FORMATS = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
COLUMN_FIELDS = {
    ("conll", "tokens"): {"word": "word_column", "tag": "tag_column"},
    ("csv", "tokens"): {"word": "word", "tag": "tag", "sentence": "sentence"},
    ("csv", "text"): {"text": "text", "text_pair": "text_pair", "label": "label"},
    ("jsonl", "tokens"): {"words": "words", "tags": "tags", "text": "text", "spans": "spans"},
    ("jsonl", "text"): {"text": "text", "text_pair": "text_pair", "label": "label"},
}
NEEDED = {
    ("conll", "tokens"): (("word", "tag"),),
    ("csv", "tokens"): (("sentence", "word", "tag"),),
    ("csv", "text"): (("text", "label"),),
    ("jsonl", "tokens"): (("words", "tags"), ("text", "spans")),
    ("jsonl", "text"): (("text", "label"),),
}
"""Which names have to be there; of several ways one will do."""
PAIRED = ("premise", "hypothesis", "sentence1", "sentence2", "question1", "question2", "text_a", "text_b")
"""What data sets of text pairs call the two texts, first and second by turns."""
FORMS = ("conll", "csv", "jsonl")
TASKS = ("tokens", "text")
WHAT = {"tokens": "tagged words", "text": "labelled texts"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where labelled sentences or texts come from: the name of a corpus, or files and how to read them."""

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
    task: str = "auto"
    """"tokens" (every word has a tag), "text" (every text has a label); "auto" goes by the columns of the file."""
    columns: str | None = None
    """`word=token,tag=label,sentence=id`, `text=review,label=stars`, or `text=premise,text_pair=hypothesis`."""
    scheme: str = "auto"
    """The tag scheme of the files."""
    repair: bool = False
    """Whether broken tags, and spans that do not fit the words, are repaired and counted."""
    encoding: str = "utf-8"
    """The encoding of the files."""

    @property
    def kind(self) -> str:
        """The format of the files, as it is named or by the ending of the first."""
        return FORMATS.get(Path(self.train or "").suffix.lower(), "conll") if self.format == "auto" else self.format

    def load(self) -> Corpus | TextCorpus:
        """The corpus.

        Raises:
            ConfigError: neither or both of a name and a file are given, or options do not fit.
            DataError: the data cannot be read as asked.
        """
        from companion.corpora.catalog import load_corpus

        if (self.corpus is None) == (self.train is None):
            raise ConfigError(
                "the data is not named" if self.corpus is None else "both a corpus and a file are named",
                remedy="give either --corpus NAME (see: companion corpora) or --train FILE",
            )
        if self.corpus is not None:
            return load_corpus(self.corpus)
        return self._read(dev=self.dev, test=self.test)

    def load_one(self) -> Sequence[Sentence] | Sequence[Text]:
        """The sentences or texts of the single file, all of them, unsplit; what was repaired is said.

        Raises:
            DataError: the file cannot be read as asked.
        """
        corpus = self._read(split=False)
        report = getattr(corpus, "report", None)
        for kind, count in getattr(report, "repairs", {}).items():
            say(f"repairs: {count:,} × {kind} (first: {', '.join(report.places.get(kind, ()))})")
        return corpus.train

    def to_json(self) -> dict[str, Any]:
        """The same source as JSON, its paths made absolute, so that the run can be evaluated from anywhere."""
        paths = {
            name: None if getattr(self, name) is None else str(Path(getattr(self, name)).resolve())
            for name in ("train", "dev", "test")
        }
        return asdict(self) | paths

    def _read(self, **options: Any) -> Corpus | TextCorpus:
        from companion.corpora.records import Corpus
        from companion.corpora.texts import TextCorpus

        kind = self.kind
        if kind not in FORMS:
            raise ConfigError(f"format is {kind!r}", remedy=f"choose auto, {', '.join(FORMS)}")
        if self.task not in {"auto", *TASKS}:
            raise ConfigError(f"task is {self.task!r}", remedy=f"choose auto, {', '.join(TASKS)}")
        named = named_columns(self.columns)
        task = self._find_task(kind, named)
        fields = COLUMN_FIELDS[kind, task]
        options |= {"encoding": self.encoding} | {fields[name]: _column(column, kind) for name, column in named.items()}
        if task == "text":
            if self.scheme != "auto" or self.repair:
                raise ConfigError("--scheme and --repair are about tags", remedy="leave them out for labelled texts")
            return {"csv": TextCorpus.from_csv, "jsonl": TextCorpus.from_jsonl}[kind](self.train, **options)
        options |= {} if self.scheme == "auto" else {"scheme": self.scheme}
        options |= {"invalid": "repair"} if self.repair else {}
        options |= {"faults": "repair"} if self.repair and kind == "jsonl" else {}
        read = {"conll": Corpus.from_conll, "csv": Corpus.from_csv, "jsonl": Corpus.from_jsonl}[kind]
        return read(self.train, **options)

    def _find_task(self, kind: str, named: dict[str, str]) -> str:
        """What the files hold, as asked or by their columns, after a look whether these are there.

        Raises:
            ConfigError: the format cannot hold what is asked for, or the columns fit both.
            DataError: columns are missing, with the file.
        """
        asked = [task for task in TASKS if self.task in ("auto", task) and (kind, task) in COLUMN_FIELDS]
        if not asked:
            raise ConfigError(
                "a CoNLL file holds words with tags, not texts with labels",
                remedy="give a CSV or JSONL file (with --format, if its name ends otherwise)",
            )
        # Columns that are named tell what is meant, also where they are not there.
        fitting = [task for task in asked if named.keys() <= COLUMN_FIELDS[kind, task].keys()]
        if not fitting:
            forms = " or ".join(_template(kind, task) for task in asked)
            forms += ", of pairs also text_pair=…" if "text" in asked else ""
            raise ConfigError(f"--columns names {', '.join(named)}", remedy=f"write {forms}, only what differs")
        if kind == "conll":
            return fitting[0]
        for path in filter(None, (self.train, self.dev, self.test)):
            asked = fitting
            # The first row of JSON may be one that nobody has labelled; then all of them are asked for their keys.
            for whole in (False, True) if kind == "jsonl" else (False,):
                there = columns_in(Path(path), kind, self.encoding, named.get("text"), whole=whole)
                lacking = {task: min((_missing(kind, task, named, one) for one in there), key=len) for task in asked}
                fitting = [task for task in asked if not lacking[task]]
                if fitting:
                    break
            if not fitting:
                what = {"csv": "column", "jsonl": "key"}[kind]
                paired = [] if "text" in named else [name for name in PAIRED if name in max(there, key=len)]
                if len(paired) == 2:
                    raise DataError(
                        f"{' and '.join(paired)} are a pair of texts, and nothing says so",
                        file=path,
                        line=1,
                        remedy=f"name both: --columns text={paired[0]},text_pair={paired[1]} (and label=…, if it has "
                        "another name), or the one that is enough: --columns text=…",
                    )
                gaps = (f"for {WHAT[task]} no {what} {', '.join(map(repr, lacking[task]))}" for task in asked)
                raise DataError(
                    f"{'; '.join(gaps)}; there is {', '.join(map(repr, max(there, key=len)))}",
                    file=path,
                    line=1,
                    remedy="say which is which: "
                    + ", or ".join(f"--columns {_template(kind, task)}" for task in asked)
                    + ("; the first line has to name the columns" if kind == "csv" else ""),
                )
        if len(fitting) > 1:
            raise ConfigError(
                f"{self.train} can be read as {' and as '.join(WHAT[task] for task in fitting)}",
                remedy=f"say which: {' or '.join(f'--task {task}' for task in fitting)}",
            )
        return fitting[0]


def named_columns(columns: str | None) -> dict[str, str]:
    """`word=token,tag=label` as a mapping.

    Raises:
        ConfigError: it is not written like that.
    """
    named = {}
    for item in columns.split(",") if columns else ():
        name, given, column = (part.strip() for part in item.partition("="))
        if not given or not name or not column:
            raise ConfigError(f"--columns has {item!r}", remedy="write name=column, such as text=review,label=stars")
        named[name] = column
    return named


def columns_in(
    path: Path, kind: str, encoding: str, named_text: str | None = None, *, whole: bool = False
) -> list[list[str]]:
    """The column names of a CSV file as each delimiter would give them, or the keys of its JSON objects.

    `whole` asks all objects, and not only the first that says what it holds.

    Raises:
        DataError: the file is missing, empty, or its beginning cannot be read.
    """
    from companion.corpora.tables import DELIMITERS, SEPARATOR_LINES
    from companion.corpora.text import read_text, split_lines

    text = read_text(path, encoding=encoding)
    if not text.strip():
        raise DataError("the file is empty", file=path, remedy="check the path")
    if kind == "jsonl":
        return [_keys_in(text, path, named_text or "text", whole)]
    lines = (line for line in split_lines(text) if line.strip() and line.strip('"').lower() not in SEPARATOR_LINES)
    head = next(lines, "")
    return [[name.strip() for name in next(csv.reader([head], delimiter=delimiter))] for delimiter in DELIMITERS]


def _keys_in(text: str, path: Path, named_text: str, whole: bool) -> list[str]:
    """The keys of the first JSON object that says what it holds: an empty list may be one of labels or of spans.

    Raises:
        DataError: there is no object.
    """
    from companion.corpora.exports import spans_key, unfolded
    from companion.corpora.jsonl import records_of
    from companion.corpora.tally import Tally

    keys: list[str] = []
    for line, exported in records_of(text, path, Tally()):
        try:
            record = unfolded(exported, Tally(), text=named_text)
        except DataError as error:
            raise DataError(error.problem, remedy=error.remedy, file=path, line=line) from None
        if record is None:
            continue
        if not isinstance(record, dict):
            raise DataError("not a JSON object", file=path, line=line, remedy="write one {...} on every line")
        spans = spans_key(record, empty=False)
        if spans not in (None, "spans"):
            return ["spans", *(key for key in record if key != spans)]
        keys = list(dict.fromkeys([*keys, *record])) if whole else keys or list(record)
        if not whole and ("label" not in record or record["label"] != []):
            return keys
    if not keys:
        raise DataError("no row has an answer", file=path, remedy="export what was annotated and accepted")
    return keys


def _missing(kind: str, task: str, named: dict[str, str], there: list[str]) -> list[str]:
    """The columns that are needed and not there, by the way that lacks fewest."""
    ways = ([named.get(name, name) for name in names] for names in NEEDED[kind, task])
    return min(([column for column in columns if column not in there] for columns in ways), key=len)


def _template(kind: str, task: str) -> str:
    return " or ".join(",".join(f"{name}=…" for name in names) for names in NEEDED[kind, task])


def _column(text: str, kind: str) -> str | int:
    if kind != "conll":
        return text
    try:
        return int(text)
    except ValueError as error:
        raise ConfigError(
            f"a CoNLL file has no column {text!r}", remedy="number the columns from 0, -1 is the last"
        ) from error
