"""A small table in the colours of the other pieces."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from companion.errors import ConfigError
from companion.teaching.markup import Markup, same_length, styled, unseen
from companion.teaching.surface import escape

_TABLE_CSS = """
.ftc.ftc-table{padding:.4em .8em;border-radius:.4em;overflow-x:auto}
.ftc.ftc-table table{border-collapse:collapse;margin:0;width:auto;font-size:.95em;color:inherit;border:0;
table-layout:auto}
.ftc.ftc-table caption{caption-side:top;text-align:left;color:var(--ftc-muted);font-size:.88em;padding:.2em 0 .4em}
.ftc.ftc-table th,.ftc.ftc-table td{padding:.22em .8em .22em 0;text-align:left;background:none;border:0;
border-bottom:1px solid var(--ftc-line);white-space:nowrap;color:inherit;font-variant-numeric:tabular-nums}
.ftc.ftc-table thead th{color:var(--ftc-muted);font-weight:600;border-bottom:1px solid var(--ftc-strong-line)}
.ftc.ftc-table tr{background:none}
"""


def label_table(columns: Mapping[str, Sequence[object]], *, wrong: Collection[int] = (), caption: str = "") -> Markup:
    """A small table from named columns; the rows numbered in `wrong` (from 0) carry a ✗.

    Raises: ConfigError for no column, columns of different length, or a row number outside the table.
    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    if not columns:
        raise ConfigError("label_table: no column", remedy="Give {name: values}.")
    same_length("label_table", **columns)
    rows = list(zip(*columns.values(), strict=True))
    outside = [number for number in wrong if not 0 <= number < len(rows)]
    if outside:
        raise ConfigError(f"label_table: wrong row {outside[0]} of {len(rows)} rows", remedy="Rows count from 0.")
    names = [*columns, ""] if wrong else list(columns)
    head = "".join(f'<th scope="col">{escape(name) or unseen("right or wrong")}</th>' for name in names)
    body = ""
    for number, row in enumerate(rows):
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in row)
        verdict = f'<span class="ftc-fault">✗{unseen(" wrong")}</span>' if number in wrong else ""
        body += f"<tr>{cells}{f'<td>{verdict}</td>' if wrong else ''}</tr>"
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    label = escape(caption or "Table: " + ", ".join(columns))
    lines = ["\t".join(columns), *("\t".join(map(str, row)) + "\t✗" * (n in wrong) for n, row in enumerate(rows))]
    return Markup(
        plain_text="\n".join([caption, *lines] if caption else lines),
        markup=f'<div class="ftc ftc-table" tabindex="0" role="region" aria-label="{label}">'
        f"{styled(_TABLE_CSS, body)}<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>",
    )
