"""The words in a figure: draw it again in another language, or exchange them where the reader's browser draws it.

A picture is made of pixels, so its words can only be exchanged before it is drawn. `keep` runs in the kernel
and puts every figure aside under the hash of the picture that the page shows; `draw` makes the translated picture.
An interactive figure brings its words as text; `interactive` finds them in the page.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import re
import shutil
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from html import escape, unescape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from companion.teaching import figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FONT = "Noto Sans CJK SC"
# One translation serves all numbers; the digit of a name such as F1 is not one.
NUMBER = re.compile(r"(?<![A-Za-z\d])[-+−]?\d+(?:[.,]\d+)*(?:e[+-]?\d+)?(?![A-Za-z])")
WORD = re.compile("[A-Za-z]")
CHUNK = "Words"


def pattern(text: str) -> str | None:
    """What the catalog holds for a text: its numbers are places. None for numbers, formulas and signs alone."""
    found = NUMBER.sub("{}", text)
    formula = text.startswith("$") and text.endswith("$")
    return found if WORD.search(found) and not formula else None


def translate(text: str, words: Mapping[str, str]) -> str:
    """The text in the other language with its own numbers; itself where the catalog has nothing for it."""
    said = words.get(pattern(text) or "") or None
    if said is None:
        return text
    numbers = iter(NUMBER.findall(text))
    return re.sub(r"\{\}", lambda _: next(numbers), said)


def pictures(cells: Iterable[dict]) -> dict[str, str]:
    """The pictures of these cells, by the names that the built book gives them, each with its alternative text."""
    found = {}
    for cell in cells:
        for output in cell.get("outputs", []):
            if picture := "".join(output.get("data", {}).get("image/png", "")):
                own = output["metadata"].get("image/png", {}).get("alt")
                name = f"{hashlib.sha256(b64decode(picture)).hexdigest()}.png"
                found[name] = own or cell["metadata"]["mystnb"]["image"]["alt"]
    return found


def keep(folder: str) -> None:
    """In this kernel: whenever a figure is shown, put it aside in a folder, under the hash of its picture."""
    encode = figures.encode

    def kept(figure: Figure, kind: figures.Kind = "png") -> bytes:
        content = encode(figure, kind)
        Path(folder, f"{hashlib.sha256(content).hexdigest()}.pickle").write_bytes(pickle.dumps(figure))
        return content

    figures.encode = kept


def put_aside(path: Path, folder: Path) -> None:
    """Execute a notebook in memory and keep its figures in a folder, by the names of the pictures that it shows now."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    wanted = pictures(notebook.cells)
    first = f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\nimport figure_words\nsys.path.pop(0)"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(f"{first}\nfigure_words.keep({str(folder)!r})"))
    settings = {"timeout": 300, "kernel_name": "python3", "resources": {"metadata": {"path": str(path.parent)}}}
    NotebookClient(notebook, **settings).execute()
    drawn = pictures(notebook.cells)
    if [*drawn.values()] != [*wanted.values()]:
        raise SystemExit(f"{path}: executed here, its figures are described otherwise; execute and commit it first.")
    for name, other in zip(wanted, drawn, strict=True):
        if name != other:
            print(f"{path.name}: {name} has other digits on this processor")
            shutil.copyfile((folder / other).with_suffix(".pickle"), (folder / name).with_suffix(".pickle"))


def prepare() -> None:
    """Draw off screen, and make the font known to Matplotlib, whose own list may be older than the font."""
    import matplotlib
    from matplotlib import font_manager

    matplotlib.use("agg")
    for path in font_manager.findSystemFonts():
        if "NotoSansCJK" in Path(path).name:
            font_manager.fontManager.addfont(path)
    if FONT not in font_manager.get_font_names():
        raise SystemExit(f"The font {FONT} is not installed (Debian and Ubuntu: apt install fonts-noto-cjk).")


