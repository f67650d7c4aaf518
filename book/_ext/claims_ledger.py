"""The claims ledger: anchors at the cells of every notebook, and directives that say what the cells have settled.

```{claims-ledger} learning rate
```
```{evidence} K05 K06
```

The first writes the claims of one part of `claims.toml`, or, as `summary`, how many there are of each verdict. The
second lists the cells behind some claims: what their seals say, and the records that they draw.
"""

from __future__ import annotations

import json
import re
from functools import cache

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from evidence import CLAIM_IDS, VERDICTS, Claim, Evidence, evidence, faults, places, read_claims
from notebooks import ROOT

LEDGER = "book/reference/claims-ledger"
GENERATED = {LEDGER, "book/outlook/faq"}


def anchored(source: str) -> str:
    """The JSON of a notebook with an anchor before every cell: its id, unless a heading has the same."""
    notebook = json.loads(source)
    prose = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    taken = {nodes.make_id(heading) for heading in re.findall(r"^#{1,6} +(.+)$", prose, flags=re.M)}
    cells = []
    for number, cell in enumerate(notebook["cells"]):
        name = cell.get("id", "")
        if number and name and nodes.make_id(name) not in taken:
            anchor = f'<div class="cell-anchor" id="{name}"></div>'
            cells.append({"cell_type": "markdown", "id": f"{name}-anchor", "metadata": {}, "source": [anchor]})
        cells.append(cell)
    return json.dumps(notebook | {"cells": cells}, ensure_ascii=False)


@cache
def seeds_of(record: str) -> int:
    """How many seeds a record has."""
    paths = (ROOT / "data" / "records" / record).glob("*.json")
    factors = [json.loads(path.read_text(encoding="utf-8"))["factors"] for path in paths]
    return len({each["seed"] for each in factors if "seed" in each})


class _Written(SphinxDirective):
    """What both directives share: links to cells, and lists of seals."""

    def link(self, page: str, anchor: str, *words: str) -> nodes.reference:
        uri = f"{self.env.app.builder.get_relative_uri(self.env.docname, page)}#{anchor}"
        return nodes.reference("", "", *(nodes.Text(word) for word in words), refuri=uri, internal=True)

    def cells(self, found: Evidence) -> nodes.bullet_list:
        listed = nodes.bullet_list(classes=["evidence"])
        for place, seals in found:
            section = f" › {place.section}" if place.section != place.title else ""
            line = nodes.paragraph("", "", self.link(place.page, place.cell, f"{place.title}{section}"))
            for record in place.records:
                seeds = f", {seeds_of(record)} seeds" if seeds_of(record) > 1 else ""
                line += [nodes.Text(" · record "), nodes.literal(text=record), nodes.Text(seeds)]
            item = nodes.list_item("", line)
            if seals:
                told = nodes.bullet_list(classes=["seals"])
                told += [nodes.list_item("", nodes.paragraph(text=f"✓ {seal.text}")) for seal in seals]
                item += told
            listed += item
        return listed

    def verdict(self, claim: Claim) -> nodes.inline:
        kind = claim.verdict.replace(" ", "-")
        basis = f" · {claim.basis}" if claim.basis else ""
        return nodes.inline("", f"{claim.verdict}{basis}", classes=["verdict", f"verdict-{kind}"])


class ClaimsLedger(_Written):
    """`{claims-ledger} GROUP`, or `{claims-ledger} summary`."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        claims, [asked] = read_claims(), self.arguments
        if problems := faults(claims, places()):
            raise self.error("claims-ledger: " + "; ".join(problems))
        if asked == "summary":
            return [self.summary(claims)]
        chosen = [claim for claim in claims.values() if claim.group == asked]
        if not chosen:
            raise self.error(f"claims-ledger: no part is called {asked!r}; there are {_groups(claims)}")
        return [self.entry(claim) for claim in chosen]

    def summary(self, claims: dict[str, Claim]) -> nodes.Node:
        listed = nodes.bullet_list(classes=["verdicts"])
        for verdict in VERDICTS:
            names = [name for name in CLAIM_IDS if claims[name].verdict == verdict]
            line = nodes.paragraph()
            line += [nodes.strong(text=f"{verdict}: {len(names)}"), nodes.Text(" · " if names else "")]
            for name in names:
                line += [self.link(LEDGER, name.lower(), name), nodes.Text(" ")]
            listed += nodes.list_item("", line)
        return listed

    def entry(self, claim: Claim) -> nodes.Node:
        said = nodes.paragraph("", "", nodes.inline("", claim.id, classes=["claim-id"]), nodes.Text(" "))
        said += [nodes.strong(text=claim.claim), nodes.Text(" "), self.verdict(claim)]
        whole = nodes.container("", said, ids=[claim.id.lower()], classes=["ledger-claim"])
        if claim.because:
            whole += nodes.paragraph(text=claim.because)
        if claim.open:
            opening = "Will be measured in: " if claim.verdict == "not yet measured" else "Still open: "
            whole += nodes.paragraph("", "", nodes.emphasis(text=opening), nodes.Text(claim.open))
        if claim.rests_on:
            line = nodes.paragraph("", "", nodes.Text("Rests on "))
            for name in claim.rests_on:
                line += [self.link(LEDGER, name.lower(), name), nodes.Text(" ")]
            line += [nodes.Text("· answered in "), self.link("book/outlook/faq", f"faq-{claim.id.lower()}", "the FAQ")]
            whole += line
        elif found := evidence(claim, places()):
            whole += self.cells(found)
        return whole


class EvidenceList(_Written):
    """`{evidence} ID …`: the verdicts on some claims and the cells behind them; or cells, `book/part/chapter#cell`."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        claims, whole = read_claims(), nodes.container(classes=["evidence-box"])
        for name in self.arguments[0].split():
            if "#" in name:
                if not (cells := [(place, place.seals) for place in places() if place.name == name]):
                    raise self.error(f"evidence: there is no cell {name}")
                whole += self.cells(cells)
                continue
            if name not in claims:
                raise self.error(f"evidence: {name} is no claim of the ledger")
            claim = claims[name]
            told = self.link(LEDGER, name.lower(), claim.claim), nodes.Text(" "), self.verdict(claim)
            whole += nodes.paragraph("", "", *told)
            if found := evidence(claim, places()):
                whole += self.cells(found)
        return [whole]


def _groups(claims: dict[str, Claim]) -> str:
    return ", ".join(dict.fromkeys(claim.group for claim in claims.values()))


def _anchor_notebook(app, docname, source):
    if str(app.env.doc2path(docname)).endswith(".ipynb"):
        source[0] = anchored(source[0])


def _announce_anchors(app, doctree):
    """Tell MyST of the anchors, so that `[words](chapter.ipynb#cell)` is a link that the build checks."""
    slugs = app.env.metadata[app.env.docname].setdefault("myst_slugs", {})
    for node in doctree.findall(nodes.raw):
        for name in re.findall(r'^<div class="cell-anchor" id="([^"]+)"></div>$', node.astext(), flags=re.M):
            slugs.setdefault(name, (node.line or 0, name, name))


def _read_again(app, env, added, changed, removed):
    # These pages depend on all notebooks and records, which Sphinx does not watch for them.
    for stored in (places, seeds_of):
        stored.cache_clear()
    return sorted(GENERATED & set(env.found_docs))


def setup(app):
    app.add_directive("claims-ledger", ClaimsLedger)
    app.add_directive("evidence", EvidenceList)
    app.connect("source-read", _anchor_notebook)
    app.connect("doctree-read", _announce_anchors)
    app.connect("env-get-outdated", _read_again)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
