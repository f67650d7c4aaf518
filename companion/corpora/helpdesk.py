"""The Helpdesk source: messages under their intent, help articles, and questions with the article each rests on.

    # domain: delivery
    # intent: track_order
    any idea where my duo is right now?

`python -m companion.corpora.helpdesk data/helpdesk/source` writes the splits beside the folder; with `--check` it
writes nothing and compares.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from companion.corpora.jsonl import records_of
from companion.corpora.location import data_root
from companion.corpora.manifest import verify_file
from companion.corpora.originality import SIMILAR, bare, near_duplicates
from companion.corpora.records import SPLITS
from companion.corpora.tally import Tally
from companion.corpora.text import read_text, split_lines
from companion.corpora.texts import Text
from companion.errors import CompanionError, DataError
from companion.randomness import key

OUT_OF_SCOPE = "out_of_scope"
DOMAINS = {
    "delivery": "track_order delivery_late delivery_not_received change_delivery_address choose_delivery_time",
    "orders": "cancel_order change_order wrong_or_damaged_item return_item refund_status",
    "payment": "payment_declined double_charge request_invoice update_payment_method discount_code_problem",
    "account": "reset_password cannot_log_in change_account_details delete_account suspicious_activity",
    "subscription": "start_subscription pause_subscription cancel_subscription change_subscription subscription_price",
    "machine": "machine_will_not_start machine_leaks descaling_and_cleaning app_pairing warranty_and_repair",
    "none": OUT_OF_SCOPE,
}
"""The intents of each domain; messages that fit none of them have the domain `none`."""
SHARES = {"test": 0.18, "dev": 0.12}
_FACT = re.compile(r"# (domain|intent): (\S+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class HelpArticle:
    """An article of the knowledge base."""

    id: str
    """Its name, such as `delivery-03`."""
    domain: str
    """Its domain."""
    title: str
    """Its title."""
    text: str
    """What it says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A customer's question and an answer that rests on one article."""

    question: str
    """What the customer wrote."""
    answer: str
    """What the agent answered."""
    article: str
    """The `id` of the article that the answer rests on."""


def read_messages(folder: str | Path) -> list[Text]:
    """The messages of every `.txt` file of the source, in the order of file name and place.

    Raises:
        DataError: with file and line, for an unknown domain or intent, a message before them, an intent that comes
            back or has no message, white space that is not one space, or a message that stands elsewhere too,
            ignoring case and punctuation.

    Taught in: book/reference/helpdesk
    """
    seen: dict[str, str] = {}
    intents: set[str] = set()
    texts: list[Text] = []
    for path in sorted(Path(folder).glob("*.txt")):
        facts: dict[str, str] = {}
        messages = 0
        for number, line in enumerate([*split_lines(read_text(path)), ""], start=1):
            place = f"{path.name}:{number}"
            if not line.strip():
                if facts and not messages:
                    raise DataError(
                        f"the block of {facts.get('intent', facts.get('domain'))} holds no message",
                        file=path,
                        line=number - 1,
                        remedy="Put its messages right below its domain and intent, without an empty line.",
                    )
                facts, messages = {}, 0
            elif line.startswith("#"):
                _head(line, facts, intents, path, number)
            elif set(facts) != {"domain", "intent"} or line != " ".join(line.split()):
                raise DataError(
                    f"{line[:60]!r} stands before its domain and intent, or holds white space that is no single space",
                    file=path,
                    line=number,
                    remedy="One message a line, below '# domain:' and '# intent:', words one space apart.",
                )
            else:
                known = seen.setdefault(bare(line), place)
                if known != place:
                    raise DataError(
                        f"the message also stands at {known}", file=path, line=number, remedy="Remove one of them."
                    )
                texts.append(Text(text=line, label=facts["intent"], source=place, meta={"domain": facts["domain"]}))
                messages += 1
    if not texts:
        raise DataError("the folder holds no message", file=folder, remedy="It needs one .txt file per domain.")
    return texts


def _head(line: str, facts: dict[str, str], intents: set[str], path: Path, number: int) -> None:
    """Note the domain or the intent of a block; the domain comes first, and each intent has one block."""
    match = _FACT.fullmatch(line)
    kind, name = match.groups() if match is not None else ("", "")
    if not kind or kind in facts or (kind == "intent") != bool(facts) or (kind == "intent" and name in intents):
        raise DataError(
            f"{line[:60]!r} cannot stand here",
            file=path,
            line=number,
            remedy="A block begins with '# domain: name' and '# intent: name'; each intent has one block.",
        )
    known = DOMAINS if kind == "domain" else DOMAINS[facts["domain"]].split()
    if name not in known:
        raise DataError(
            f"the {kind} {name!r} is not known" + (f" in {facts['domain']}" if kind == "intent" else ""),
            file=path,
            line=number,
            remedy=f"Use one of {', '.join(known)}.",
        )
    facts[kind] = name
    intents |= {name} if kind == "intent" else set()


