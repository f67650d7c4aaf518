"""Public unlabelled text: read by name, each line once, files verified."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.corpora.decontamination import bare_letters
from companion.corpora.public_text import load_public_text, split_sentences
from companion.errors import DataError


def test_sentences_end_where_prose_ends_them() -> None:
    text = "The  Committee met.\n\tMr. Stern and Ms. J. Yellen agreed: rates fell 0.5 percent! "
    text += '"Why?" Nobody asked. (A note.) '
    assert split_sentences(text) == [
        "The Committee met.",
        "Mr. Stern and Ms. J. Yellen agreed: rates fell 0.5 percent!",
        '"Why?" Nobody asked.',
        "(A note.)",
    ]
    assert split_sentences(" \n") == []


def test_what_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="no text is called 'wikipedia'"):
        load_public_text("wikipedia")
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    with pytest.raises(DataError, match="the minutes are not here") as caught:
        load_public_text("fomc-minutes")
    assert "gtfintechlab" in caught.value.remedy
    (tmp_path / "fomc_minutes").mkdir()
    (tmp_path / "fomc_minutes" / "19960130.txt").write_text("Something else.", encoding="utf-8")
    with pytest.raises(DataError, match="the 1 documents are not the 230"):
        load_public_text("fomc-minutes")


@pytest.mark.public_data
@pytest.mark.parametrize(
    ("name", "lines", "first_note"),
    [("wnut17-unlabelled", 98_125, "102,327 lines"), ("fomc-minutes", 41_997, "3 of 230 documents are copies")],
)
def test_every_line_stands_there_once(public_root: Path, name: str, lines: int, first_note: str) -> None:
    text = load_public_text(name)
    assert len(text.lines) == len({bare_letters(line) for line in text.lines}) == lines
    assert text.notes[0].startswith(first_note)
    assert all(line == line.strip() != "" for line in text.lines)
