"""The reference of the package: every public name has one entry and stands in an example that runs."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

import api_pages
import companion

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "book/reference/api").glob("*.md"))


def entries(page: Path) -> list[str]:
    """The names that a page has entries for."""
    return " ".join(re.findall(r"^```\{api\} (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)).split()


def examples(page: Path) -> list[str]:
    """The Python blocks of a page, in order."""
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def used(source: str) -> set[str]:
    """The public names that a block reads: `companion.train` gives `train`."""
    nodes = ast.walk(ast.parse(source))
    return {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "companion"
    }


def missing(pages: dict[str, tuple[list[str], set[str]]], public: list[str]) -> list[str]:
    """What is wrong with the entries and examples of these pages, one line each."""
    counted = Counter(name for names, _ in pages.values() for name in names)
    wrong = [f"{name} has {counted[name]} entries" for name in public if counted[name] != 1]
    wrong += [f"{name} is not public" for name in counted if name not in public]
    return wrong + [
        f"{page}: no example uses {name}"
        for page, (names, in_examples) in pages.items()
        for name in names
        if name not in in_examples
    ]


def test_every_public_name_has_one_entry_and_an_example():
    pages = {page.name: (entries(page), set().union(*map(used, examples(page)))) for page in PAGES}
    assert len(pages) >= 8
    assert missing(pages, companion.__all__) == []


def test_a_name_without_entry_or_example_is_found():
    pages = {"a.md": (["train", "tune"], {"train"}), "b.md": (["train"], {"train"})}
    assert missing(pages, ["train", "tune", "load"]) == [
        "train has 2 entries",
        "load has 0 entries",
        "a.md: no example uses tune",
    ]
    assert missing({"a.md": (["nothing"], {"nothing"})}, []) == ["nothing is not public"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = examples(page)
    assert blocks
    for block in blocks:
        exec(compile(block, page.name, "exec"), names)


def test_a_docstring_becomes_links():
    lines = [
        "Does it.",
        "",
        "Raises:",
        "    DataError, ConfigError: a row",
        "        is wrong.",
        "    Stopped: by you.",
    ]
    lines += ["", "Follows: Hu et al. (2022).", "Taught in: book/constraints/lora"]
    assert api_pages.house_docstring(lines) == [
        "Does it.",
        "",
        "**Raises**",
        "",
        "* ``DataError, ConfigError``: a row",
        "  is wrong.",
        "* ``Stopped``: by you.",
        "",
        "",
        "**Follows** Hu et al. (2022).",
        "",
        "**Taught in** :doc:`/book/constraints/lora`",
    ]


def test_shown_source_knows_its_public_names():
    spans = api_pages.public_spans("companion/training/loop.py")
    assert set(spans) == {"train"}
    first, last = spans["train"]
    lines = (api_pages.ROOT / "companion/training/loop.py").read_text(encoding="utf-8").splitlines()
    assert lines[first - 1].startswith("def train(") and last > first
