"""What pages load: the icons they name, nothing of what is switched off, and no script that holds up the text."""

import re
import subprocess
from pathlib import Path
from shutil import which
from types import SimpleNamespace

import pytest

from page_assets import DEFERRED, SIGN, _pages_with_old_assets, keep_icons

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"

SCRIPT = (
    'var a={monero:[496,512,[],"f3d0","M352Z"],"magnifying-glass":[512,512,[128269,"search"],"f002","M416Z"],'
    'pair:[512,512,[],"e521",["M1Z","M2Z"]]},b={sun:[512,512,[9728],"f185","M3Z"]};run(a,b)'
)


def test_only_the_icons_that_are_named_stay():
    kept = keep_icons(SCRIPT, {"sun", "magnifying-glass"})
    assert kept == (
        'var a={"magnifying-glass":[512,512,[128269,"search"],"f002","M416Z"],},'
        'b={sun:[512,512,[9728],"f185","M3Z"]};run(a,b)'
    )
    assert keep_icons(SCRIPT, set()) == "var a={},b={};run(a,b)"
    assert keep_icons(SCRIPT, {"monero", "search", "pair", "sun"}) == SCRIPT, "an icon goes by its other names too"


def test_signs_of_the_font_are_dropped_and_nothing_else():
    styles = '.fa-lg{font-size:1.25em}.fa-house:before,.fa-home:before{content:"\\f015"}a:before{content:"x"}'
    assert SIGN.sub("", styles) == '.fa-lg{font-size:1.25em}a:before{content:"x"}'


def test_an_edited_file_of_the_book_makes_its_pages_old_and_a_trimmed_one_of_an_extension_does_not(tmp_path):
    for name in ("book", "extension", "out/_static"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "extension" / "theme.css").write_text("whole")
    (tmp_path / "out" / "_static" / "theme.css").write_text("trimmed")
    for place in ("book", "out/_static"):
        (tmp_path / place / "own.css").write_text("a")
    config = SimpleNamespace(html_static_path=["book", str(tmp_path / "extension")])
    app = SimpleNamespace(confdir=tmp_path, outdir=tmp_path / "out", config=config)
    env = SimpleNamespace(found_docs={"b", "a"})
    assert _pages_with_old_assets(app, env, set(), set(), set()) == []
    (tmp_path / "book" / "own.css").write_text("b")
    assert _pages_with_old_assets(app, env, set(), set(), set()) == ["a", "b"]


@pytest.mark.pages
def test_the_script_of_icons_is_small_and_whole():
    if not HTML.is_dir():
        pytest.skip("the book is not built: make book")
    script = HTML / "_static" / "scripts" / "fontawesome.js"
    text = script.read_text(encoding="utf-8")
    assert len(text) < 120_000
    for name in ("magnifying-glass", "github", "circle-half-stroke"):
        assert re.search(rf'"?{name}"?:\[\d+,\d+,', text), name
    if node := which("node"):
        subprocess.run([node, "--check", script], check=True)


@pytest.mark.pages
def test_scripts_do_not_hold_up_the_text():
    if not HTML.is_dir():
        pytest.skip("the book is not built: make book")
    text = (HTML / "book" / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script\b([^>]*)>", text)
    waited_for = {
        Path(re.search(r'src="([^"?]+)', tag)[1]).name
        for tag in scripts
        if "src=" in tag and "defer" not in tag and "async" not in tag
    }
    assert waited_for == {"documentation_options.js", "doctools.js", "companion.js"}
    assert not [name for name in ("thebe.js", "searchindex.js", "mathjax/") if name in "".join(scripts)]
    assert "searchindex.js" in (HTML / "search.html").read_text(encoding="utf-8")
    assert len(DEFERRED) == 6
