"""What travels inside a wheel, and that what the package imports is declared, pinned, and within its bounds."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_a_wheel_holds_the_package_and_the_data(tmp_path):
    pytest.importorskip("setuptools")
    for name in ("companion", "data", "book/assignments"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / name)
    command = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    built = files_below(tmp_path / "out" / "companion")
    data = files_below(ROOT / "data")
    modules = {
        name
        for name in files_below(ROOT / "companion")
        if name.endswith((".py", ".typed", ".js", ".css")) or name.startswith("deployment/files/")
    }
    assert {name.removeprefix("_data/"): built[name] for name in built if name.startswith("_data/")} == data
    notebooks = {f"_assignments/{path.name}" for path in (ROOT / "book" / "assignments").glob("*.ipynb")}
    assert notebooks <= set(built)
    assert {name for name in built if not name.startswith(("_data/", "_assignments/"))} == modules
    assert len(data) > 5
    assert len(modules) > 30


def requirements() -> list[str]:
    """Every requirement of the project and its extras, without those that name the project itself."""
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    return [line for line in PROJECT["dependencies"] + extras if not line.startswith(PROJECT["name"])]


def test_constraints_pin_one_version_of_each_thing():
    lines = [
        line for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if line and not line.startswith("#")
    ]
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line)] == []
    names = [line.split("==")[0].lower().replace("_", "-") for line in lines]
    assert len(names) == len(set(names)) > 100
    assert "torch==2.13.0" in lines


def test_pins_meet_the_bounds():
    packaging = pytest.importorskip("packaging.requirements")
    pins = dict(
        line.lower().replace("_", "-").split("==")
        for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
        if "==" in line
    )
    seen = 0
    for line in requirements():
        requirement = packaging.Requirement(line)
        pin = pins.get(requirement.name.lower().replace("_", "-"))
        if pin is not None:
            assert requirement.specifier.contains(pin, prereleases=True), f"{line} does not allow {pin}"
            seen += 1
    assert seen > 20


def test_everything_the_commands_install_is_pinned():
    pins = {
        line.split("==")[0].lower().replace("_", "-") for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    extras = PROJECT["optional-dependencies"]
    wanted = [
        *PROJECT["dependencies"],
        *(line for name in ("offline", "book", "tests", "notebook") for line in extras[name]),
    ]
    names = [re.match(r"[A-Za-z0-9._-]+", line).group(0).lower().replace("_", "-") for line in wanted]
    unpinned = [name for name in names if name not in pins and name != PROJECT["name"]]
    assert unpinned == []
    assert len(names) > 25


def third_party_imports(folder: Path) -> dict[str, str]:
    """Each distribution that the modules of a folder import, and one place where they do."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names = [node.module]
            for name in names:
                top = name.split(".")[0]
                if top not in sys.stdlib_module_names and top != folder.name:
                    found.setdefault(top, f"{path.relative_to(folder.parent)}:{node.lineno}")
    return found


def test_what_the_package_imports_is_declared():
    # Where the import bears another name than the distribution, or comes with one that is declared.
    distribution = {"sklearn": "scikit-learn", "PIL": "pillow", "IPython": "ipykernel", "cycler": "matplotlib"}
    distribution |= {"mpl_toolkits": "matplotlib", "jinja2": "torch"}
    declared = {re.match(r"[A-Za-z0-9._-]+", line).group(0).lower().replace("_", "-") for line in requirements()}
    core = {re.match(r"[A-Za-z0-9._-]+", line).group(0) for line in PROJECT["dependencies"]}
    imported = third_party_imports(ROOT / "companion")
    names = {name: distribution.get(name, name).lower().replace("_", "-") for name in imported}
    assert {imported[name] for name in imported if names[name] not in declared | {"google"}} == set()
    unused = sorted(name for name in core if name.lower().replace("-", "_") not in imported)
    assert unused == [], "a core dependency that no module imports"
    assert len(imported) >= 5
