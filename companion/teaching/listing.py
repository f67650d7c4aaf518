"""Show the lines that run in production: the package's source, read from its file when the cell runs."""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from companion.errors import ConfigError
from companion.teaching.surface import Piece, escape, present
from companion.teaching.theme import style

_CSS = """
.ftc.ftc-listing{margin:.35em 0;padding:0;border:1px solid var(--ftc-line);border-radius:.4em;overflow:hidden}
.ftc.ftc-listing figcaption.ftc-place{margin:0;padding:.35em .9em;font:inherit;font-size:.84em;
color:var(--ftc-muted);border-bottom:1px solid var(--ftc-line);text-align:left}
.ftc.ftc-listing pre.ftc-source.ftc-source{margin:0;padding:.7em .9em;overflow-x:auto;background:none;
border:0;border-radius:0;color:var(--ftc-text);box-shadow:none;font-size:.84em;line-height:1.5;
white-space:pre;overflow-wrap:normal}
.ftc.ftc-listing.ftc-listing .ftc-source code{white-space:inherit;font-size:1em;
font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.ftc.ftc-listing .k{color:var(--ftc-code-keyword)}
.ftc.ftc-listing .n{color:var(--ftc-code-name)}
.ftc.ftc-listing .s{color:var(--ftc-code-string)}
.ftc.ftc-listing .m{color:var(--ftc-code-number)}
.ftc.ftc-listing .c{color:var(--ftc-code-comment);font-style:italic}
"""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Listing(Piece):
    """Lines of one file of the package, with their place.

    Taught in: book/walkthroughs/train-a-tagger
    """

    file: str
    """Path from the repository's root: `companion/training/loop.py`."""
    first: int
    """Number of the first line shown."""
    source: str
    """The lines, without the indentation that they share."""

    @property
    def place(self) -> str:
        """`companion/training/loop.py, lines 10–58`."""
        last = self.first + self.source.count("\n")
        return f"{self.file}, line {last}" if last == self.first else f"{self.file}, lines {self.first}–{last}"

    def text(self) -> str:
        return f"{self.place}\n\n{self.source}"

    def html(self) -> str:
        return (
            f'<figure class="ftc ftc-listing">{style(_CSS)}'
            f'<figcaption class="ftc-place">{escape(self.place)}</figcaption>'
            f'<pre class="ftc-source" tabindex="0" role="region" aria-label="Source of {escape(self.place)}"><code>'
            f"{_highlight(self.source)}</code></pre></figure>"
        )


def show(obj: Any, *, start: str | None = None, stop: str | None = None) -> None:
    """Show the source of a function, class, method or module of the package, or a slice of it.

    `obj` is the object or its dotted name, `"companion.training.loop.train"`. The slice goes from the first line that
    contains `start` to the first line from there on that contains `stop`, both included. A cell that calls it is
    tagged `show` and `nbval-ignore-output`: `python -m companion.teaching.refresh book/` brings its output up to date
    without executing the notebook.

    Raises: ConfigError for an object that is not part of the package, or a marker that no line contains.
    Taught in: book/walkthroughs/train-a-tagger
    """
    present(listing(obj, start=start, stop=stop))


def listing(obj: Any, *, start: str | None = None, stop: str | None = None) -> Listing:
    """The piece that `show` shows."""
    obj = find(obj) if isinstance(obj, str) else inspect.unwrap(obj) if callable(obj) else obj
    module_name, qualified = (obj.__name__, "") if isinstance(obj, ModuleType) else _names(obj)
    if module_name.partition(".")[0] != "companion":
        raise ConfigError(
            f"show: {qualified or module_name} belongs to {module_name}, not to this package",
            remedy="Show the package's own source; quote other code in the text, with its version.",
        )
    path = Path(inspect.getsourcefile(importlib.import_module(module_name)) or "")
    # The file is read, not `inspect`'s cache of it, so that a kernel started before an edit shows whole functions.
    lines = path.read_text(encoding="utf-8").splitlines()
    first, last = _span(lines, qualified, module_name) if qualified else (1, len(lines))
    first, last = _slice(lines, first, last, start, stop)
    source = textwrap.dedent("\n".join(lines[first - 1 : last])).rstrip()
    return Listing(file=_repository_path(module_name, path), first=first, source=source)


