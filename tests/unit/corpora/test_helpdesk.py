"""The Helpdesk source is read strictly, split by key, and converted the same way every time."""

import json
from pathlib import Path

import pytest

from companion.corpora.helpdesk import (
    DOMAINS,
    HelpArticle,
    convert_source,
    load_articles,
    load_questions,
    main,
    read_articles,
    read_messages,
    read_questions,
    split_messages,
)
from companion.errors import DataError

WORDS = [
    *("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "islet"),
    *("jetty", "knoll", "larch", "maple", "nadir", "otter", "plume", "quill", "raven"),
]


def block(intent: str, messages: list[str], domain: str = "orders") -> str:
    return f"# domain: {domain}\n# intent: {intent}\n" + "\n".join(messages) + "\n"


def source(folder: Path) -> Path:
    folder.mkdir()
    messages = {
        intent: [f"{verb} {one} {other}" for one, other in zip(WORDS, WORDS[1:] + WORDS[:1], strict=True)]
        for intent, verb in (("cancel_order", "stop"), ("change_order", "start"))
    }
    (folder / "orders.txt").write_text("\n".join(block(intent, rows) for intent, rows in messages.items()))
    article = {"id": "orders-01", "domain": "orders", "title": "Stopping", "text": "Press stop."}
    (folder / "articles.jsonl").write_text(json.dumps(article) + "\n")
    questions = [{"question": f"how {word}?", "answer": "Press it.", "article": "orders-01"} for word in WORDS]
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in questions))
    return folder


def test_messages_carry_intent_domain_and_place(tmp_path: Path) -> None:
    texts = read_messages(source(tmp_path / "source"))
    assert len(texts) == 2 * len(WORDS)
    assert (texts[0].text, texts[0].label) == ("stop amber birch", "cancel_order")
    assert texts[0].source == "orders.txt:3"
    assert texts[0].meta == {"domain": "orders"}


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("a message first\n", 1),
        ("# domain: orders\nno intent\n", 2),
        ("# domain: orders\n# intent: return_item\ntwo  spaces\n", 3),
        ("# domain: orders\n# intent: return_item\na\ttab\n", 3),
        ("# domain: orders\n# intent: return_item\nhello\nHELLO!\n", 4),
        ("# domain: orders\n# intent: return_item\nhello\n\n# domain: orders\n# intent: return_item\nagain\n", 6),
        ("# domain: orders\n# topic: return_item\nhello\n", 2),
        ("# domain: gardens\n# intent: return_item\nhello\n", 1),
        ("# domain: orders\n# intent: return_items\nhello\n", 2),
        ("# domain: delivery\n# intent: return_item\nhello\n", 2),
        ("# intent: return_item\n# domain: orders\nhello\n", 1),
        ("# domain: orders\n# intent: return_item\n\nhello\n", 2),
        ("# domain: orders\n# intent: return_item\nhello\n\n# domain: orders\n# intent: cancel_order\n", 6),
    ],
)
def test_a_source_that_breaks_the_rules_is_refused_by_line(tmp_path: Path, content: str, line: int) -> None:
    (tmp_path / "a.txt").write_text(content)
    with pytest.raises(DataError) as caught:
        read_messages(tmp_path)
    assert caught.value.line == line


def test_thirty_intents_in_six_domains_and_what_fits_none() -> None:
    intents = {domain: names.split() for domain, names in DOMAINS.items()}
    assert [len(names) for names in intents.values()] == [5] * 6 + [1]
    assert len({name for names in intents.values() for name in names}) == 31


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no message"):
        read_messages(tmp_path)


def test_each_intent_is_dealt_by_share_and_by_key(tmp_path: Path) -> None:
    texts = read_messages(source(tmp_path / "source"))
    parts = split_messages(texts)
    assert {split: len(part) for split, part in parts.items()} == {"train": 26, "dev": 4, "test": 6}
    assert split_messages(texts) == parts
    assert sorted(text.source for part in parts.values() for text in part) == sorted(text.source for text in texts)


def test_near_duplicates_in_two_splits_are_refused(tmp_path: Path) -> None:
    rows = [f"please tell me where my parcel is today {word}" for word in WORDS]
    (tmp_path / "a.txt").write_text(block("refund_status", rows))
    with pytest.raises(DataError, match="of their trigrams"):
        split_messages(read_messages(tmp_path))


def test_conversion_is_idempotent_and_check_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = source(tmp_path / "source")
    assert main([str(folder), "--check"]) == 1
    assert not (tmp_path / "train.jsonl").exists()
    assert main([str(folder)]) == 0 and main([str(folder), "--check"]) == 0
    assert "train: 26 messages" in capsys.readouterr().out
    assert convert_source(folder, write=False) == []
    assert sum(len(read_questions(tmp_path / f"questions-{split}.jsonl")) for split in ("train", "dev", "test")) == 18
    (folder / "questions.jsonl").write_text('{"question": "a", "answer": "b", "article": "none-01"}\n')
    assert main([str(folder)]) == 1
    assert "none-01" in capsys.readouterr().err


@pytest.mark.parametrize("line", ['{"id": "a"}', '{"id": "a", "domain": "d", "title": "", "text": "x"}', "[1]"])
def test_a_line_that_is_no_article_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "articles.jsonl"
    good = '{"id": "a", "domain": "d", "title": "t", "text": "x"}\n'
    path.write_text(good + line + "\n")
    with pytest.raises(DataError, match="no HelpArticle") as caught:
        read_articles(path)
    assert caught.value.line == 2
    path.write_text(good)
    assert read_articles(path) == [HelpArticle(id="a", domain="d", title="t", text="x")]
    path.write_text(good + good)
    with pytest.raises(DataError, match="used twice"):
        read_articles(path)


def test_every_shipped_question_rests_on_an_article_that_is_there() -> None:
    articles = {article.id for article in load_articles()}
    questions = [question for part in load_questions().values() for question in part]
    assert len(articles) >= 60 and len(questions) >= 90
    assert {question.article for question in questions} <= articles
