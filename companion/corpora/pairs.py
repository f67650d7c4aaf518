"""Prompts with the answer each should get: what a generator is fine-tuned on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from companion.corpora.jsonl import records_of
from companion.corpora.records import SPLITS, check_splits
from companion.corpora.rows import is_empty, rows_in_memory
from companion.corpora.split import positions_by_rule
from companion.corpora.tally import Tally
from companion.corpora.text import path_of, read_text
from companion.corpora.text_pairs import lone_text
from companion.corpora.texts import Text
from companion.errors import ConfigError, DataError

NAMES = ("prompt", "answer")
ALPACA = ("instruction", "output")
"""What the rows of Alpaca call prompt and answer; the prompt goes on with their `input`."""
KEYS = (
    'write {"prompt": "…", "answer": "…"} in every row, or name your keys: prompt=, answer= '
    "(--columns prompt=…,answer=…); in memory, (prompt, answer) tuples and a DataFrame will do"
)
TURNS = (
    "write one pair for each answer: the prompt is what stands before it. A system message that is always the same is "
    "said once, with CausalLMTask(…, system=…)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A prompt and the answer that a model should give.

    Raises:
        DataError: the prompt or the answer is empty, or no string: an empty answer teaches a model to say nothing.

    Taught in: book/outlook/from-encoders-to-generation
    """

    prompt: str
    """What the user wrote."""
    answer: str
    """What the assistant should write."""
    source: str = ""
    """Where it stands: `train.jsonl:17` (file name and line)."""
    meta: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What else is known, for example `{"article": ...}`."""

    def __post_init__(self) -> None:
        for name, value in (("prompt", self.prompt), ("answer", self.answer)):
            if not isinstance(value, str) or not value.strip():
                raise DataError(
                    f"{self.source or 'a pair'}: the {name} is {value!r}",
                    remedy="give text for both, or leave the pair out",
                )


@dataclass(frozen=True, kw_only=True, slots=True)
class PairCorpus:
    """Pairs in up to three splits.

    Taught in: book/outlook/from-encoders-to-generation
    """

    name: str
    """What to call it."""
    train: Sequence[Pair]
    """Pairs to learn from."""
    dev: Sequence[Pair] = ()
    """Pairs to choose weights and settings with; may be empty."""
    test: Sequence[Pair] = ()
    """Pairs to measure with, once; may be empty."""
    notes: tuple[str, ...] = ()
    """Decisions of the reader in words."""

    def __post_init__(self) -> None:
        check_splits(
            self,
            Pair,
            "Make the rows with [companion.Pair(prompt=…, answer=…), …], or the corpus with PairCorpus.from_rows.",
        )

    @property
    def splits(self) -> dict[str, Sequence[Pair]]:
        """The splits that hold pairs, by name, in the order train, dev, test."""
        return {name: getattr(self, name) for name in SPLITS if len(getattr(self, name))}

    def describe(self) -> str:
        """A text table: pairs in each split, the words of a prompt and of an answer, and prompts that leak."""
        lines = [self.name, "", f"{'split':6} {'pairs':>7} {'words a prompt':>15} {'an answer':>10}"]
        for name, part in self.splits.items():
            prompt, answer = (
                sum(len(getattr(pair, side).split()) for pair in part) / len(part) for side in ("prompt", "answer")
            )
            lines.append(f"{name:6} {len(part):>7,} {prompt:>15.1f} {answer:>10.1f}")
        lines += [f"note: {note}" for note in self.notes]
        known = {pair.prompt for pair in self.train}
        for name in SPLITS[1:]:
            if again := sum(pair.prompt in known for pair in getattr(self, name)):
                lines.append(f"warning: {again:,} prompts of {name} also stand in train")
        return "\n".join(lines)

    @classmethod
    def from_jsonl(
        cls,
        train: str | Path,
        *,
        dev: str | Path | None = None,
        test: str | Path | None = None,
        prompt: str = "prompt",
        answer: str = "answer",
        encoding: str = "utf-8",
        split: bool = True,
    ) -> PairCorpus:
        """Read JSONL files, a pair a line; a lone file is split by rule, by a hash of each prompt, or kept whole.

        Further keys with text become facts of the pair. Rows of Alpaca are read as they are: their instruction and
        their `input`, where there is one, are the prompt, with a blank line between them, and the notes count them.

        Raises:
            DataError: with file and line, for bad JSON, a missing key, or an empty prompt or answer.

        Follows: Taori et al. (2023), Alpaca, for the order of instruction and input.
        """
        paths, tally = {"train": path_of(train), "dev": dev, "test": test}, Tally()
        parts = {
            name: read_pairs(path, prompt, answer, encoding, tally) for name, path in paths.items() if path is not None
        }
        return _corpus(parts, tally, name=Path(train).stem, place=str(train), split=split)

    @classmethod
    def from_rows(
        cls,
        train: Iterable[Any],
        *,
        dev: Iterable[Any] | None = None,
        test: Iterable[Any] | None = None,
        prompt: str = "prompt",
        answer: str = "answer",
        name: str = "rows",
        split: bool = True,
    ) -> PairCorpus:
        """Read rows in memory: `(prompt, answer)` tuples, dictionaries, or a `DataFrame`; otherwise as `from_jsonl`.

        Raises:
            DataError: a row has no prompt or no answer; split and row (from 1) are named: `rows/train:3`.
        """
        given, tally = {"train": train, "dev": dev, "test": test}, Tally()
        read = rows_in_memory((prompt, answer), KEYS, dataset="Give its rows: list(dataset).")
        places = {part: f"{name}/{part}" for part, rows in given.items() if rows is not None}
        parts = {
            part: _pairs(read(given[part], place), prompt, answer, tally, place, f"{place}#")
            for part, place in places.items()
        }
        return _corpus(parts, tally, name=name, place=places["train"], split=split)


def read_pairs(
    path: str | Path,
    prompt: str = "prompt",
    answer: str = "answer",
    encoding: str = "utf-8",
    tally: Tally | None = None,
) -> list[Pair]:
    """The pairs of a JSONL file, whose two keys may be named; `tally` counts what was joined.

    Raises:
        DataError: with file and line, for bad JSON, a missing key, or an empty prompt or answer.

    Taught in: book/outlook/from-encoders-to-generation
    """
    path, tally = path_of(path), tally or Tally()
    records = records_of(read_text(path, encoding=encoding), path, tally)
    return _pairs(records, prompt, answer, tally, str(path), f"{path.name}:")


def _pairs(
    records: Iterable[tuple[int, object]], prompt: str, answer: str, tally: Tally, place: str, name: str
) -> list[Pair]:
    """The pairs of numbered records; `name` begins the source of each."""
    if prompt == answer:
        raise ConfigError(f"prompt and answer are the same key {prompt!r}", remedy="name two")
    pairs = []
    for number, record in records:
        source = f"{name}{number}"
        try:
            pairs.append(_pair(record, prompt, answer, tally, source))
        except DataError as error:
            problem = error.problem.removeprefix(f"{source}: ")
            raise DataError(problem, remedy=error.remedy, file=place, line=number) from None
    if not pairs:
        raise DataError("there is no pair", file=place, remedy=KEYS)
    return pairs


def _pair(record: object, prompt: str, answer: str, tally: Tally, source: str) -> Pair:
    if not isinstance(record, Mapping):
        raise DataError(f"needed are {prompt!r} and {answer!r}; there is a {type(record).__name__}", remedy=KEYS)
    if (prompt, answer) == NAMES and not record.keys() & set(NAMES) and record.keys() >= set(ALPACA):
        prompt, answer = ALPACA
    is_there = {prompt, answer} <= record.keys()
    for key in (prompt, answer) if is_there else record:
        turns = record[key]
        if isinstance(turns, list) and turns and all(isinstance(turn, Mapping) for turn in turns):
            who = ", ".join(str(turn.get("role", turn.get("from", "?"))) for turn in turns)
            raise DataError(
                f"{key!r} is a conversation ({who}), and a pair is one prompt with one answer", remedy=TURNS
            )
    if not is_there:
        there = ", ".join(map(repr, record)) or "nothing"
        raise DataError(f"needed are {prompt!r} and {answer!r}; there is {there}", remedy=KEYS)
    asked, used = record[prompt], {prompt, answer}
    if prompt == ALPACA[0] and "input" in record and isinstance(asked, str):
        used.add("input")
        further = "" if is_empty(record["input"]) else record["input"]
        if not isinstance(further, str):
            raise DataError(f"the input is {further!r}", remedy="give text, or leave it empty")
        if further:
            asked = f"{asked}\n\n{further}"
            tally.repair("input of an Alpaca row, put below its instruction and a blank line", source)
    facts = {key: value for key, value in record.items() if key not in used and isinstance(value, str)}
    return Pair(prompt=asked, answer=record[answer], source=source, meta=facts)


def _corpus(parts: Mapping[str, Sequence[Pair]], tally: Tally, *, name: str, place: str, split: bool) -> PairCorpus:
    """The corpus of these splits, a lone one divided by rule; what was joined is noted."""
    notes: tuple[str, ...] = ()
    if list(parts) == ["train"] and split:
        whole = parts["train"]
        try:
            positions, notes = positions_by_rule(("prompt", pair.prompt) for pair in whole)
        except DataError as error:
            raise DataError(error.problem, remedy=error.remedy, file=place) from None
        parts = {part: [whole[position] for position in chosen] for part, chosen in positions.items()}
    notes += tuple(f"{kind}: {number:,} (first: {tally.places[kind][0]})" for kind, number in tally.repairs.items())
    return PairCorpus(name=name, **parts, notes=notes)


def helpdesk_pairs() -> PairCorpus:
    """The questions of Helpdesk with their answers; each carries the `article` that its answer rests on.

    Taught in: book/outlook/from-encoders-to-generation
    """
    from companion.corpora.helpdesk import load_questions

    parts = {
        split: tuple(
            Pair(
                prompt=one.question,
                answer=one.answer,
                source=f"questions-{split}.jsonl:{line}",
                meta={"article": one.article},
            )
            for line, one in enumerate(questions, start=1)
        )
        for split, questions in load_questions().items()
    }
    return PairCorpus(name="helpdesk questions", **parts)


def labels_as_answers(texts: Iterable[Text]) -> list[Pair]:
    """Labelled texts as pairs: the text is the prompt, the label in plain words (`track order`) the answer.

    Raises:
        DataError: a row is a pair of texts already.

    Follows: Raffel et al. (2020), who cast every task as text to text.
    Taught in: book/outlook/from-encoders-to-generation
    """
    return [
        Pair(
            prompt=lone_text(text, "a prompt"),
            answer=text.label.replace("_", " "),
            source=text.source,
            meta={"label": text.label},
        )
        for text in texts
    ]
