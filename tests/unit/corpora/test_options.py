"""The options of the readers: what a signature shows, what the reader behind it takes, and what is refused."""

import inspect

import pytest

from companion.corpora import files, hub, rows
from companion.corpora.options import TagOptions
from companion.corpora.records import Corpus
from companion.corpora.texts import TextCorpus
from companion.errors import ConfigError

READERS = {
    "from_conll": files.from_conll,
    "from_csv": files.from_csv,
    "from_jsonl": files.from_jsonl,
    "from_rows": rows.from_rows,
    "from_spans": files.from_spans,
    "from_datasets": hub.from_datasets,
}


def options_of(reader) -> set[str]:
    parameters = inspect.signature(reader).parameters.values()
    return {one.name for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY}


def test_a_signature_shows_the_options_of_the_reader_behind_it() -> None:
    shown = {name for name in dir(Corpus) if name.startswith("from_")}
    assert shown == set(READERS)
    for name, reader in READERS.items():
        assert options_of(getattr(Corpus, name)) == options_of(reader) | set(TagOptions.__annotations__), name
    assert "dev: 'str | Path | None' = …" in str(inspect.signature(Corpus.from_conll))
    texts = {name for name in dir(TextCorpus) if name.startswith("from_")}
    assert len(texts) == 4
    for name in texts:
        assert {"name", "licence", "citation", "text", "label", "split"} <= options_of(getattr(TextCorpus, name))


def test_a_misspelt_option_is_named_before_anything_is_read() -> None:
    for corpus, names in ((Corpus, READERS), (TextCorpus, ("from_csv", "from_jsonl", "from_rows", "from_datasets"))):
        for name in names:
            with pytest.raises(ConfigError, match=f"{name}: unknown option 'licens'") as caught:
                getattr(corpus, name)("no such file", licens="mit")
            assert caught.value.remedy == "Did you mean licence?"
    with pytest.raises(ConfigError, match="'xyzzy'") as caught:
        Corpus.from_conll("no such file", xyzzy=1)  # type: ignore[call-arg]
    assert "word_column" in caught.value.remedy
