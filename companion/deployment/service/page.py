"""The page that explains the service, made from its own OpenAPI description: no script, nothing from another host."""

from __future__ import annotations

import json
from html import escape
from typing import Any

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:CanvasText;"
    "background:Canvas;color-scheme:light dark}pre{overflow:auto;padding:.75rem;border:1px solid GrayText;"
    "border-radius:.4rem}code{font:0.9em ui-monospace,monospace}h2{border-bottom:1px solid GrayText}"
    "table{border-collapse:collapse}td,th{text-align:left;padding:.2rem .8rem .2rem 0}"
)
EXAMPLES = {
    False: {"text": "Angela Merkel visited Wolfsburg."},
    True: {"text": "A man sleeps.", "text_pair": "Somebody rests."},
}
"""What is sent to a model of one text, and to one of pairs."""


def api_page(openapi: dict[str, Any], models: list[dict[str, Any]]) -> str:
    """HTML for people: models, paths, answers and an example; every string in it is escaped."""
    info = openapi["info"]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width,initial-scale=1'>",
        f"<title>{escape(info['title'])}</title><style>{STYLE}</style>",
        f"<h1>{escape(info['title'])}</h1><p>{escape(info.get('description', ''))}</p>",
        "<h2>Models</h2><table><tr><th>name<th>task<th>format<th>labels</tr>",
        *(
            f"<tr><td><code>{escape(model['name'])}</code><td>{escape(model['task'])}<td>{escape(model['format'])}"
            f"<td>{escape(', '.join(model['labels']))}</tr>"
            for model in models
        ),
        "</table><h2>Example</h2>",
        *(f"<pre><code>{escape(example)}</code></pre>" for example in _examples(models)),
    ]
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            parts.append(f"<h2><code>{escape(method.upper())} {escape(path)}</code></h2>")
            parts.append(f"<p>{escape(operation.get('description') or operation.get('summary', ''))}</p><table>")
            for status, response in operation.get("responses", {}).items():
                parts.append(f"<tr><td>{escape(status)}<td>{escape(response.get('description', ''))}</tr>")
            parts.append("</table>")
    schemas = openapi.get("components", {}).get("schemas", {})
    parts.append(f"<h2>Schemas</h2><pre><code>{escape(json.dumps(schemas, indent=1))}</code></pre>")
    parts.append("<p><a href=openapi.json>The same for programs (OpenAPI)</a></p></html>")
    return "".join(parts)


def _examples(models: list[dict[str, Any]]) -> list[str]:
    """How the first model that reads one text is asked, and the first that reads pairs."""
    found = []
    for pairs, body in EXAMPLES.items():
        named = [model["name"] for model in models if bool(model.get("pairs")) is pairs]
        if named:
            path = "predict" if named[0] == models[0]["name"] else f"v1/models/{named[0]}/predict"
            found.append(
                f"curl -s localhost:8700/{path} -H 'content-type: application/json' \\\n     -d '{json.dumps(body)}'"
            )
    return found
