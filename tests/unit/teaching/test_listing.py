import inspect
import sys

import pytest

import companion.randomness as randomness
from companion.errors import CompanionError, ConfigError
from companion.teaching import show
from companion.teaching.listing import find, listing
from companion.teaching.seal import Seal


def test_a_function_is_shown_as_inspect_reads_it():
    shown = listing(randomness.permutation)
    lines, first = inspect.getsourcelines(randomness.permutation)
    assert shown.source == "".join(lines).rstrip()
    assert shown.first == first
    assert shown.place == f"companion/randomness.py, lines {first}–{first + len(lines) - 1}"


def test_decorators_belong_to_what_they_decorate():
    assert listing(randomness.torch_stream).source.startswith("@contextmanager\ndef torch_stream(")
    assert listing(Seal).source.startswith("@dataclass(")


def test_a_method_loses_its_indentation():
    assert listing(Seal.text).source.startswith("def text(self) -> str:\n    ")
    assert listing(Seal.text) == listing("companion.teaching.seal.Seal.text")
    assert listing("companion.teaching.cells.Cell").source.startswith("@dataclass")


def test_a_property_is_shown_by_its_function():
    assert listing("companion.teaching.listing.Listing.place").source.startswith("@property\ndef place(")


def test_a_module_is_shown_whole():
    shown = listing(randomness)
    assert shown.source == inspect.getsource(randomness).rstrip()
    assert shown.first == 1


def test_a_package_is_its_init_file():
    assert listing("companion.teaching").file == "companion/teaching/__init__.py"


def test_a_slice_goes_from_one_marker_to_the_next():
    shown = listing(randomness.permutation, start="order =", stop="return")
    assert shown.source.splitlines()[0] == "order = list(range(length))"
    assert shown.source.splitlines()[-1] == "return order"
    assert shown.first == listing(randomness.permutation).first + 5
    assert listing(randomness.permutation, start="return").place.startswith("companion/randomness.py, line ")


@pytest.mark.parametrize(
    ("obj", "markers", "told"),
    [
        (inspect.getsource, {}, "belongs to inspect"),
        (CompanionError("x"), {}, "has no source of its own"),
        ("os.path.join", {}, "not a name of this package"),
        ("companion.randomness.nothing", {}, "there is no companion.randomness.nothing"),
        ("companion.nothing.at.all", {}, "there is no companion.nothing"),
        (randomness.permutation, {"start": "no such line"}, "no line"),
        (randomness.permutation, {"start": "return", "stop": "order = "}, "no line"),
    ],
)
def test_what_cannot_be_shown_is_refused(obj, markers, told):
    with pytest.raises(ConfigError, match=told):
        listing(obj, **markers)


def test_an_import_error_inside_a_module_is_not_hidden(tmp_path, monkeypatch):
    import companion.teaching as package

    (tmp_path / "broken_listing_probe.py").write_text("import no_such_package_at_all\n", encoding="utf-8")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    with pytest.raises(ModuleNotFoundError, match="no_such_package_at_all"):
        find("companion.teaching.broken_listing_probe.thing")
    assert "companion.teaching.broken_listing_probe" not in sys.modules


def test_the_page_has_the_source_in_colour_and_can_be_scrolled_by_keyboard(outline):
    shown = listing(randomness.permutation)
    page = outline(shown.html())
    assert shown.source in "".join(page.text)
    assert ("pre", "tabindex", "0") in page.attributes
    assert {"k", "n", "s"} <= {value for tag, name, value in page.attributes if (tag, name) == ("span", "class")}
    assert " style=" not in shown.html()


def test_show_displays_and_returns_nothing(capsys):
    assert show(randomness.permutation) is None
    assert capsys.readouterr().out.startswith("companion/randomness.py, lines ")