def split_messages(texts: Sequence[Text]) -> dict[str, list[Text]]:
    """Train, dev and test: within each intent, messages in keyed order fill test to 18 %, then dev to 12 %.

    Raises:
        DataError: two messages of different splits are nearly the same (`originality.SIMILAR`).

    Taught in: book/reference/helpdesk
    """
    by_intent: dict[str, list[Text]] = defaultdict(list)
    for text in texts:
        by_intent[text.label].append(text)
    place = {
        text.source: split
        for of_intent in by_intent.values()
        for split, part in _deal(of_intent, [text.text for text in of_intent]).items()
        for text in part
    }
    parts = {split: [text for text in texts if place[text.source] == split] for split in SPLITS}
    for one, other in (("train", "dev"), ("train", "test"), ("dev", "test")):
        for pair in near_duplicates([text.text for text in parts[one]], [text.text for text in parts[other]]):
            raise DataError(
                f"{parts[one][pair.left].source} ({one}) and {parts[other][pair.right].source} ({other}) share "
                f"{pair.similarity:.0%} of their trigrams, {SIMILAR:.0%} is too much",
                remedy="Write one of them anew.",
            )
    return parts


def read_articles(path: str | Path) -> list[HelpArticle]:
    """The articles of a JSONL file.

    Raises:
        DataError: with file and line, for a line that is no article, or an id that is used twice.

    Taught in: book/reference/helpdesk
    """
    found: list[HelpArticle] = []
    for line, article in _read(Path(path), HelpArticle):
        if any(article.id == other.id for other in found):
            raise DataError(f"the id {article.id!r} is used twice", file=path, line=line, remedy="Rename one.")
        found.append(article)
    return found


def read_questions(path: str | Path) -> list[Question]:
    """The question-answer pairs of a JSONL file.

    Raises:
        DataError: with file and line, for a line that is no pair.

    Taught in: book/reference/helpdesk
    """
    return [question for _, question in _read(Path(path), Question)]


def load_articles() -> list[HelpArticle]:
    """The knowledge base that ships with the book, verified by its digest.

    Taught in: book/reference/helpdesk
    """
    return read_articles(verify_file(data_root(), "helpdesk/articles.jsonl"))


def load_questions() -> dict[str, list[Question]]:
    """The question-answer pairs that ship with the book, by split, verified by their digests.

    Taught in: book/reference/helpdesk
    """
    return {split: read_questions(verify_file(data_root(), f"helpdesk/questions-{split}.jsonl")) for split in SPLITS}


def convert_source(source: Path, *, write: bool) -> list[str]:
    """Write the converted files beside the source folder, or only compare; the names of those not up to date.

    Raises:
        DataError: as the readers do; also for a question whose article does not exist.

    Taught in: book/reference/helpdesk
    """
    messages = split_messages(read_messages(source))
    files = {
        f"{split}.jsonl": [{"text": text.text, "intent": text.label, **text.meta} for text in part]
        for split, part in messages.items()
    }
    articles = read_articles(source / "articles.jsonl")
    questions = read_questions(source / "questions.jsonl")
    unknown = {question.article for question in questions} - {article.id for article in articles}
    if unknown:
        raise DataError(f"a question rests on {min(unknown)!r}, which is no article", file=source / "questions.jsonl")
    files["articles.jsonl"] = [asdict(article) for article in articles]
    for split, part in _deal(questions, [question.question for question in questions]).items():
        files[f"questions-{split}.jsonl"] = [asdict(question) for question in part]
    stale = []
    for name, rows in files.items():
        path = source.resolve().parent / name
        data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        if not path.is_file() or path.read_bytes() != data:
            stale.append(name)
            if write:
                path.write_bytes(data)
    return stale


def _deal(items: Sequence[Any], names: Sequence[str]) -> dict[str, list[Any]]:
    """Items in keyed order: the first 18 % to test, the next 12 % to dev, each split in the order of the source."""
    order = sorted(range(len(items)), key=lambda place: key(0, "helpdesk split", names[place]))
    test = round(SHARES["test"] * len(items))
    dev = round(SHARES["dev"] * len(items))
    chosen = {"train": order[test + dev :], "dev": order[test : test + dev], "test": order[:test]}
    return {split: [items[place] for place in sorted(places)] for split, places in chosen.items()}


def _read(path: Path, kind: type) -> Iterator[tuple[int, Any]]:
    fields = set(kind.__dataclass_fields__)
    for line, record in records_of(read_text(path), path, Tally()):
        whole = isinstance(record, Mapping) and set(record) == fields
        if not whole or not all(isinstance(value, str) and value.strip() for value in record.values()):
            raise DataError(
                f"this is no {kind.__name__}",
                file=path,
                line=line,
                remedy=f"Give text for {', '.join(sorted(fields))}.",
            )
        yield line, kind(**record)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: convert the source, or compare the files with it; the exit status is 1 when something is wrong.

    Taught in: book/reference/helpdesk
    """
    parser = argparse.ArgumentParser(prog="python -m companion.corpora.helpdesk", description=main.__doc__)
    parser.add_argument("source", type=Path, help="the folder with one .txt file per domain and the two .jsonl files")
    parser.add_argument("--check", action="store_true", help="write nothing; compare the files with the source")
    options = parser.parse_args(arguments)
    try:
        stale = convert_source(options.source, write=not options.check)
        sizes = {split: len(part) for split, part in split_messages(read_messages(options.source)).items()}
    except CompanionError as error:
        print(error, file=sys.stderr)
        return 1
    print(", ".join(f"{split}: {size} messages" for split, size in sizes.items()))
    for name in stale if options.check else ():
        print(f"{name} differs from the source: run the command without --check, then write the manifest")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
