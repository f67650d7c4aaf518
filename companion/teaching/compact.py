"""Scripts that travel inside an output: shipped as readable files, sent without what only people need."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

# A string, a template or a regular expression keeps every character; a division never follows "(" or "= ".
_TOKEN = re.compile(
    r'"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|(?:(?<=\()|(?<== ))/(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\n])+/[a-z]*|\s+|.'
)


@cache
def compacted(*names: str) -> str:
    """The named scripts of this package as one line, without comments, indentation and needless spaces.

    The scripts end every statement with a semicolon or a brace, quote with double quotes, comment on lines of their
    own, and nest no templates.
    """
    sources = (files("companion.teaching").joinpath(name).read_text(encoding="utf-8") for name in names)
    return without_spaces("\n".join(sources))


def without_spaces(source: str) -> str:
    """JavaScript with the same tokens and few spaces; double quotes become single where nothing has to be escaped."""
    code = "\n".join(line for line in source.splitlines() if not line.lstrip().startswith("//"))
    kept, space = "", False
    for token in _TOKEN.findall(code):
        if token.isspace():
            space = True
            continue
        if space and kept and _would_join(kept[-1], token[0]):
            kept += " "
        if token[0] == '"' and "'" not in token and "\\" not in token:
            token = f"'{token[1:-1]}'"
        kept, space = kept + token, False
    return kept


def _would_join(left: str, right: str) -> bool:
    """Whether two characters read differently without a space between them."""
    return (_is_word(left) and _is_word(right)) or (left == right and left in "+-/")


def _is_word(character: str) -> bool:
    return character.isalnum() or character in "_$"
