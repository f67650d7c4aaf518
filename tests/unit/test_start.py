"""`import companion` and `companion --help` stay light: nothing heavy is imported before it is used."""

import json
import subprocess
import sys

import companion

HEAVY = ["datasets", "matplotlib", "pandas", "peft", "scipy", "sklearn", "torch", "transformers"]
REPORT = f"import json, sys; print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]), file=sys.stderr)"


def loaded_by(statement: str) -> list[str]:
    """The heavy packages that a fresh interpreter has loaded after a statement."""
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{REPORT}"], capture_output=True, text=True, check=True, timeout=120
    )
    return json.loads(done.stderr.splitlines()[-1])


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_by("import companion; dir(companion)") == []


def test_help_loads_nothing_heavy():
    statement = (
        "import contextlib, sys\n"
        "from companion.cli import main\n"
        "sys.argv = ['companion', '--help']\n"
        "with contextlib.suppress(SystemExit): main()"
    )
    assert loaded_by(statement) == []


def test_a_heavy_import_would_be_seen():
    assert "torch" in loaded_by("import companion, torch")


def test_help_names_the_commands():
    program = [sys.executable, "-c", "import sys; from companion.cli import main; sys.argv[0] = 'companion'; main()"]
    done = subprocess.run([*program, "--help"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    commands = ["corpora", "train", "evaluate", "predict", "export"]
    assert [name for name in commands if name not in done.stdout] == []


def test_every_public_name_can_be_had():
    names = companion.__all__
    assert len(names) > 10
    assert [name for name in names if getattr(companion, name, None) is None] == []
    assert set(names) <= set(dir(companion))
