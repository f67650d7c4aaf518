"""Rules of the house that a linter does not know: sizes, whole sentences in docstrings, and where a thing is taught."""

import ast
import re
from pathlib import Path

from notebooks import pages

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "companion").rglob("*.py"))
LIMIT = {"training/loop.py": 250}


def too_long(name: str, lines: int) -> bool:
    return lines > LIMIT.get(name, 300)


def function_lengths(source: str) -> dict[str, int]:
    """Lines of each function, from its `def` to its last statement, without its docstring."""
    lengths = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body
            documented = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and len(body) > 1
            docstring = body[0].end_lineno - body[0].lineno + 1 if documented else 0
            lengths[node.name] = node.end_lineno - node.lineno + 1 - docstring
    return lengths


def taught_in(source: str) -> list[str]:
    """The pages that docstrings name in their last line."""
    return re.findall(r"^\s*Taught in: (.+?)\.?$", source, flags=re.M)


def test_a_module_is_one_page():
    sizes = {
        path.relative_to(ROOT / "companion").as_posix(): len(path.read_text("utf-8").splitlines()) for path in MODULES
    }
    assert {name: size for name, size in sizes.items() if too_long(name, size)} == {}
    assert len(sizes) > 40
    assert too_long("training/loop.py", 251)
    assert too_long("corpora/readers.py", 301)


def test_the_loop_fits_on_a_screen():
    lengths = function_lengths((ROOT / "companion" / "training" / "loop.py").read_text("utf-8"))
    assert lengths["train"] <= 60
    assert function_lengths("def f():\n    '''One.'''\n    a = 1\n    return a\n") == {"f": 3}


def test_every_module_says_what_it_is():
    undocumented = [str(path) for path in MODULES if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert undocumented == []


def test_docstrings_name_pages_that_exist():
    known = {path.with_suffix("").as_posix() for path in pages(ROOT)}
    named = [(path.name, page) for path in MODULES for page in taught_in(path.read_text("utf-8"))]
    assert sorted({page for _, page in named} - known) == []
    assert len(named) > 50
    assert taught_in("    Taught in: book/nowhere/at-all\n") == ["book/nowhere/at-all"]
