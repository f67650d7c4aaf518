"""Written or stamped: distinct word trigrams of the book's corpora beside public text of the same size.

Nothing is trained; the numbers depend on the files and on the keyed samples alone.

Taught in: book/reference/newsroom
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from companion.experiments.records import Cell, run_cells

NAME = "originality"
REFERENCES = {"newsroom": "wikigold", "newsroom-unlabelled": "wikigold", "helpdesk": "banking77"}
SEEDS = (0, 1, 2, 3, 4)


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Compare every corpus without a record to its reference; the fast profile compares Newsroom with its own text."""
    pairs = REFERENCES if profile == "full" else {"newsroom": "newsroom-unlabelled"}
    cells = [{"corpus": corpus, "reference": reference} for corpus, reference in pairs.items()]
    command = f"companion experiments {NAME} --profile {profile}"
    return run_cells(NAME, cells, measure, root=root, command=command, say=say)


def measure(*, corpus: str, reference: str) -> dict[str, Any]:
    """The trigram ratio of both in five keyed samples of equal size: three quarters of the smaller one."""
    from companion.corpora.originality import distinct_trigram_ratio, sample_words

    own, other = rows_of(corpus), rows_of(reference)
    words = 3 * min(sum(map(len, own)), sum(map(len, other))) // 4
    ratios = [[distinct_trigram_ratio(sample_words(rows, words, seed=seed)) for seed in SEEDS] for rows in (own, other)]
    ratio, compared = (sum(values) / len(values) for values in ratios)
    return {"words": words, "ratio": ratio, "reference_ratio": compared, "quotient": ratio / compared}


def rows_of(name: str) -> Sequence[Sequence[str]]:
    """The words of every text of a corpus."""
    from companion.corpora.catalog import load_corpus
    from companion.corpora.records import Corpus
    from companion.corpora.unlabelled import load_unlabelled
    from companion.corpora.words import split_words

    if name == "newsroom-unlabelled":
        return [split_words(sentence) for story in load_unlabelled() for sentence in story.sentences]
    corpus = load_corpus(name)
    parts = corpus.splits.values()
    if isinstance(corpus, Corpus):
        return [sentence.words for part in parts for sentence in part]
    return [split_words(text.text) for part in parts for text in part]