@contextmanager
def translated(figure: Figure, words: Mapping[str, str]) -> Iterator[set[str]]:
    """A `with` block in which the figure is drawn in the other language; yields the patterns that it says."""
    from matplotlib.text import Text

    said: set[str] = set()
    set_text = Text.set_text

    def set_translated(self: Text, text: object) -> None:
        text = "" if text is None else str(text)
        if (found := pattern(text)) is not None:
            said.add(found)
        set_text(self, translate(text, words))

    before = [(each, each.get_text(), each.get_fontfamily()) for each in figure.findobj(Text)]
    # Ticks take their labels anew with every drawing, so what is set is translated, not only what stands there.
    Text.set_text = set_translated
    try:
        for each, text, family in before:
            each.set_fontfamily([*family, FONT])
            each.set_text(text)
        yield said
    finally:
        Text.set_text = set_text
        for each, text, family in before:
            each.set_text(text)
            each.set_fontfamily(family)


def draw(path: Path, words: Mapping[str, str]) -> bytes:
    """The translated picture of a figure that was put aside; its words lie in it, with their translations."""
    from PIL import Image, PngImagePlugin

    figure = pickle.loads(path.read_bytes())
    figures.encode(figure)  # As it was: that makes the ticks, whose labels are texts only from then on.
    with translated(figure, words) as said:
        content = figures.encode(figure)
    about = PngImagePlugin.PngInfo()
    about.add_itxt(CHUNK, json.dumps({each: words.get(each, "") for each in sorted(said)}, ensure_ascii=False))
    target = BytesIO()
    with Image.open(BytesIO(content)) as picture:
        picture.save(target, format="png", optimize=True, dpi=(144, 144), pnginfo=about)
    return target.getvalue()


def words_in(path: Path) -> dict[str, str]:
    """The words of a translated picture: each pattern with the translation that it was drawn with."""
    from PIL import Image

    with Image.open(path) as picture:
        return json.loads(picture.text[CHUNK])


# One interactive figure, and within it the places of its words.
EXPLORE = re.compile(r'<[^<>]*data-ftc-explore="(\w+)".*?ftcExplore\("\1"\)', re.DOTALL)
OUTSIDE = re.compile(r"<(style|script)\b.*?(?:</\1>|\Z)|>([^<>]*\w[^<>]*)<", re.DOTALL)
# As the compacted script has them.
SCRIPTED = re.compile(r"(===null\?|text\|\|)'([^']+)'")
SPOKEN = re.compile(r'(aria-label|data-hint|data-ftc-numbers)="([^"]*)"')


def interactive(page: str, say: Callable[[str], str]) -> str:
    """The page with every text of its interactive figures as `say` has it."""

    def numbers(held: str) -> str:
        data = json.loads(held)
        for axis in (data["x"], data["y"]):
            axis["label"] = say(axis["label"])
        data["x"]["names"] = [say(name) for name in data["x"]["names"]]
        data["series"] = [say(name) for name in data["series"]]
        data["controls"] = [[say(option) for option in options] for options in data["controls"]]
        for setting in data["settings"]:
            setting["says"] = say(setting["says"])
        return json.dumps(data, ensure_ascii=False, separators=(",", ":"))

    def attribute(found: re.Match[str]) -> str:
        name, held = found[1], unescape(found[2])
        return f'{name}="{escape(numbers(held) if name == "data-ftc-numbers" else say(held))}"'

    def text(found: re.Match[str]) -> str:
        return SCRIPTED.sub(scripted, found[0]) if found[1] else f">{escape(say(unescape(found[2])))}<"

    def scripted(found: re.Match[str]) -> str:
        quoted = json.dumps(say(found[2]), ensure_ascii=False)
        return found[1] + (quoted if "'" in quoted or "\\" in quoted else f"'{quoted[1:-1]}'")

    def figure(found: re.Match[str]) -> str:
        return SPOKEN.sub(attribute, OUTSIDE.sub(text, found[0]))

    return EXPLORE.sub(figure, page)


def words_of(page: str) -> list[str]:
    """The patterns of what the interactive figures of a page say."""
    said: list[str] = []
    interactive(page, lambda text: (said.append(text), text)[1])
    return [found for found in map(pattern, said) if found is not None]
