"""Folds the input of cells that carry a role tag, so that the argument of a page stands without its scaffolding.

Outputs stay in sight. In Jupyter and Colab, where such tags mean nothing, the cells are ordinary cells.
"""

import json

PROMPTS = {
    "setup": "Setup",
    "predict": "The question as code",
    "parity": "The comparison, by hand against the package",
    "claim": "What this claim asserts",
    "starter": "Starter cell",
}


def fold(source: str) -> str:
    """The JSON of a notebook with `hide-input` and a prompt on every code cell that has one of the role tags."""
    notebook = json.loads(source)
    for cell in notebook["cells"]:
        metadata = cell.get("metadata", {})
        role = next((tag for tag in metadata.get("tags", []) if tag in PROMPTS), None)
        if cell["cell_type"] != "code" or role is None:
            continue
        metadata["tags"] = list(dict.fromkeys([*metadata["tags"], "hide-input"]))
        prompts = {"code_prompt_show": f"{PROMPTS[role]} · show", "code_prompt_hide": f"{PROMPTS[role]} · hide"}
        metadata["mystnb"] = prompts | metadata.get("mystnb", {})
    return json.dumps(notebook, ensure_ascii=False)


def _fold_notebook(app, docname, source):
    if str(app.env.doc2path(docname)).endswith(".ipynb"):
        source[0] = fold(source[0])


def _name_by_prompt(app, pagename, templatename, context, doctree):
    # The label would make every folded cell of a page sound the same to a screen reader.
    if "body" in context:
        context["body"] = context["body"].replace('<summary aria-label="Toggle hidden content">', "<summary>")


def setup(app):
    app.connect("source-read", _fold_notebook)
    app.connect("html-page-context", _name_by_prompt)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
