"""`companion predict` and `companion export`."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.cli.evaluate import model_folder
from companion.cli.output import emit, plain, say, table
from companion.cli.source import FORMATS
from companion.corpora.pair_rows import CONVERSATIONS, read_turns
from companion.errors import ConfigError, DataError, ExportError
from companion.recipes.story import read_story
from companion.tasks.card import PIPELINES, write_card
from companion.tasks.folder import opens_with_pipeline

if TYPE_CHECKING:
    from companion.deployment.predictor import Answerer, Predictor, TextPredictor

CHUNK = 2048
"""How many texts are sorted by length together: enough to waste hardly any padding."""
BLOCK = 1 << 16
"""Bytes that are taken from a stream at once, if so many have come: what a pipe holds on most systems."""
STDIN = "-"


def predict_texts(
    folder: Path,
    texts: list[str],
    file: Path | None,
    *,
    seconds: list[str],
    base: str | None,
    precision: str,
    as_json: bool,
) -> None:
    """Print the entities (or, from a classifier, the label) of each text: for people, or one JSON object a line.

    `seconds` are the second texts of `texts`, for a classifier of pairs; a file of pairs holds a JSON object a line.
    To a model that answers, a line that is a JSON object with `messages` is a conversation, and any other is a prompt.
    What comes through a pipe or from a keyboard is answered as it comes.

    Raises:
        DataError: the file or standard input cannot be read, or there is no text.
        ConfigError: texts and a file are given, the model reads one text and gets two (or the other way round), there
            is no such precision, or this machine does not compute in it.
    """
    from companion.deployment.predictor import load

    if texts and file is not None:
        raise ConfigError(
            f"{len(texts)} {'text is' if len(texts) == 1 else 'texts are'} given as well as --file {file}",
            remedy="give one or the other",
        )
    texts, file = [] if texts == [STDIN] else texts, None if file == Path(STDIN) else file
    predictor = load(model_folder(folder), base=base, precision=precision)
    pairs = getattr(predictor.task.settings, "pairs", False)
    given = _with_seconds(texts, seconds, pairs) if texts or seconds else []
    ways: dict[str, Any] = {"texts": _print_labels, "causal_lm": _print_answers}
    answers = predictor.task.name == "causal_lm"
    if file is not None and file.suffix.lower() in FORMATS and pairs is False and not answers:
        say(f"{file.name}: each line is one text, as it stands, a header and further columns included")
    printed, seen = ways.get(predictor.task.name, _print_entities), 0
    for chunk in _chunks(given) if given else _read(file):
        if not given and pairs is not False:
            chunk = [_pair_in(line, seen + place, file, pairs) for place, line in enumerate(chunk, start=1)]
        if not given and answers:
            chunk = [_prompt_in(line, seen + place, file, predictor) for place, line in enumerate(chunk, start=1)]
        seen += len(chunk)
        printed(predictor, chunk, as_json=as_json)
        # The next line may come in an hour, and who reads this is waiting.
        sys.stdout.flush()
    if not seen:
        raise DataError("there is no text", file=file, remedy="give texts as arguments, --file, or standard input")


def _print_entities(predictor: Predictor, texts: list[str], *, as_json: bool) -> None:
    """Print the entities of each text."""
    for text, found in zip(texts, predictor.predict_many(texts), strict=True):
        if as_json:
            print(json.dumps({"text": text, "entities": [asdict(entity) for entity in found]}, ensure_ascii=False))
            continue
        print(plain(text))
        rows = [[entity.type, entity.text, f"{entity.start}–{entity.end}", f"{entity.score:.2f}"] for entity in found]
        print(plain(table([["type", "text", "characters", "score"], *rows])) if rows else "  no entity found")
        print()


def _with_seconds(texts: list[str], seconds: list[str], pairs: bool | None) -> list[Any]:
    """The texts as they are, or each with its second one.

    Raises:
        ConfigError: there are not as many seconds, or the model has no use for them, or cannot do without.
    """
    if seconds and pairs is False:
        raise ConfigError("--text-pair is given, and the model reads one text", remedy="leave it out")
    if len(seconds) != len(texts) and (seconds or pairs):
        raise ConfigError(
            f"the model reads pairs, and there are {len(texts)} texts and {len(seconds)} of --text-pair",
            remedy="give one --text-pair for each text, in order",
        )
    return list(zip(texts, seconds, strict=True)) if seconds else texts


def _pair_in(line: str, number: int, file: Path | None, asked: bool | None) -> Any:
    """The two texts of a line of JSON; an empty line, or where pairs need not be, any other line as it is.

    Raises:
        DataError: the model reads pairs, and this is none.
    """
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    both = tuple(found.get(name) for name in ("text", "text_pair")) if isinstance(found, dict) else ()
    if both and all(isinstance(text, str) for text in both):
        return both
    if asked and line.strip():
        raise DataError(
            "the line is no pair of texts, and the model reads pairs",
            file=file,
            line=number,
            remedy='write {"text": "…", "text_pair": "…"} on every line',
        )
    return line


def _prompt_in(line: str, number: int, file: Path | None, predictor: Answerer) -> Any:
    """The conversation of a line of JSON, or any other line as it is.

    Raises:
        DataError: the conversation cannot be answered; with its line.
    """
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    talk = next((found[key] for key in CONVERSATIONS if key in found), None) if isinstance(found, dict) else None
    if talk is None:
        return line
    try:
        predictor.task.prompt_row(talk)
    except DataError as error:
        raise DataError(error.problem, remedy=error.remedy, file=file, line=number) from None
    return talk


def _print_labels(predictor: TextPredictor, texts: list[Any], *, as_json: bool) -> None:
    """Print the label of each text or pair; an empty line has none."""
    asked = [text for text in texts if isinstance(text, tuple) or text.strip()]
    answers = iter(predictor.predict_many(asked))
    for text in texts:
        found = next(answers) if isinstance(text, tuple) or text.strip() else None
        row = dict(zip(("text", "text_pair"), [text] if isinstance(text, str) else text, strict=False))
        if as_json:
            answer = {"label": None} if found is None else asdict(found)
            print(json.dumps({**row, **answer}, ensure_ascii=False))
            continue
        print(plain("\n".join(row.values())))
        if found is not None:
            score = "" if predictor.task.settings.kind == "regression" else f" ({found.score:.2f})"
            print(plain(f"  {found.label or 'no label'}{score}" + (", cut" if found.cut else "")))
        print()


def _print_answers(predictor: Answerer, texts: list[Any], *, as_json: bool) -> None:
    """Print the answer to each prompt or conversation, written greedily; an empty line has none."""
    asked = [text for text in texts if not isinstance(text, str) or text.strip()]
    answers = iter(predictor.predict_many(asked))
    for text in texts:
        found = None if isinstance(text, str) and not text.strip() else next(answers)
        if as_json:
            answer = {"answer": None} if found is None else {"answer": found.text, **asdict(found)}
            answer.pop("text", None)
            name = "text" if isinstance(text, str) else "messages"
            print(json.dumps({name: text, **answer}, ensure_ascii=False))
            continue
        said = [text] if isinstance(text, str) else [f"{turn.role}: {turn.text}" for turn in read_turns(text)]
        print(plain("\n".join(said)))
        if found is not None:
            print(plain(f"  {found.text}{'' if found.finished else ' …'} ({found.confidence:.2f})"))
        print()


def export_model(run: Path, folder: Path, *, base: str | None, as_json: bool) -> None:
    """Copy a run's exported model to a folder of its own, after opening it once.

    Raises:
        ExportError: the folder holds something else, or cannot be written.
    """
    from companion.deployment.predictor import load

    source = model_folder(run)
    predictor = load(source, base=base)
    if folder.exists() and not folder.is_dir():
        raise ExportError("is a file", file=folder, remedy="name a new folder")
    try:
        if folder.exists() and any(folder.iterdir()):
            raise ExportError("is not empty", file=folder, remedy="name a new folder")
        shutil.copytree(source, folder, dirs_exist_ok=True)
        if {"task_name", "data"} <= (story := read_story(run)).keys():
            write_card(folder, story)
    except OSError as error:
        raise ExportError(
            f"cannot be written: {error.strerror or error}", file=folder, remedy="choose another folder"
        ) from error
    pipeline = PIPELINES[predictor.task.name]
    piped = opens_with_pipeline(predictor.task, folder)
    usage = f'transformers.pipeline("{pipeline}", "{folder}")' if piped else f'companion.load("{folder}")'
    text = f"{folder}: open it with {usage}"
    emit({"folder": str(folder), "labels": list(predictor.labels)}, text, as_json=as_json)


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    """Texts as they are answered together: never all at once, so a million need no more memory than a thousand."""
    given = iter(texts)
    while chunk := list(islice(given, CHUNK)):
        yield chunk


def _read(file: Path | None) -> Iterator[list[str]]:
    """The lines of a UTF-8 file, or of standard input, without their ends, as they are answered together.

    Raises:
        DataError: it cannot be read.
    """
    name = "standard input" if file is None else file
    try:
        with nullcontext(getattr(sys.stdin, "buffer", sys.stdin)) if file is None else file.open("rb") as stream:
            number = 0
            for lines in _arriving(stream) if _is_live(stream) else _chunks(stream):
                yield [_decoded(line, number + place, name).rstrip("\r\n") for place, line in enumerate(lines, start=1)]
                number += len(lines)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=name, remedy="check the path") from error


def _is_live(stream: Any) -> bool:
    """Whether more may come later: from a pipe or a keyboard, and not from a file on a disk."""
    try:
        return hasattr(stream, "read1") and not stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except OSError:  # standard input that is replaced, as in a notebook
        return False


def _arriving(stream: Any) -> Iterator[list[bytes]]:
    """All lines that have come, each time some have: one where they come slowly, a block of them where they wait."""
    held: list[bytes] = []
    while block := stream.read1(BLOCK):
        whole, end, rest = block.rpartition(b"\n")
        if end:
            yield from _chunks(b"".join([*held, whole]).split(b"\n"))
            held = []
        held.append(rest)
    if last := b"".join(held):
        yield [last]


def _decoded(line: bytes | str, number: int, name: str | Path) -> str:
    """A line as text; where standard input is replaced, as in a notebook, it is text already."""
    if isinstance(line, str):
        return line
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"is not UTF-8 (line {number}, byte {error.start + 1} of it)",
            file=name,
            remedy="save the file as UTF-8 text",
        ) from error
