"""Loops over `word_ids()`: whether labels are taken in them by the number of the word, or by the place of the piece."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from companion.doctor.reading.script import Script
from companion.doctor.reading.syntax import dotted, last, mentions
from companion.encoding.contract import IGNORE_INDEX

TAGS = ("tag", "label", "target", "ner", "gold")


def taken_by_place(script: Script) -> list[ast.Subscript]:
    """Labels taken by a piece's place where -100 is given out in a loop over `word_ids`, if none is taken by its word.

    A loop that only reads, as one that turns predictions back into words, gives out no -100 and is left alone.
    """
    found: list[ast.Subscript] = []
    for loop, place, word in _word_loops(script):
        by_word, by_place = _made_of(script, loop, word), _made_of(script, loop, place)
        for node in ast.walk(loop):
            if not isinstance(node, ast.Subscript) or not isinstance(node.ctx, ast.Load):
                continue
            used = {part.id for part in ast.walk(node.slice) if isinstance(part, ast.Name)}
            if not mentions(node.value, *TAGS) or not used:
                continue
            if used & by_word:
                return []
            if used & by_place and _gives_ignored(loop):
                found.append(node)
    return sorted(found, key=lambda node: (node.lineno, node.col_offset))


def _word_loops(script: Script) -> Iterator[tuple[ast.AST, str, str]]:
    """Loops and comprehensions over `word_ids()` with the names of the piece's place, "" without one, and the word."""
    for loop in script.loops:
        for part in getattr(loop, "generators", [loop]):
            over, target, place = getattr(part, "iter", None), getattr(part, "target", None), ""
            if isinstance(over, ast.Call) and last(over.func) == "enumerate" and over.args:
                if not isinstance(target, ast.Tuple) or len(target.elts) != 2:
                    continue
                over, place, target = over.args[0], dotted(target.elts[0]), target.elts[1]
            made = [over, *script.origins.get(dotted(over), ())] if over is not None else []
            if isinstance(target, ast.Name) and any(last(one) == "word_ids" for one in made):
                yield loop, place, target.id


def _made_of(script: Script, loop: ast.AST, name: str) -> set[str]:
    """A name and the names that are given a value made of it inside a loop."""
    known = {name} - {""}
    inside = [node for node in ast.walk(loop) if isinstance(node, ast.Assign | ast.AugAssign | ast.NamedExpr)]
    for _ in inside:
        for node in inside:
            if known & {part.id for part in ast.walk(node.value) if isinstance(part, ast.Name)}:
                known |= {dotted(one) for one in getattr(node, "targets", None) or [node.target]} - {""}
    return known


def _gives_ignored(loop: ast.AST) -> bool:
    """Whether a loop gives out -100, and does not only compare with it."""
    compared = {id(part) for node in ast.walk(loop) if isinstance(node, ast.Compare) for part in ast.walk(node)}
    return any(says_ignored(node) and id(node) not in compared for node in ast.walk(loop))


def says_ignored(node: ast.AST) -> bool:
    """Whether a node is a written -100."""
    return (
        isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant) and node.operand.value == -IGNORE_INDEX
    )
