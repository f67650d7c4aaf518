"""Rules for every text file of the repository: nothing of one machine, no wrong package, no pinned registry."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Each rule is put together from pieces, so that this file keeps it too.
RULES = {
    "installs somebody else's package": re.compile(
        "pip"
        + r"3?\s+install\s+(?:-\S+\s+)*[\"']?"
        + "companion"
        + r"(?![\w/.-])|[\"']"
        + "companion"
        + r"(?:\[[^\]]*\])?\s*@\s*git\+"
    ),
    "names a package registry": re.compile(
        "|".join(
            re.escape(a + b)
            for a, b in [
                ("pypi", ".org"),
                ("python", "hosted.org"),
                ("download.pytorch", ".org"),
                ("npm", "js.org"),
                ("conda", ".anaconda.org"),
            ]
        )
    ),
    "holds a path of one machine": re.compile(
        r"(?<![\w.:/])/(?:" + "home|root|work|tmp|Users|private/var" + r")/[\w.-]+"
    ),
    "holds a key or token": re.compile(
        "|".join(["hf" + r"_[A-Za-z0-9]{30,}", "gh" + r"[pousr]_[A-Za-z0-9]{30,}", "AK" + r"IA[A-Z0-9]{16}"])
    ),
}
BINARY = {".png", ".jpg", ".ico", ".gz", ".zip", ".safetensors", ".pdf", ".woff2"}


def repository_files(root: Path) -> list[Path]:
    """The files that are tracked or would be, without what git ignores."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return [root / line for line in listing.stdout.splitlines() if (root / line).is_file()]


def broken_rules(text: str) -> list[str]:
    """The rules that a text breaks, with the line."""
    return [
        f"line {text.count(chr(10), 0, match.start()) + 1} {rule}: {match.group(0)!r}"
        for rule, pattern in RULES.items()
        for match in pattern.finditer(text)
    ]


def test_every_file_keeps_the_rules():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: git says which files belong to the repository")
    checked = 0
    found = []
    for path in repository_files(ROOT):
        if path.suffix not in BINARY:
            text = path.read_text(encoding="utf-8", errors="replace")
            found += [f"{path.relative_to(ROOT)}: {finding}" for finding in broken_rules(text)]
            checked += 1
    assert found == []
    assert checked > 60


@pytest.mark.parametrize(
    "sabotaged",
    [
        "pip" + " install companion",
        "%pip" + " install -q companion[offline]",
        "pip" + " install --upgrade 'companion'",
        "pip" + ' install "companion' + '[offline] @ git+https://github.com/a/b"',
        "--index-url https://download.pytorch" + ".org/whl/cpu",
        "see https://pypi" + ".org/project/x",
        "open('/ho" + "me/ada/data.txt')",
        '"path": "/wo' + 'rk/main/book"',
        "token = hf" + "_" + "a" * 34,
    ],
)
def test_a_sabotaged_text_is_caught(sabotaged):
    assert len(broken_rules(f"first line\n{sabotaged}\n")) >= 1


@pytest.mark.parametrize(
    "harmless",
    [
        "pip"
        + ' install "finetuning-companion[offline] @ git+https://github.com/finetuning-companion/finetuning-companion"',
        "pip" + " install ./companion",
        "https://pytorch.org/get-started/locally/",
        "https://example.org/home/page",
        "data/work/tmp/x",
    ],
)
def test_a_harmless_text_passes(harmless):
    assert broken_rules(harmless) == []


def test_the_readme_installs_the_right_package():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    wanted = '"finetuning-companion[offline] @ git+https://github.com/finetuning-companion/finetuning-companion'
    assert wanted in text
    assert text.count('install "') == text.count(wanted) >= 1


def test_the_repository_has_one_address():
    address = re.compile(r"github\.com/(finetuning-companion/[\w-]+|OWNER/[\w-]+|example/[\w-]+)")
    found = {}
    for name in ("README.md", "_config.yml", "pyproject.toml", "CITATION.cff", "book/how-to-use-this-book.md"):
        found[name] = set(address.findall((ROOT / name).read_text(encoding="utf-8")))
    assert len(found) == 5
    assert set().union(*found.values()) == {"finetuning-companion/finetuning-companion"}
    assert all(found.values()), "a file that names no address has lost it"
