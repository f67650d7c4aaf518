"""The evidence of a claim: cells of the notebooks, what their seals say, and the records they draw.

A cell is named as the package names it, `book/part/chapter#cell`. It is evidence where its seal carries the claim's id
(`claim(…, id="K05")`), or where `claims.toml` lists it. Nothing is executed: the committed outputs are read.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import unescape
from pathlib import Path

from notebooks import ROOT, notebooks

CLAIMS = Path(__file__).with_name("claims.toml")
VERDICTS = ("holds", "holds with limits", "does not hold here", "opinion", "not yet measured")
BASES = ("derived", "measured")
CLAIM_IDS = tuple(f"K{number:02}" for number in range(1, 42))
QUESTION_IDS = tuple(f"Q{number}" for number in range(1, 6))
SEAL = re.compile(r'<div class="ftc ftc-seal"(?: data-ftc-claim="([^"]*)")?>')


@dataclass(frozen=True, kw_only=True, slots=True)
class Seal:
    """One line that a cell has asserted."""

    text: str
    """The line as it is printed, without its tick."""
    ids: tuple[str, ...]
    """The claims that it settles."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One cell of a notebook."""

    page: str
    """`book/part/chapter`, without a suffix."""
    cell: str
    """The cell's id."""
    title: str
    """The page's title."""
    section: str
    """The heading above the cell."""
    kind: str
    """`code` or `markdown`."""
    seals: tuple[Seal, ...]
    """What it has asserted, in order."""
    records: tuple[str, ...]
    """The records behind its numbers."""

    @property
    def name(self) -> str:
        """`book/part/chapter#cell`."""
        return f"{self.page}#{self.cell}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """One sentence of the sources, in plain words, and what became of it."""

    id: str
    """`K01` to `K41`, or `Q1` to `Q5` for a question."""
    group: str
    """The part of the ledger in which it stands."""
    claim: str
    """What is said."""
    verdict: str
    """One of `VERDICTS`."""
    basis: str = ""
    """One of `BASES`; empty for an opinion and for what is not yet measured."""
    because: str = ""
    """One or two sentences: what the evidence shows, without its numbers."""
    cells: tuple[str, ...] = ()
    """Evidence besides the cells whose seals carry the id: `book/part/chapter#cell`."""
    shows: tuple[str, ...] = ()
    """Of seals that do not carry the id, show those that contain one of these; without any, all."""
    rests_on: tuple[str, ...] = ()
    """For a question: the claims that its answer rests on."""
    open: str = ""
    """What is still to be measured, and where."""


def read_claims(path: Path = CLAIMS) -> dict[str, Claim]:
    """The claims of the ledger by id, in order."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        name: Claim(
            id=name, **{key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
        )
        for name, entry in table.items()
    }


@cache
def places(root: Path = ROOT) -> tuple[Place, ...]:
    """Every cell of every notebook of the table of contents."""
    return tuple(place for path in notebooks(root) for place in places_of(path, (root / path).read_text("utf-8")))


def places_of(path: Path, source: str) -> list[Place]:
    """The cells of one notebook, from its JSON."""
    title = section = ""
    found, behind = [], {}
    for number, cell in enumerate(json.loads(source)["cells"]):
        text, above = "".join(cell["source"]), section
        if cell["cell_type"] == "markdown":
            for marks, heading in re.findall(r"^(#{1,4}) +(.+)$", re.sub(r"```.*?```", "", text, flags=re.S), re.M):
                words = re.sub(r"[*`]", "", heading).split(" · ")[0].strip()
                title, section = (words, words) if len(marks) == 1 else (title, words)
        found.append(
            Place(
                page=path.with_suffix("").as_posix(),
                cell=cell.get("id", str(number)),
                title=title,
                section=section if text.lstrip().startswith("#") or cell["cell_type"] == "code" else above,
                kind=cell["cell_type"],
                seals=tuple(seal for output in cell.get("outputs", []) for seal in seals_of(output)),
                records=records_behind(text, behind) if cell["cell_type"] == "code" else (),
            )
        )
    return found


def seals_of(output: dict) -> list[Seal]:
    """The seals that one output shows."""
    data = output.get("data", {})
    opened = SEAL.search("".join(data.get("text/html", "")))
    lines = "".join(data.get("text/plain", "")).splitlines()
    if not opened or not lines or not lines[0].startswith("✓ "):
        return []
    return [Seal(text=lines[0].removeprefix("✓ "), ids=tuple(unescape(opened[1] or "").split()))]


