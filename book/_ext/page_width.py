"""What is wider than the page goes on below instead of out of sight: lines of code, lines of output, cells of tables.

A line of code may have 120 characters; a column of text has room for 75 to 95, a phone for 40. Every line of a code
block becomes an element of its own that knows its indentation, so that what is wrapped stands two characters deeper
than the line it belongs to. Text that is selected or copied has the lines of the file. A printed line is wrapped too,
unless it is a row of columns, which must stay under each other. In a table a cell of many words may have several lines.
A long name within a sentence breaks behind a point, a bracket or an underscore rather than inside a word. And a number
keeps its percent sign beside it.
"""

from __future__ import annotations

import re
from html import unescape

_CODE = re.compile(
    r'(?P<open><div class="highlight-(?:bash|default|dockerfile|python)[^>]*>'
    r'<div class="highlight"><pre>(?:<span></span>)?'
    r'|<pre class="ftc-source"[^>]*><code>)(?P<lines>.*?)(?P<close>(?:</code>)?</pre>)',
    re.DOTALL,
)
_OUTPUT = re.compile(
    r'(?P<open><div class="output [^>]*><div class="highlight"><pre>(?:<span></span>)?)(?P<lines>.*?)(?P<close></pre>)',
    re.DOTALL,
)
_TABLE = re.compile(r'<div class="ftc ftc-table".*?</table>', re.DOTALL)
_CELL = re.compile(r"<td>(?=([^<]*)</td>)")
_COLUMNS = re.compile(r"\S(?: {2,}|\t)\S|[│─┼]|^\s*[-=]{9,}\s*$")
# A percent sign in the text; what is code, or within a tag, is passed over.
_PERCENT = re.compile(r"<(?P<kept>pre|code|script|style)\b.*?</(?P=kept)>|<[^>]+>|(?<=\d) %", re.DOTALL)
# A name in code: an inline literal's word, or a part of a signature.
_LITERAL = re.compile(r'(?<=<span class="pre">)[^<\s]{12,}(?=</span>)')
_JOINT = re.compile(r"(?<=\w)[._/,=(:]+(?=[\w&])")
LONG_CELL = 20
"""Characters from which on a cell may be wrapped; an interval, `0.837 [0.822, 0.852]`, may not."""
_PART = re.compile(r"<[^>]+>|\n|[^<\n]+")
_INDENT = re.compile(r"^(?P<opened>(?:<[^>]+>)*)(?P<blank> +)")
# The indentation and the first word: a break between them would leave an empty line above a long name.
_BEGINNING = re.compile(r"^<span class=\"code-indent\"> +</span><(?P<tag>\w+)[^>]*>[^<\s]{1,24}</(?P=tag)>")


def fitted(html: str) -> str:
    """The HTML of a page with what may be wrapped marked for the style sheet."""
    html = _CODE.sub(lambda found: found["open"] + lines_of(found["lines"]) + found["close"], html)
    html = _OUTPUT.sub(lambda found: found["open"] + lines_of(found["lines"], printed=True) + found["close"], html)
    html = _TABLE.sub(lambda found: _CELL.sub(_cell, found[0]), html)
    html = _LITERAL.sub(lambda found: _JOINT.sub(r"\g<0><wbr>", found[0]), html)
    return _PERCENT.sub(lambda found: "\N{NO-BREAK SPACE}%" if found[0] == " %" else found[0], html)


def lines_of(code: str, *, printed: bool = False) -> str:
    """Highlighted code, each line in a `code-line`; an element that spans lines is closed and opened again.

    Printed lines that are rows of columns become a `code-row`, which is not wrapped.
    """
    lines, line, opened = [], "", []
    for part in _PART.findall(code):
        if part == "\n":
            lines.append(_line(line + "".join(f"</{_name(tag)}>" for tag in reversed(opened)) + "\n", printed))
            line = "".join(opened)
            continue
        if part.startswith("</"):
            opened.pop()
        elif part.startswith("<"):
            opened.append(part)
        line += part
    if re.sub(r"<[^>]+>", "", line):
        lines.append(_line(line, printed))
    return "".join(lines)


def _line(html: str, printed: bool) -> str:
    text = unescape(re.sub(r"<[^>]+>", "", html))
    if printed and _COLUMNS.search(text):
        return f'<span class="code-row">{html}</span>'
    indent = len(text) - len(text.lstrip(" "))
    style = f' style="--indent:{indent}"' if indent and text.strip() else ""
    if style:  # an element of its own, so that a narrow page can show less of what aligns a line far to the right
        html = _INDENT.sub(r'\g<opened><span class="code-indent">\g<blank></span>', html)
    html = _BEGINNING.sub(lambda found: f'<span class="code-beginning">{found[0]}</span>', html)
    return f'<span class="code-line"{style}>{html}</span>'


def _cell(found: re.Match[str]) -> str:
    return '<td class="long-cell">' if len(unescape(found[1])) > LONG_CELL else found[0]


def _name(tag: str) -> str:
    return tag[1:-1].split()[0]


def _fit(app, pagename, templatename, context, doctree):
    if "body" in context:
        context["body"] = fitted(context["body"])


def setup(app):
    app.connect("html-page-context", _fit)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
