"""A directive that draws a part of a corpus's data sheet from the files themselves, so that no number can grow old.

```{data-sheet} newsroom sizes
```
"""

from __future__ import annotations

from docutils import nodes
from docutils.parsers.rst import Directive


class DataSheet(Directive):
    """`{data-sheet} CORPUS PART`; the parts are those of `companion.teaching.data_sheets`."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        from companion.errors import CompanionError
        from companion.teaching.data_sheets import data_sheet

        try:
            html = data_sheet(*self.arguments)
        except CompanionError as error:
            raise self.error(f"data-sheet: {error}") from error
        return [nodes.raw("", html, format="html")]


def setup(app):
    app.add_directive("data-sheet", DataSheet)
    # The page depends on the data, which Sphinx does not watch: read it again every time.
    app.connect("env-get-outdated", lambda app, env, added, changed, removed: _pages_with_sheets(env))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _pages_with_sheets(env) -> list[str]:
    return [name for name in env.found_docs if name in {"book/reference/newsroom", "book/reference/helpdesk"}]
