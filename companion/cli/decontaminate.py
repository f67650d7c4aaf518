"""`companion corpora --remove test-of wnut17 --from text.txt`: unlabelled text without held-out sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from companion.cli.output import emit, say
from companion.errors import ConfigError, DataError

if TYPE_CHECKING:
    from companion.corpora.decontamination import HeldOut

OF = "-of"
TEXT_ENDINGS = ("", ".txt", ".text")
USAGE = "write --remove test-of NAME, or --remove FILE"


def remove_from_text(
    remove: Sequence[str],
    names: Sequence[str],
    sources: Sequence[Path],
    out: Path | None,
    *,
    unused: Sequence[str] = (),
    as_json: bool,
) -> None:
    """Write the lines of the sources that hold none of the sentences, and print how many went and why.

    Raises:
        ConfigError: what to remove, or from what, is not said, the output is there already, or an option is unused.
        DataError: a corpus or file cannot be read, or the output cannot be written.
    """
    from companion.corpora.decontamination import decontaminate
    from companion.corpora.text import read_text, split_lines

    for option in unused:
        raise ConfigError(f"cleaning a text has no use for {option}", remedy=f"leave {option} out")
    if not sources:
        raise ConfigError("nothing is named to remove sentences from", remedy="name a text with --from, a line each")
    if not remove:
        raise ConfigError("no sentences are named to remove", remedy=USAGE)
    out = sources[0].with_name(f"{sources[0].stem}.clean{sources[0].suffix}") if out is None else out
    # Asked before the work is done; whoever writes it in the meantime is noticed when it is opened.
    if out.exists():
        raise ConfigError(f"{out} is there already", remedy="name another file with --out, or move it away")
    groups = {title: _held_out(title, names) for title, names in _what(remove, names)}
    lines = [line for source in sources for line in split_lines(read_text(source))]
    found = decontaminate(lines, [row for rows in groups.values() for row in rows])
    try:
        with out.open("x", encoding="utf-8", newline="\n") as stream:
            stream.writelines(f"{line}\n" for line in found.kept)
    except FileExistsError as error:
        raise ConfigError(f"{out} is there already", remedy="name another file with --out") from error
    except OSError as error:
        raise DataError(f"cannot be written: {error}", file=out, remedy="check the folder and its rights") from error
    told, start = {}, 0
    for title, rows in groups.items():
        places = range(start, start := start + len(rows))
        told[title] = {"sentences": len(rows), "found": sum(place in found.found for place in places)}
    if not found.removals:
        say("warning: nothing was removed; these sentences are not in this text")
    parts = [f"{one['found']:>9,} of {one['sentences']:,} sentences of {title}" for title, one in told.items()]
    emit(
        {"out": str(out), **found.counts(), "held_out_by_name": told},
        "\n".join([str(found), *(parts if len(parts) > 1 else []), "", f"written  {out}"]),
        as_json=as_json,
    )


def _what(remove: Sequence[str], names: Sequence[str]) -> list[tuple[str, tuple[str, str]]]:
    """Each thing to remove with its split and corpus; a file has no split. The names follow the splits in order."""
    left, found = list(names), []
    for item in remove:
        split, _, name = item.partition(" ")
        if not split.endswith(OF):
            found.append((item, ("", item)))
            continue
        if not name and not left:
            raise ConfigError(f"--remove {split} names no corpus", remedy=f"{USAGE} (names: companion corpora)")
        name = name.strip() or left.pop(0)
        found.append((f"{split} {name}", (split.removesuffix(OF), name)))
    if left:
        raise ConfigError(f"{left[0]!r} belongs to no --remove", remedy=USAGE)
    return found


def _held_out(title: str, what: tuple[str, str]) -> Sequence[HeldOut]:
    """The sentences of a split of a named corpus, of a text, or of a labelled file."""
    from companion.cli.source import Source
    from companion.corpora.catalog import load_corpus
    from companion.corpora.decontamination import held_out_rows
    from companion.corpora.text import read_text, split_lines

    split, name = what
    if split:
        return held_out_rows(load_corpus(name), split)
    if Path(name).suffix.lower() not in TEXT_ENDINGS:
        return Source(train=name).load_one()
    rows = [line for line in split_lines(read_text(name)) if line.strip()]
    if not rows:
        raise DataError("the file holds no sentence", file=name, remedy="give a sentence a line")
    return rows
