"""The Newsroom source: brackets become spans and tags, every slip is named, the shipped files equal their source."""

from pathlib import Path

import pytest

from companion.corpora.annotated import main, read_articles, read_brackets, read_source
from companion.corpora.articles import choose_split, convert_source, doubts
from companion.corpora.conll import read_conll
from companion.corpora.location import data_root
from companion.corpora.report import summarise, unseen_share
from companion.corpora.spans import Span
from companion.errors import DataError

from .conftest import Writer

HEAD = "# article: markets-001\n# topic: markets\n"
ARTICLE = HEAD + (
    "^+ [Norvik Bank|ORG] raises its forecast\n"
    '0 "We knew," said [Ada Berg|PER], of [Norvik Bank|ORG]\'s board, in [Oslo|LOC].\n'
    "- The [Anglo-Saxon|MISC] firm fell 3.5%.\n"
)


def test_articles_become_sentences(write: Writer) -> None:
    (article,) = read_articles(write(ARTICLE, name="markets.txt"))
    assert (article.name, article.topic, len(article.sentences)) == ("markets-001", "markets", 3)
    headline, quote, fall = article.sentences
    assert headline.meta == {
        "article": "markets-001",
        "topic": "markets",
        "sentiment": "positive",
        "headline": "yes",
        "text": "Norvik Bank raises its forecast",
    }
    assert quote.source == "newsroom/markets-001#2"
    assert (quote.meta["sentiment"], quote.meta["headline"]) == ("neutral", "no")
    assert [(quote.surface(entity), entity.type) for entity in quote.entities()] == [
        ("Ada Berg", "PER"),
        ("Norvik Bank", "ORG"),
        ("Oslo", "LOC"),
    ]
    assert quote.words[-5:] == ("board", ",", "in", "Oslo", ".")
    assert "'s" in quote.words
    assert fall.surface(fall.entities()[0]) == "Anglo - Saxon"
    assert fall.meta["sentiment"] == "negative"


def test_brackets_are_taken_out() -> None:
    assert read_brackets("in [Oslo|LOC], [EU|ORG]") == ("in Oslo, EU", [Span(3, 7, "LOC"), Span(9, 11, "ORG")])
    assert read_brackets("no names") == ("no names", [])


SLIPS = {
    "open": ("0 in [Oslo|LOC and\n", 3, "a [ without its ]"),
    "closed": ("0 in Oslo] and\n", 3, "a ] without its ["),
    "nested": ("0 the [[Oslo|LOC] Bank|ORG]\n", 3, "brackets inside brackets"),
    "unknown type": ("0 ok\n0 in [Oslo|CITY]\n", 4, "names no type"),
    "no type": ("0 in [Oslo]\n", 3, "names no type"),
    "two bars": ("0 in [Oslo|x|LOC]\n", 3, "wraps no name"),
    "empty": ("0 in [|LOC]\n", 3, "wraps no name"),
    "blank": ("0 in [ |LOC]\n", 3, "wraps no name"),
    "space inside": ("0 in [Oslo |LOC]\n", 3, "span with a space at its end"),
    "half a word": ("0 in [Os|LOC]lo\n", 3, "span that cuts a word"),
    "no sentiment": ("In Oslo.\n", 3, "a sentence without its sentiment"),
    "no space": ("+In Oslo.\n", 3, "a sentence without its sentiment"),
    "no text": ("+ \n", 3, "a sentence without its sentiment"),
    "fact inside": ("+ ok\n# topic: sport\n", 4, "cannot stand here"),
    "unknown fact": ("# author: me\n+ ok\n", 3, "cannot stand here"),
    "no sentences": ("\n+ ok\n", 1, "has no sentences"),
}


@pytest.mark.parametrize("name", SLIPS)
def test_slips_are_named_with_file_and_line(write: Writer, name: str) -> None:
    text, line, words = SLIPS[name]
    path = write(HEAD + text, name="markets.txt")
    with pytest.raises(DataError) as caught:
        list(read_articles(path))
    assert words in str(caught.value)
    assert (caught.value.file, caught.value.line) == (str(path), line)


def test_a_sentence_needs_its_article(write: Writer) -> None:
    with pytest.raises(DataError, match="a sentence before"):
        list(read_articles(write("+ ok\n")))