def records_behind(source: str, behind: dict[str, set[str]]) -> tuple[str, ...]:
    """The records that a cell's numbers come from, followed through the names it uses; `behind` grows by its own."""
    try:
        tree = ast.parse(re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.M))
    except SyntaxError:
        return ()
    whole: set[str] = set()
    for statement in tree.body:
        inside = _inside(statement)
        used = _reached(statement, behind, inside)
        whole |= used
        for target, value in _assignments(statement):
            names = {name.id for name in ast.walk(target) if isinstance(name, ast.Name)} - inside
            new = used if value is None else _reached(value, behind, inside)
            for name in names:
                # `scores["all"] = …` adds to what stands behind `scores`; `scores = …` replaces it.
                kept = set() if isinstance(target, ast.Name | ast.Tuple) else behind.get(name, set())
                behind[name] = kept | new
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            behind[statement.name] = used
    return tuple(sorted(whole))


def _reached(tree: ast.AST, behind: Mapping[str, set[str]], inside: set[str]) -> set[str]:
    """The records that an expression or a statement reads, by itself or through names."""
    read = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return _records(tree).union(*(behind.get(name, set()) for name in read - inside))


def _assignments(statement: ast.stmt) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    """Every target with its value, `a, b = x, y` one by one; without a value where a loop or a block binds."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                ends = [getattr(side, "elts", ()) for side in (target, node.value)]
                starred = any(isinstance(end, ast.Starred) for side in ends for end in side)
                paired = len(ends[0]) == len(ends[1]) > 0 and not starred
                yield from zip(*ends, strict=True) if paired else ((target, node.value),)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            yield node.target, node.value
        elif isinstance(node, ast.For | ast.AugAssign):
            yield node.target, None
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            yield node.optional_vars, None


def _inside(statement: ast.stmt) -> set[str]:
    """The names that live only within it: of comprehensions, parameters, and a function's own variables."""
    found: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.comprehension):
            found |= {name.id for name in ast.walk(node.target) if isinstance(name, ast.Name)}
        elif isinstance(node, ast.FunctionDef):
            found |= {
                name.id for name in ast.walk(node) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
            }
        found |= {node.arg} if isinstance(node, ast.arg) else set()
    return found


def _records(tree: ast.AST) -> set[str]:
    """The names that stand in `load_record("…")`, or in `read_arms("…")`, which reads one as well."""
    return {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (getattr(node.func, "id", "") or getattr(node.func, "attr", "")) in {"load_record", "read_arms"}
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }


Evidence = list[tuple[Place, tuple[Seal, ...]]]


def evidence(claim: Claim, known: Iterable[Place]) -> Evidence:
    """The cells behind a claim in the order of the book, each with the seals to show."""
    found = []
    for place in known:
        own = {seal for seal in place.seals if claim.id in seal.ids}
        if place.name in claim.cells:
            own |= {seal for seal in place.seals if not claim.shows or any(word in seal.text for word in claim.shows)}
        if own or place.name in claim.cells:
            found.append((place, tuple(seal for seal in place.seals if seal in own)))
    return found


def faults(claims: dict[str, Claim], known: Sequence[Place]) -> list[str]:
    """What is wrong with the ledger: a claim without its evidence, a verdict that is none, a link to no cell."""
    expected, names = (*CLAIM_IDS, *QUESTION_IDS), {place.name for place in known}
    found = [f"{name} is missing" for name in expected if name not in claims]
    found += [f"{name} is no claim of the sources" for name in claims if name not in expected]
    for claim in claims.values():
        found += [f"{claim.id}: there is no cell {cell}" for cell in claim.cells if cell not in names]
        found += [f"{claim.id}: rests on {name}, which is no claim" for name in claim.rests_on if name not in claims]
        found += [f"{claim.id}: {fault}" for fault in _unsettled(claim, claims, known)]
    for place in known:
        carried = {name for seal in place.seals for name in seal.ids if name[0] in "KQ"}
        found += [f"{place.name}: its seal carries {name}, which is no claim" for name in carried - set(claims)]
    return found


def _unsettled(claim: Claim, claims: dict[str, Claim], known: Sequence[Place]) -> list[str]:
    """What keeps a verdict from standing."""
    cells = evidence(claim, known)
    cells += [pair for name in claim.rests_on if name in claims for pair in evidence(claims[name], known)]
    told = [seal.text for _, seals in cells for seal in seals]
    gone = [word for word in claim.shows if not any(word in text for text in told)]
    found = [f"no seal says {word!r}" for word in gone]
    if claim.verdict not in VERDICTS:
        return [*found, f"{claim.verdict!r} is no verdict; choose one of {', '.join(VERDICTS)}"]
    if claim.verdict == "not yet measured":
        if cells or claim.basis:
            found.append(f"not yet measured, and yet {cells[0][0].name if cells else claim.basis}: give it a verdict")
        return found if claim.open else [*found, "say where it will be measured (open)"]
    if not claim.because:
        found.append("say what was seen (because)")
    if claim.verdict == "opinion":
        return [*found, "an opinion is neither derived nor measured"] if claim.basis else found
    if claim.basis not in BASES:
        found.append(f"say whether it is {' or '.join(BASES)} (basis)")
    if not cells or (claim.basis == "measured" and not told):
        found.append("has lost its evidence")
    return found