def find(dotted: str) -> Any:
    """The object behind a dotted name: the longest part that is a module is imported, the rest are attributes.

    Raises: ConfigError for a name outside the package, or one that leads nowhere.
    """
    parts = dotted.split(".")
    if parts[0] != "companion":
        raise ConfigError(f"show: {dotted!r} is not a name of this package", remedy="Begin it with 'companion.'.")
    obj: Any = importlib.import_module("companion")
    for position, part in enumerate(parts[1:], start=2):
        name = ".".join(parts[:position])
        if not hasattr(obj, part) and isinstance(obj, ModuleType):
            try:
                importlib.import_module(name)
            except ModuleNotFoundError as error:
                if error.name != name:
                    raise
        if not hasattr(obj, part):
            raise ConfigError(f"show: {dotted!r}: there is no {name}", remedy="Check the spelling.")
        obj = inspect.getattr_static(obj, part) if isinstance(obj, type) else getattr(obj, part)
    return obj


def _names(obj: Any) -> tuple[str, str]:
    if isinstance(obj, property):
        obj = obj.fget
    obj = inspect.unwrap(getattr(obj, "__func__", obj))
    module, qualified = getattr(obj, "__module__", None), getattr(obj, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(qualified, str):
        raise ConfigError(
            f"show: a {type(obj).__name__} has no source of its own",
            remedy="Show the function, class or module that it comes from.",
        )
    return module, qualified


def _span(lines: list[str], qualified: str, module_name: str) -> tuple[int, int]:
    body = ast.parse("\n".join(lines)).body
    node = None
    for name in qualified.split("."):
        kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        # The last definition of a name is the one that counts, as it does when the module runs.
        node = next((n for n in reversed(body) if isinstance(n, kinds) and n.name == name), None)
        if node is None:
            raise ConfigError(
                f"show: {module_name} defines no {qualified}", remedy="Show a def or class that stands in the file."
            )
        body = node.body
    decorated = [decorator.lineno for decorator in node.decorator_list]
    return min([node.lineno, *decorated]), node.end_lineno


def _slice(lines: list[str], first: int, last: int, start: str | None, stop: str | None) -> tuple[int, int]:
    def line_with(marker: str, begin: int) -> int:
        for number in range(begin, last + 1):
            if marker in lines[number - 1]:
                return number
        raise ConfigError(f"show: no line from {begin} to {last} contains {marker!r}", remedy="Update the marker.")

    first = line_with(start, first) if start is not None else first
    return first, line_with(stop, first) if stop is not None else last


def _repository_path(module_name: str, path: Path) -> str:
    depth = module_name.count(".") + (path.name == "__init__.py")
    return "/".join(path.parts[-depth - 1 :])


def _highlight(source: str) -> str:
    """The source as HTML with five classes of tokens; what has no class keeps the text colour."""
    from pygments.lexers import PythonLexer
    from pygments.token import Comment, Keyword, Name, Number, Operator, String

    kinds = [
        (Comment, "c"),
        (String, "s"),
        (Keyword, "k"),
        (Operator.Word, "k"),
        (Number, "m"),
        (Name.Function, "n"),
        (Name.Class, "n"),
        (Name.Decorator, "n"),
    ]
    merged: list[list[str]] = []
    for token, text in PythonLexer(stripnl=False, ensurenl=False).get_tokens(source):
        kind = next((name for family, name in kinds if token in family), "")
        if merged and (merged[-1][0] == kind or not text.strip()):
            merged[-1][1] += text
        else:
            merged.append([kind, text])
    return "".join(f'<span class="{kind}">{escape(text)}</span>' if kind else escape(text) for kind, text in merged)
