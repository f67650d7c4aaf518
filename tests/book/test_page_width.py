"""What is wide on a page: lines of code and print wrap below themselves, tables keep their columns, no text changes."""

import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from notebooks import pages
from page_width import LONG_CELL, fitted, lines_of

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"


class Nesting(HTMLParser):
    """Every element is closed where it was opened."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def text(html: str) -> str:
    return unescape(re.sub(r"<[^>]+>", "", html))


CODE = (
    '<span class="k">def</span> <span class="nf">f</span><span class="p">(</span>x<span class="p">):</span>\n'
    "\n"
    '    <span class="s">"""Two lines\n'
    '    &lt;of&gt; text."""</span>\n'
    '        <span class="k">return</span> x'
)


def test_each_line_knows_its_indentation_and_the_text_stays():
    html = lines_of(CODE)
    assert text(html) == text(CODE)
    assert Nesting(html).open == []
    lines = re.findall(r'<span class="code-line"(?: style="--indent:(\d+)")?>', html)
    assert lines == ["", "", "4", "4", "8"]


@pytest.mark.parametrize(
    ("name", "pieces"),
    [
        ("Corpus.from_conll(file,", ["Corpus.", "from_", "conll(", "file,"]),
        ("encoding=&quot;cp1252&quot;", ["encoding=", "&quot;cp1252&quot;"]),
        ("companion/encoding/page_width.py", ["companion/", "encoding/", "page_", "width.", "py"]),
        ("a.b", ["a.b"]),
        ("unbreakable&lt;name&gt;", ["unbreakable&lt;name&gt;"]),
    ],
)
def test_a_long_name_may_break_where_a_reader_would_break_it(name, pieces):
    html = fitted(f'<td><code class="literal"><span class="pre">{name}</span></code></td>')
    assert html == f'<td><code class="literal"><span class="pre">{"<wbr>".join(pieces)}</span></code></td>'


def test_an_element_that_spans_lines_is_opened_again_on_each():
    first, second = '<span class="s">a</span>\n', '<span class="s">b</span>\n'
    both = f'<span class="code-line">{first}</span><span class="code-line">{second}</span>'
    assert lines_of('<span class="s">a\nb</span>\n') == both


def test_the_first_word_stays_with_its_indentation_unless_it_is_a_text():
    assert '<span class="code-beginning"><span class="code-indent">    </span><span class="n">torch</span></span>' in (
        lines_of('    <span class="n">torch</span><span class="o">.</span>')
    )
    assert "code-beginning" not in lines_of('    <span class="s">a long text of many words</span>')


def test_a_printed_line_wraps_unless_it_is_a_row_of_columns():
    printed = "a  b\n---------\n1  2\nA sentence of one line.\n  - a point\n"
    inner = f'<div class="highlight"><pre><span></span>{printed}</pre></div></div>'
    output = fitted(f'<div class="output text_plain highlight-myst-ansi notranslate">{inner}')
    assert re.findall(r'class="(code-(?:line|row))"', output) == ["code-row"] * 3 + ["code-line"] * 2
    assert text(output) == text(inner)


def test_plain_text_is_left_alone_and_code_is_not():
    plain = '<div class="highlight-text notranslate"><div class="highlight"><pre><span></span>a  b\n</pre></div></div>'
    assert fitted(plain) == plain
    assert fitted(plain.replace("highlight-text", "highlight-python")).count('class="code-line"') == 1


def test_a_cell_of_many_words_may_have_lines_and_an_interval_may_not():
    words, interval = "w" * (LONG_CELL + 1), "0.837 [0.822, 0.852]"
    table = f'<div class="ftc ftc-table"><table><tr><td>{interval}</td><td>{words}</td></tr></table></div>'
    assert fitted(table) == table.replace(f"<td>{words}", f'<td class="long-cell">{words}')
    assert fitted(table.replace("ftc-table", "other")) == table.replace("ftc-table", "other")


def test_a_number_keeps_its_percent_sign_in_the_text_and_code_keeps_its_space():
    page = '<p title="30 %">At 30 % of <code>x = 5 %</code></p><pre>10 % 3</pre> and a % alone, 95 %'
    assert fitted(page) == page.replace("At 30 %", "At 30\u00a0%").replace("alone, 95 %", "alone, 95\u00a0%")


@pytest.mark.pages
def test_pages_have_the_code_of_their_notebooks():
    if not (HTML / "index.html").is_file():
        pytest.skip("the book is not built: make book")
    compared = 0
    for page in pages():
        if page.suffix != ".ipynb":
            continue
        html = (HTML / page).with_suffix(".html").read_text(encoding="utf-8")
        blocks = re.findall(r'<div class="cell_input .*?<pre>(?:<span></span>)?(.*?)</pre>', html, flags=re.DOTALL)
        cells = json.loads((ROOT / page).read_text(encoding="utf-8"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        shown = [text(block).strip() for block in blocks]
        assert all(block in {source.strip() for source in sources} for block in shown), page.name
        assert all("code-line" in block for block in blocks), page.name
        compared += len(blocks)
    assert compared > 1000
