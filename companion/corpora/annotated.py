"""The Newsroom source: articles in running text with names in brackets, one sentence per line.

    # article: markets-001
    # topic: markets
    ^+ [Norvik Bank|ORG] raises its forecast
    0 [Ada Berg|PER], its head, spoke in [Oslo|LOC].

`+`, `-` and `0` say how the sentence speaks of its subject; `^` marks the headline. Brackets become character spans,
and the spans become words and tags by the same rule that cuts text for prediction (`companion.corpora.words`).

`python -m companion.corpora.annotated data/newsroom/source` writes `train.conll`, `dev.conll` and `test.conll` beside
the folder and prints what to look at again; with `--check` it writes nothing and compares.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from companion.corpora.records import Sentence
from companion.corpora.spans import Span, read_spans
from companion.corpora.text import read_text, split_lines
from companion.errors import CompanionError, DataError

TYPES = ("LOC", "MISC", "ORG", "PER")
SENTIMENTS = {"+": "positive", "-": "negative", "0": "neutral"}
_FACT = re.compile(r"# (article|topic): (\S+)")
_LINE = re.compile(r"(\^?)([-+0]) (\S.*)")


class Article(NamedTuple):
    """One article of the source."""

    name: str
    """Its name, for example `markets-003`."""
    topic: str
    """Its beat."""
    sentences: tuple[Sentence, ...]
    """Its sentences, the headline first if it has one."""


def read_source(folder: str | Path) -> list[Article]:
    """All articles of the source files of a folder, in the order of file name and place.

    Raises:
        DataError: with file and line, for what `read_articles` refuses, an article name used twice, or an empty folder.

    Taught in: book/walkthroughs/train-a-tagger
    """
    files = sorted(Path(folder).glob("*.txt"))
    articles = [(path, article) for path in files for article in read_articles(path)]
    if not articles:
        raise DataError("the folder holds no article", file=folder, remedy="It needs one .txt file per beat.")
    seen: dict[str, Path] = {}
    for path, article in articles:
        if article.name in seen:
            raise DataError(
                f"the article {article.name} also stands in {seen[article.name].name}", file=path, remedy="Rename one."
            )
        seen[article.name] = path
    return [article for _, article in articles]


def read_articles(path: str | Path) -> Iterator[Article]:
    """The articles of one source file.

    Raises:
        DataError: with file and line, for brackets that do not match, nest, name an unknown type or wrap nothing;
            for a line without its sentiment, an article without name, topic or sentences.

    Taught in: book/walkthroughs/train-a-tagger
    """
    facts: dict[str, str] = {}
    sentences: list[Sentence] = []
    first = 1
    for number, line in enumerate([*split_lines(read_text(path)), ""], start=1):
        if not line.strip():
            if facts or sentences:
                yield _article(facts, sentences, path, first)
            facts, sentences = {}, []
        elif line.startswith("#"):
            match = _FACT.fullmatch(line)
            if match is None or match[1] in facts or sentences:
                raise DataError(
                    f"{line[:60]!r} cannot stand here",
                    file=path,
                    line=number,
                    remedy="An article begins with '# article: name' and '# topic: name' after an empty line.",
                )
            facts[match[1]] = match[2]
        else:
            if not sentences:
                first = number
            sentences.append(_sentence(line, facts, len(sentences) + 1, path, number))


def read_brackets(text: str) -> tuple[str, list[Span]]:
    """The plain text and its character spans, from text with `[surface|TYPE]`.

    Raises:
        DataError: brackets do not match, nest, lack a type, name an unknown one, or wrap nothing.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    plain, spans, position = "", [], 0
    for match in re.finditer(r"[\[\]]", text):
        if match.start() < position:
            continue
        if match[0] == "]":
            raise DataError("a ] without its [", remedy="Open the bracket or remove this one.")
        end = text.find("]", match.end())
        inside = text[match.end() : end]
        if end < 0 or "[" in inside:
            what = "a [ without its ]" if end < 0 else f"brackets inside brackets: [{inside}]"
            raise DataError(what, remedy="Close every bracket, and annotate the longest name only.")
        surface, bar, kind = inside.rpartition("|")
        if not bar or kind not in TYPES:
            raise DataError(f"[{inside}] names no type", remedy=f"Write [name|TYPE] with one of {', '.join(TYPES)}.")
        if not surface.strip() or "|" in surface:
            raise DataError(f"[{inside}] wraps no name", remedy="Write the name before the one |.")
        plain += text[position : match.start()]
        spans.append(Span(len(plain), len(plain) + len(surface), kind))
        plain, position = plain + surface, end + 1
    return plain + text[position:], spans


def _sentence(line: str, facts: dict[str, str], order: int, path: str | Path, number: int) -> Sentence:
    match = _LINE.fullmatch(line)
    if match is None or set(facts) != {"article", "topic"}:
        problem, remedy = "a sentence before '# article:' and '# topic:'", "Put both lines before the first sentence."
        if match is None:
            problem = "a sentence without its sentiment"
            remedy = "Begin the line with +, - or 0 (after ^ for a headline) and one space."
        raise DataError(problem, remedy=remedy, file=path, line=number)
    try:
        text, spans = read_brackets(match[3].rstrip())
        reading = read_spans(text, spans)
    except DataError as error:
        raise DataError(error.problem, remedy=error.remedy, file=path, line=number) from None
    meta = {**facts, "sentiment": SENTIMENTS[match[2]], "headline": "yes" if match[1] else "no", "text": text}
    return Sentence(words=reading.words, tags=reading.tags, source=f"newsroom/{facts['article']}#{order}", meta=meta)


def _article(facts: dict[str, str], sentences: Sequence[Sentence], path: str | Path, line: int) -> Article:
    if not sentences or set(facts) != {"article", "topic"}:
        raise DataError(
            f"the article {facts.get('article', '')!r} has no sentences",
            file=path,
            line=line,
            remedy="Put its sentences right below its name and topic, without an empty line.",
        )
    return Article(facts["article"], facts["topic"], tuple(sentences))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: convert the source, or compare the files with it; the exit status is 1 when something is wrong.

    Taught in: book/walkthroughs/train-a-tagger
    """
    from companion.corpora import articles as steps

    parser = argparse.ArgumentParser(prog="python -m companion.corpora.annotated", description=main.__doc__)
    parser.add_argument("source", type=Path, help="the folder with one .txt file per beat")
    parser.add_argument("--check", action="store_true", help="write nothing; compare the .conll files with the source")
    options = parser.parse_args(arguments)
    try:
        articles = read_source(options.source)
        chosen = steps.choose_split(articles)
        stale = steps.convert_source(articles, chosen, options.source.resolve().parent, write=not options.check)
        print(steps.describe_split(articles, chosen))
        for line in steps.doubts(articles):
            print(f"look again: {line}")
    except CompanionError as error:
        print(error, file=sys.stderr)
        return 1
    for name in stale if options.check else ():
        print(f"{name} differs from the source: run the command without --check, then write the manifest")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
