"""Small questions to a syntax tree: what is called, what a name is, what a condition or a division looks like."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def dotted(node: ast.AST | None) -> str:
    """`a.b.c` of a name or an attribute; a call or a subscript on the way is looked through; "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else node.attr
    if isinstance(node, ast.Call):
        return dotted(node.func)
    if isinstance(node, ast.Subscript):
        return dotted(node.value)
    return ""


def last(node: ast.AST | None) -> str:
    """The last part of `dotted`."""
    return dotted(node).rpartition(".")[2]


def calls(node: ast.AST | Iterable[ast.AST]) -> Iterator[ast.Call]:
    """All calls inside."""
    nodes = [node] if isinstance(node, ast.AST) else node
    return (part for top in nodes for part in ast.walk(top) if isinstance(part, ast.Call))


def keyword(call: ast.Call, *names: str) -> ast.expr | None:
    """The value of the first of these keywords that a call has."""
    return next((word.value for name in names for word in call.keywords if word.arg == name), None)


def has_unpacked(call: ast.Call) -> bool:
    """Whether keywords come out of a dictionary that nobody can see here."""
    return any(word.arg is None for word in call.keywords)


def constant(node: ast.AST | None) -> object:
    """The value of a literal, negative numbers included; None for anything else."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        value = node.operand.value
        return -value if isinstance(value, int | float) else None
    return None


def names_in(node: ast.AST | None) -> set[str]:
    """Every name and attribute inside, in lower case."""
    if node is None:
        return set()
    found = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    found |= {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
    return {name.lower() for name in found}


def words_in(node: ast.AST | None) -> set[str]:
    """The names inside and the texts in subscripts, in lower case."""
    if node is None:
        return set()
    texts = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)}
    return names_in(node) | {text.lower() for text in texts if len(text) < 40}


def mentions(node: ast.AST | None, *parts: str) -> bool:
    """Whether a name or text inside contains one of these."""
    return any(part in word for word in words_in(node) for part in parts)


def written(node: ast.AST, most: int = 60) -> str:
    """The code of a node on one line, cut where it is long."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= most else text[: most - 1] + "…"