def test_a_folder_needs_articles_with_their_own_names(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the folder holds no article"):
        read_source(tmp_path)
    (tmp_path / "a.txt").write_text(ARTICLE)
    (tmp_path / "b.txt").write_text(ARTICLE)
    with pytest.raises(DataError, match=r"the article markets-001 also stands in a.txt"):
        read_source(tmp_path)


def source_folder(tmp_path: Path, names: int = 10) -> Path:
    """Two beats of ten articles; `names` is how many different people they speak of."""
    folder = tmp_path / "source"
    folder.mkdir()
    for topic in ("markets", "sport"):
        blocks = [
            f"# article: {topic}-{number:03}\n# topic: {topic}\n+ [Person{number % names}{topic}|PER] won\n- Lost\n"
            for number in range(10)
        ]
        (folder / f"{topic}.txt").write_text("\n".join(blocks))
    return folder


def test_the_split_keeps_articles_whole_topics_everywhere_and_names_new(tmp_path: Path) -> None:
    articles = read_source(source_folder(tmp_path))
    chosen = choose_split(articles)
    assert sum(len(part) for part in chosen.parts.values()) == 40
    placed = {split: {sentence.meta["article"] for sentence in part} for split, part in chosen.parts.items()}
    assert sum(map(len, placed.values())) == 20
    assert all({sentence.meta["topic"] for sentence in part} == {"markets", "sport"} for part in chosen.parts.values())
    assert chosen.unseen >= 0.5
    assert choose_split(articles) == chosen


def test_a_source_whose_names_all_repeat_cannot_be_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("companion.corpora.articles.TRIES", 5)
    with pytest.raises(DataError, match="none of 5 splits"):
        choose_split(read_source(source_folder(tmp_path, names=1)))


def test_the_command_writes_checks_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = source_folder(tmp_path)
    assert main([str(folder), "--check"]) == 1
    assert not (tmp_path / "train.conll").exists()
    assert "train.conll differs from the source" in capsys.readouterr().out
    assert main([str(folder)]) == 0
    assert main([str(folder), "--check"]) == 0
    assert "20 articles, 40 sentences" in capsys.readouterr().out
    assert len(read_conll(tmp_path / "train.conll")) > 20
    (folder / "sport.txt").write_text("+ no article\n")
    assert main([str(folder), "--check"]) == 1
    assert "sport.txt:1" in capsys.readouterr().err


def test_bare_names_and_double_types_are_pointed_out(write: Writer) -> None:
    text = HEAD + "0 [May|PER] met [Halden Bank|ORG] in May\n0 Halden Bank and [May|ORG]\n"
    assert doubts(list(read_articles(write(text)))) == [
        "'May' (ORG/PER elsewhere) is bare in newsroom/markets-001#1",
        "'Halden Bank' (ORG elsewhere) is bare in newsroom/markets-001#2",
        "'May' is ORG and PER",
    ]


@pytest.fixture
def newsroom() -> Path:
    folder = data_root() / "newsroom"
    if not (folder / "source").is_dir():
        pytest.skip("the Newsroom source is not part of this installation")
    return folder


def test_the_shipped_files_equal_the_conversion_of_the_source(newsroom: Path) -> None:
    articles = read_source(newsroom / "source")
    assert convert_source(articles, choose_split(articles), newsroom, write=False) == []


def test_the_shipped_split_is_what_the_book_says(newsroom: Path) -> None:
    parts = {split: read_conll(newsroom / f"{split}.conll") for split in ("train", "dev", "test")}
    total = sum(map(len, parts.values()))
    assert total >= 300
    shares = {split: len(part) / total for split, part in parts.items()}
    assert shares == pytest.approx({"train": 0.70, "dev": 0.12, "test": 0.18}, abs=0.03)
    articles = [{sentence.meta["article"] for sentence in part} for part in parts.values()]
    assert sum(map(len, articles)) == len(set.union(*articles))
    topics = [{sentence.meta["topic"] for sentence in part} for part in parts.values()]
    assert topics[0] == topics[1] == topics[2]
    assert unseen_share(summarise(parts["train"]), summarise(parts["test"])) >= 0.5
