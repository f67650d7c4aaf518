"""Bring shown source up to date without executing a notebook.

    python -m companion.teaching.refresh book/            rewrites what is stale
    python -m companion.teaching.refresh book/ --check    changes nothing, exit status 1 if anything is stale

A *show cell* is tagged `show` and `nbval-ignore-output` and holds imports and calls of `show` only. What a call means
is read from the notebook's own import lines, so nothing of the notebook is run.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.errors import CompanionError, ConfigError
from companion.teaching.cells import as_python, notebooks_below
from companion.teaching.listing import Listing, find, listing

TAGS = frozenset({"show", "nbval-ignore-output"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Refreshed:
    """What was found in one notebook."""

    cells: int
    """How many show cells it has."""
    stale: tuple[int, ...]
    """Which of them (as positions among all cells, from 0) showed something else than the source of today."""


def refresh_shown(notebook_path: str | Path, *, check: bool = False) -> bool:
    """Rewrite the outputs of the notebook's show cells from today's source; True if any was stale.

    With `check`, nothing is written. No kernel is started and no code of the notebook runs.

    Raises: ConfigError naming notebook and cell for a show cell without its tags, with other code in it, or whose
    call cannot be followed.
    """
    return bool(refreshed(Path(notebook_path), check=check).stale)


def refreshed(path: Path, *, check: bool = False) -> Refreshed:
    """Do what `refresh_shown` does, and report how many cells were seen."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    imports: dict[str, str] = {}
    stale, seen = [], 0
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        try:
            calls = _calls(cell, imports)
            if calls is None:
                continue
            outputs = [_output(listing_of(call, imports)) for call in calls]
        except CompanionError as error:
            raise ConfigError(f"cell {position}: {error.problem}", remedy=error.remedy, file=path) from error
        seen += 1
        if cell.outputs != outputs:
            stale.append(position)
            cell.outputs = outputs
    if stale and not check:
        nbformat.write(notebook, path)
    return Refreshed(cells=seen, stale=tuple(stale))


def listing_of(call: ast.Call, imports: dict[str, str]) -> Listing:
    """The listing that a `show(…)` call displays, by what the imported names stand for."""
    if len(call.args) != 1:
        raise ConfigError("show takes one object", remedy="Write show(train) or show('companion.training.loop').")
    argument = call.args[0]
    dotted = argument.value if isinstance(argument, ast.Constant) else _dotted(argument, imports)
    if not isinstance(dotted, str):
        raise ConfigError(
            f"cannot tell what {ast.unparse(argument)!r} is without running the notebook",
            remedy="Import it from companion by name, or show its dotted name in quotes.",
        )
    try:
        markers = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    except ValueError:
        raise ConfigError("start and stop must be quoted text", remedy="Write the marker itself.") from None
    return listing(find(dotted), **markers)


def _calls(cell: Any, imports: dict[str, str]) -> list[ast.Call] | None:
    """The show calls of a show cell; None for any other cell, whose imports are noted."""
    tree = _parse(cell.source)
    if tree is None:
        return None
    imports.update(_imported(tree))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_show(node.func, imports)]
    tagged = "show" in cell.metadata.get("tags", [])
    if not calls and not tagged:
        return None
    if not TAGS.issubset(cell.metadata.get("tags", [])):
        raise ConfigError("calls show without its tags", remedy="Tag the cell 'show' and 'nbval-ignore-output'.")
    statements = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]
    shown = [node.value for node in statements if isinstance(node, ast.Expr) and node.value in calls]
    if not calls or len(shown) < len(statements):
        raise ConfigError(
            "is tagged show and holds more than imports and calls of teaching.show",
            remedy="Keep only these in it; import teaching or show by name.",
        )
    return shown


def _parse(source: str) -> ast.Module | None:
    try:
        return ast.parse(as_python(source))
    except SyntaxError:
        # A cell that shows a syntax error on purpose cannot hold a show call.
        return None


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield (name.asname, name.name) if name.asname else (name.name.partition(".")[0],) * 2
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for name in node.names:
                yield name.asname or name.name, f"{node.module}.{name.name}"


def _dotted(node: ast.expr, imports: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return imports.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _dotted(node.value, imports)
        return None if owner is None else f"{owner}.{node.attr}"
    return None


def _is_show(function: ast.expr, imports: dict[str, str]) -> bool:
    return _dotted(function, imports) in ("companion.teaching.show", "companion.teaching.listing.show")


def _output(shown: Listing) -> Any:
    import nbformat

    return nbformat.v4.new_output("display_data", data={"text/html": shown.html(), "text/plain": shown.text()})


def main(arguments: Sequence[str] | None = None) -> int:
    """Refresh or check every notebook below the given files and folders; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m companion.teaching.refresh", description=refresh_shown.__doc__)
    parser.add_argument("paths", nargs="+", type=Path, help="notebooks, or folders that hold them")
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 if anything is stale")
    options = parser.parse_args(arguments)
    notebooks = list(notebooks_below(options.paths))
    if not notebooks:
        print(f"no notebook below {', '.join(map(str, options.paths))}")
        return 1
    cells = stale = 0
    for path in notebooks:
        try:
            found = refreshed(path, check=options.check)
        except CompanionError as error:
            print(error)
            return 2
        cells, stale = cells + found.cells, stale + len(found.stale)
        for position in found.stale:
            print(f"{path}: cell {position} {'is stale' if options.check else 'refreshed'}")
    print(
        f"{cells} show cells in {len(notebooks)} notebooks, {stale} stale{'' if options.check else ', now refreshed'}"
    )
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
