"""An import in `companion` never runs upward, wherever it stands: at the top, inside a function, or for types only."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "companion"

FLOORS = [
    {"_lazy", "errors", "randomness"},
    {"corpora"},
    {"encoding"},
    {"models"},
    {"objectives", "adaptation"},
    {"training"},
    {"evaluation"},
    {"tasks"},
    {"recipes"},
    {"deployment", "doctor"},
    {"experiments", "teaching"},
    {"classroom"},
    {"cli", "__main__"},
]
HEIGHT = {name: height for height, names in enumerate(FLOORS) for name in names}
ROOF = len(FLOORS)  # `companion` itself, whose lazy names reach into every floor


def imported_modules(source: str, module: tuple[str, ...], is_package: bool) -> list[tuple[int, tuple[str, ...]]]:
    """Line and dotted parts of every `companion` module that this source imports.

    `module` is the importing module's own path, such as `("companion", "corpora", "readers")`.
    """
    package = module if is_package else module[:-1]
    found = []
    for node in ast.walk(ast.parse(source)):
        targets: list[tuple[str, ...]] = []
        if isinstance(node, ast.Import):
            targets = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            base = (*start, *(node.module.split(".") if node.module else ()))
            # `from companion import errors` imports a floor, `from companion import train` the roof.
            targets = [(*base, alias.name) if len(base) == 1 else base for alias in node.names]
        elif isinstance(node, ast.Call) and node.args and "import_module" in ast.unparse(node.func):
            argument = node.args[0]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and "." in argument.value:
                targets = [tuple(argument.value.split("."))]  # the bare package is how a name is looked up, not used
        found += [(node.lineno, target) for target in targets if target and target[0] == "companion"]
    return found


def height(module: tuple[str, ...]) -> int:
    return HEIGHT.get(module[1], ROOF) if len(module) > 1 else ROOF


def upward_imports(package: Path) -> tuple[int, int, list[str]]:
    """The number of modules read, the number of imports within the package, and those that run upward."""
    files = imports = 0
    upward = []
    for path in sorted(package.rglob("*.py")):
        parts = ("companion", *path.relative_to(package).with_suffix("").parts)
        is_package = parts[-1] == "__init__"
        module = parts[:-1] if is_package else parts
        files += 1
        for line, target in imported_modules(path.read_text(encoding="utf-8"), module, is_package):
            imports += 1
            if height(target) > height(module):
                upward.append(f"{path.relative_to(package)}:{line}: {'.'.join(module)} imports {'.'.join(target)}")
    return files, imports, upward


def test_no_import_runs_upward():
    files, imports, upward = upward_imports(PACKAGE)
    assert upward == []
    assert files == len(list(PACKAGE.rglob("*.py"))) > 30
    assert imports > files, "an AST walk that finds fewer imports than modules has missed some"


def test_every_folder_and_module_has_a_floor():
    names = {path.stem for path in PACKAGE.glob("*.py")} | {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert names - set(HEIGHT) == {"__init__"}
    assert len(names) > 10


def test_sabotaged_packages_are_caught(tmp_path):
    sabotage = {
        "at the top": "from companion.training import loop\n",
        "as a module": "import companion.cli\n",
        "inside a function": "def f():\n    from companion.tasks.tokens import TokenTask\n    return TokenTask\n",
        "for types only": "import typing\nif typing.TYPE_CHECKING:\n    from companion.models import encoder\n",
        "relative": "from ..evaluation import entities\n",
        "relative, of a floor": "from .. import recipes\n",
        "through the roof": "from companion import train\n",
        "by name": "import importlib\nimportlib.import_module('companion.teaching.claims')\n",
    }
    caught = 0
    for number, source in enumerate(sabotage.values()):
        package = tmp_path / str(number) / "companion"
        (package / "corpora").mkdir(parents=True)
        (package / "corpora" / "readers.py").write_text(source)
        files, imports, upward = upward_imports(package)
        caught += (files, imports, len(upward)) == (1, 1, 1)
    assert caught == len(sabotage) == 8


def test_a_package_that_keeps_the_order_passes(tmp_path):
    package = tmp_path / "companion"
    (package / "training").mkdir(parents=True)
    (package / "training" / "loop.py").write_text(
        "from companion import errors\nfrom companion.objectives.supervised import TokenCrossEntropy\n"
        "from . import state\nfrom ..corpora import records\nimport torch\n"
    )
    assert upward_imports(package) == (1, 4, [])
