"""Prompts with the answer each should get: what a generator is fine-tuned on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from companion.corpora.jsonl import records_of
from companion.corpora.records import SPLITS, check_splits
from companion.corpora.split import positions_by_rule
from companion.corpora.tally import Tally
from companion.corpora.text import path_of, read_text
from companion.corpora.texts import Text
from companion.errors import DataError


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
        check_splits(self, Pair, "Make the rows with [companion.Pair(prompt=…, answer=…), …].")

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

        Further keys with text become facts of the pair.

        Raises:
            DataError: with file and line, for bad JSON, a missing key, or an empty prompt or answer.
        """
        paths = {"train": path_of(train), "dev": dev, "test": test}
        parts = {name: read_pairs(path, prompt, answer, encoding) for name, path in paths.items() if path is not None}
        notes: tuple[str, ...] = ()
        if len(parts) == 1 and split:
            whole = parts["train"]
            try:
                positions, notes = positions_by_rule(("prompt", pair.prompt) for pair in whole)
            except DataError as error:
                raise DataError(error.problem, remedy=error.remedy, file=train) from None
            parts = {name: [whole[place] for place in places] for name, places in positions.items()}
        return cls(name=Path(train).stem, **parts, notes=notes)


def read_pairs(path: str | Path, prompt: str = "prompt", answer: str = "answer", encoding: str = "utf-8") -> list[Pair]:
    """The pairs of a JSONL file, whose two keys may be named.

    Raises:
        DataError: with file and line, for bad JSON, a missing key, or an empty prompt or answer.

    Taught in: book/outlook/from-encoders-to-generation
    """
    path, pairs = path_of(path), []
    for line, record in records_of(read_text(path, encoding=encoding), path, Tally()):
        if not isinstance(record, Mapping) or not {prompt, answer} <= record.keys():
            there = ", ".join(map(repr, record)) if isinstance(record, Mapping) else f"a {type(record).__name__}"
            raise DataError(
                f"needed are {prompt!r} and {answer!r}; there is {there or 'nothing'}",
                file=path,
                line=line,
                remedy='write {"prompt": "…", "answer": "…"} on every line, or name your keys: prompt=, answer= '
                "(--columns prompt=…,answer=…). A conversation of several turns is cut into such pairs first.",
            )
        meta = {name: value for name, value in record.items() if name not in (prompt, answer)}
        try:
            pairs.append(
                Pair(
                    prompt=record[prompt],
                    answer=record[answer],
                    source=f"{path.name}:{line}",
                    meta={name: value for name, value in meta.items() if isinstance(value, str)},
                )
            )
        except DataError as error:
            raise DataError(error.problem, remedy=error.remedy, file=path, line=line) from None
    if not pairs:
        raise DataError(
            "there is no pair", file=path, remedy="each line is one JSON object with a prompt and an answer"
        )
    return pairs


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

    Follows: Raffel et al. (2020), who cast every task as text to text.
    Taught in: book/outlook/from-encoders-to-generation
    """
    return [
        Pair(prompt=text.text, answer=text.label.replace("_", " "), source=text.source, meta={"label": text.label})
        for text in texts
    ]
