"""Prompts with the answer each should get: what a generator is fine-tuned on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.corpora.conversations import Pair
from companion.corpora.jsonl import records_of
from companion.corpora.pair_rows import KEYS, PairKeys, pairs_of
from companion.corpora.records import SPLITS, check_splits
from companion.corpora.rows import rows_in_memory
from companion.corpora.split import positions_by_rule
from companion.corpora.tally import Tally
from companion.corpora.text import path_of, read_text
from companion.corpora.text_pairs import lone_text
from companion.corpora.texts import Text
from companion.errors import DataError


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
        """A text table: pairs in each split, the words of a prompt and of an answer, and prompts that leak.

        Of conversations also the turns; one leaks if it begins as one of train does.
        """
        talks = any(pair.before for part in self.splits.values() for pair in part)
        lines = [self.name, "", f"{'split':6} {'pairs':>7} {'words a prompt':>15} {'an answer':>10}"]
        lines[-1] += f" {'turns':>6}" if talks else ""
        for name, part in self.splits.items():
            prompt, answer = (
                sum(len(getattr(pair, side).split()) for pair in part) / len(part) for side in ("prompt", "answer")
            )
            lines.append(f"{name:6} {len(part):>7,} {prompt:>15.1f} {answer:>10.1f}")
            lines[-1] += f" {sum(len(pair.turns) for pair in part) / len(part):>6.1f}" if talks else ""
        lines += [f"note: {note}" for note in self.notes]
        known, said = {pair.opening for pair in self.train}, "begin as one of train" if talks else "also stand in train"
        for name in SPLITS[1:]:
            if again := sum(pair.opening in known for pair in getattr(self, name)):
                lines.append(f"warning: {again:,} {'conversations' if talks else 'prompts'} of {name} {said}")
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
        messages: str | None = None,
        encoding: str = "utf-8",
        split: bool = True,
    ) -> PairCorpus:
        """Read JSONL files, a pair a line; a lone file is split by rule, by a hash of each prompt, or kept whole.

        Further keys with text become facts of the pair. Rows of Alpaca are read as they are: their instruction and
        their `input`, where there is one, are the prompt, with a blank line between them, and the notes count them.
        So are conversations, under `messages` or `conversations` or the key named here; of them, those that begin the
        same (system message and first turn of the user) fall into the same split.

        Raises:
            DataError: with file and line, for bad JSON, a missing key, an empty prompt or answer, or a conversation
                with tools, pictures, or turns out of order.

        Follows: Taori et al. (2023), Alpaca, for the order of instruction and input.
        """
        paths, tally = {"train": path_of(train), "dev": dev, "test": test}, Tally()
        parts = {
            name: read_pairs(path, prompt, answer, encoding, tally, messages=messages)
            for name, path in paths.items()
            if path is not None
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
        messages: str | None = None,
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
        keys = PairKeys(prompt=prompt, answer=answer, messages=messages)
        parts = {
            part: pairs_of(read(given[part], place), keys, tally, place=place, name=f"{place}#")
            for part, place in places.items()
        }
        return _corpus(parts, tally, name=name, place=places["train"], split=split)


def read_pairs(
    path: str | Path,
    prompt: str = "prompt",
    answer: str = "answer",
    encoding: str = "utf-8",
    tally: Tally | None = None,
    *,
    messages: str | None = None,
) -> list[Pair]:
    """The pairs of a JSONL file, whose keys may be named; `tally` counts what was joined or left out.

    Raises:
        DataError: as `PairCorpus.from_jsonl`.

    Taught in: book/outlook/from-encoders-to-generation
    """
    path, tally = path_of(path), tally or Tally()
    records = records_of(read_text(path, encoding=encoding), path, tally)
    keys = PairKeys(prompt=prompt, answer=answer, messages=messages)
    return pairs_of(records, keys, tally, place=str(path), name=f"{path.name}:")


def _corpus(parts: Mapping[str, Sequence[Pair]], tally: Tally, *, name: str, place: str, split: bool) -> PairCorpus:
    """The corpus of these splits, a lone one divided by rule; what was joined is noted."""
    notes: tuple[str, ...] = ()
    if list(parts) == ["train"] and split:
        whole = parts["train"]
        try:
            positions, notes = positions_by_rule(
                ("conversation's beginning" if pair.before else "prompt", pair.opening) for pair in whole
            )
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
