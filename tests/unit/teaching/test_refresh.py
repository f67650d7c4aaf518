import nbformat
import pytest

from companion.errors import ConfigError
from companion.teaching.cells import read_cells
from companion.teaching.listing import listing
from companion.teaching.refresh import main, refresh_shown, refreshed

TAGS = {"tags": ["show", "nbval-ignore-output"]}
SETUP = """\
import sys
if "google.colab" in sys.modules:
    %pip install something
from companion import teaching
"""


def notebook(path, *cells):
    """Write a notebook of (source, metadata) code cells."""
    code = [
        nbformat.v4.new_code_cell(source, metadata=metadata, id=f"cell-{n}")
        for n, (source, metadata) in enumerate(cells)
    ]
    for cell in code:
        cell.execution_count = 1
    nbformat.write(nbformat.v4.new_notebook(cells=code), path)
    return path


@pytest.fixture
def book(tmp_path):
    """A notebook with a setup cell and one show cell, not yet filled."""
    return notebook(
        tmp_path / "chapter.ipynb",
        (SETUP, {}),
        ("from companion.randomness import permutation\nteaching.show(permutation)", TAGS),
    )


def outputs(path, position=1):
    return nbformat.read(path, as_version=4).cells[position].outputs


def test_a_stale_cell_is_filled_from_source_and_then_left_alone(book):
    assert refresh_shown(book) is True
    before = book.read_bytes()
    expected = listing("companion.randomness.permutation")
    assert outputs(book) == [
        {
            "output_type": "display_data",
            "metadata": {},
            "data": {"text/html": expected.html(), "text/plain": expected.text()},
        }
    ]
    assert refresh_shown(book) is False
    assert book.read_bytes() == before
    assert nbformat.read(book, as_version=4).cells[1].execution_count == 1


def test_the_output_is_what_a_kernel_would_have_written(book):
    from nbclient import NotebookClient

    executed = nbformat.read(book, as_version=4)
    executed.cells[0].source = "from companion import teaching"
    NotebookClient(executed, timeout=60, kernel_name="python3").execute()
    refresh_shown(book)
    assert executed.cells[1].outputs == outputs(book)


def test_check_sees_an_edit_of_the_source_and_writes_nothing(book, capsys):
    refresh_shown(book)
    stale = book.read_text(encoding="utf-8").replace("shuffle(order)", "shuffle(queue)")
    book.write_text(stale, encoding="utf-8")
    assert main([str(book.parent), "--check"]) == 1
    assert book.read_text(encoding="utf-8") == stale
    said = capsys.readouterr().out
    assert "chapter.ipynb: cell 1 is stale" in said
    assert "1 show cells in 1 notebooks, 1 stale" in said
    assert main([str(book.parent)]) == 0
    assert main([str(book), "--check"]) == 0
    assert "shuffle(queue)" not in book.read_text(encoding="utf-8")


def test_a_cell_edited_to_show_something_else_is_stale(book):
    refresh_shown(book)
    changed = nbformat.read(book, as_version=4)
    changed.cells[1].source = changed.cells[1].source.replace("permutation", "generator")
    nbformat.write(changed, book)
    assert refreshed(book, check=True).stale == (1,)


@pytest.mark.parametrize(
    "source",
    [
        "teaching.show('companion.randomness.permutation')",
        "import companion\nteaching.show(companion.randomness.permutation)",
        "import companion.randomness as keyed\nteaching.show(keyed.permutation)",
        "from companion.teaching import show\nfrom companion import randomness\nshow(randomness.permutation)",
        "from companion.teaching import show as source_of\nsource_of('companion.randomness.permutation')",
    ],
)
def test_every_way_to_name_a_thing_is_followed(tmp_path, source):
    path = notebook(tmp_path / "n.ipynb", (SETUP, {}), (source, TAGS))
    assert refresh_shown(path)
    assert outputs(path)[0].data["text/plain"] == listing("companion.randomness.permutation").text()


def test_two_calls_give_two_outputs_and_markers_are_kept(tmp_path):
    source = (
        "teaching.show('companion.randomness.key')\nteaching.show('companion.randomness.permutation', start='order =')"
    )
    path = notebook(tmp_path / "n.ipynb", (SETUP, {}), (source, TAGS))
    refresh_shown(path)
    assert [output.data["text/plain"].count("\n") > 3 for output in outputs(path)] == [True, True]
    assert "def permutation" not in outputs(path)[1].data["text/plain"]


@pytest.mark.parametrize(
    ("source", "metadata", "told"),
    [
        ("teaching.show('companion.randomness')", {}, "without its tags"),
        ("teaching.show('companion.randomness')", {"tags": ["show"]}, "without its tags"),
        ("x = 1", TAGS, "holds more than"),
        ("from companion.teaching import *\nshow('companion.randomness')", TAGS, "holds more than"),
        ("teaching.show('companion.randomness')\nprint(1)", TAGS, "holds more than"),
        ("for _ in range(2):\n    teaching.show('companion.randomness')", TAGS, "holds more than"),
        ("y = teaching.show('companion.randomness')", TAGS, "holds more than"),
        ("teaching.show(mine)", TAGS, "cannot tell what 'mine' is"),
        ("teaching.show(things[0])", TAGS, "cannot tell"),
        ("teaching.show(3)", TAGS, "cannot tell"),
        ("teaching.show()", TAGS, "takes one object"),
        ("teaching.show('companion.randomness', start=name)", TAGS, "must be quoted text"),
        ("teaching.show('companion.nowhere')", TAGS, "there is no companion.nowhere"),
    ],
)
def test_a_cell_that_cannot_be_refreshed_is_named(tmp_path, source, metadata, told, capsys):
    path = notebook(tmp_path / "n.ipynb", (SETUP, {}), (source, metadata))
    with pytest.raises(ConfigError, match=told) as caught:
        refresh_shown(path)
    assert caught.value.file == str(path)
    assert caught.value.problem.startswith("cell 1: ")
    assert main([str(path)]) == 2
    assert "cell 1: " in capsys.readouterr().out


def test_other_cells_are_not_touched(tmp_path):
    path = notebook(tmp_path / "n.ipynb", (SETUP, {}), ("def broken(:", {}), ("shown = 1", {}))
    before = path.read_bytes()
    assert refreshed(path).cells == 0
    assert path.read_bytes() == before


def test_no_notebook_is_a_failure_not_a_success(tmp_path, capsys):
    (tmp_path / "_build").mkdir()
    notebook(tmp_path / "_build" / "copy.ipynb", (SETUP, {}))
    assert main([str(tmp_path), "--check"]) == 1
    assert "no notebook below" in capsys.readouterr().out


def test_a_file_that_is_no_notebook_is_named(tmp_path):
    path = tmp_path / "n.ipynb"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be read as a notebook"):
        read_cells(path)
