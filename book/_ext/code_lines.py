"""Code that is wider than the page goes on below, indented, instead of out of sight.

A line of code may have 120 characters; a column of text has room for 75 to 95, a phone for 40. Every line of a code
block becomes an element of its own that knows its indentation, so that what is wrapped stands two characters deeper
than the line it belongs to. Text that is selected or copied has the lines of the file. Outputs are left as they are:
the columns of a table must stay under each other.
"""

from __future__ import annotations

import re

_BLOCK = re.compile(
    r'(?P<open><div class="highlight-(?:bash|default|dockerfile|python)[^>]*>'
    r'<div class="highlight"><pre>(?:<span></span>)?'
    r'|<pre class="ftc-source"[^>]*><code>)(?P<code>.*?)(?P<close>(?:</code>)?</pre>)',
    re.DOTALL,
)
_PART = re.compile(r"<[^>]+>|\n|[^<\n]+")
# The indentation and the first word: a break between them would leave an empty line above a long name.
_BEGINNING = re.compile(r"^ +<(?P<tag>\w+)[^>]*>[^<\s]{1,24}</(?P=tag)>")


def with_lines(html: str) -> str:
    """The HTML of a page with each line of its code blocks in an element of its own."""
    return _BLOCK.sub(lambda found: found["open"] + lines_of(found["code"]) + found["close"], html)


def lines_of(code: str) -> str:
    """Highlighted code, each line in a `code-line`; an element that spans lines is closed and opened again."""
    lines, line, opened = [], "", []
    for part in _PART.findall(code):
        if part == "\n":
            lines.append(_line(line + "".join(f"</{_name(tag)}>" for tag in reversed(opened)) + "\n"))
            line = "".join(opened)
            continue
        if part.startswith("</"):
            opened.pop()
        elif part.startswith("<"):
            opened.append(part)
        line += part
    if re.sub(r"<[^>]+>", "", line):
        lines.append(_line(line))
    return "".join(lines)


def _line(html: str) -> str:
    text = re.sub(r"<[^>]+>", "", html)
    indent = len(text) - len(text.lstrip(" "))
    style = f' style="--indent:{indent}"' if indent and text.strip() else ""
    html = _BEGINNING.sub(lambda found: f'<span class="code-beginning">{found[0]}</span>', html)
    return f'<span class="code-line"{style}>{html}</span>'


def _name(tag: str) -> str:
    return tag[1:-1].split()[0]


def _wrap(app, pagename, templatename, context, doctree):
    if "body" in context:
        context["body"] = with_lines(context["body"])


def setup(app):
    app.connect("html-page-context", _wrap)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
