"""A new file is read with the columns of the run, where it has them and nothing else is said."""

import json
from pathlib import Path

import pytest

from companion.cli.run_columns import as_in_training
from companion.cli.source import Source
from companion.errors import DataError

CASES = [
    ("review;stars\nfine;5\n", "new.csv", "text=review,label=stars", True),
    ("text,label\nfine,5\n", "new.csv", "text=review,label=stars", False),
    ("text,stars\nfine,5\n", "new.csv", "text=review,label=stars", False),
    ('{"review": "fine", "stars": 5}\n', "new.jsonl", "text=review,label=stars", True),
    ('{"text": "fine", "label": 5}\n', "new.jsonl", "text=review,label=stars", False),
    ("1 Ada X B-PER\n", "new.conll", "word=1,tag=-1", True),
    ("1 Ada X B-PER\n", "new.conll", "word=1,tag=4", False),
    ("1 Ada X B-PER\n", "new.conll", "word=token,tag=ner", False),
    ("word,tag\nAda,B-PER\n", "new.csv", "word=1,tag=3", False),
]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run" / "model").mkdir(parents=True)
    return tmp_path / "run"


def remember(run: Path, columns: str | None) -> None:
    (run / "run.json").write_text(json.dumps({"origin": {"columns": columns}}), encoding="utf-8")


@pytest.mark.parametrize(("content", "name", "columns", "taken"), CASES)
def test_the_columns_of_the_run_are_taken_where_they_are_there(
    content: str, name: str, columns: str, taken: bool, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / name).write_text(content, encoding="utf-8")
    remember(run, columns)
    for folder in (run, run / "model"):
        source = as_in_training(Source(train=run / name), folder)
        assert source.columns == (columns if taken else None)
        said = capsys.readouterr().err
        assert said == (
            f"{name} is read with the columns of the run: {columns} (--columns names others)\n" if taken else ""
        )


def test_what_is_said_overrides_and_without_a_run_nothing_is_taken(run: Path) -> None:
    path = run / "new.csv"
    path.write_text("review,stars,other\nfine,5,6\n", encoding="utf-8")
    named = Source(train=path, columns="text=review,label=other")
    for story in ("text=review,label=stars", None):
        remember(run, story)
        assert as_in_training(named, run) is named
    assert as_in_training(Source(train=path), run).columns is None
    assert as_in_training(Source(corpus="newsroom"), run) == Source(corpus="newsroom")
    (run / "run.json").write_text('{"origin": null}', encoding="utf-8")
    assert as_in_training(Source(train=path), run).columns is None
    remember(run, "text=review,label=stars")
    with pytest.raises(DataError):
        as_in_training(Source(train=run / "nowhere.csv"), run)
