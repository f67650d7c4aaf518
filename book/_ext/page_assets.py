"""Two small repairs to how pages get their scripts and styles.

* sphinx-thebe and sphinx-togglebutton register their inline scripts twice, once with no file name and once with an
  empty one, and every page then stops with "Identifier 'THEBE_JS_URL' has already been declared".
* Sphinx copies static files only when some page is out of date, so an edit of companion.css alone would not show.
"""

from pathlib import Path


def _keep_first_script(app, pagename, templatename, context, doctree):
    seen = set()
    kept = []
    for script in context.get("script_files", []):
        attributes = sorted(getattr(script, "attributes", {}).items())
        identity = (str(getattr(script, "filename", "") or ""), str(attributes))
        if identity not in seen:
            seen.add(identity)
            kept.append(script)
    context["script_files"] = kept


def _pages_with_old_assets(app, env, added, changed, removed):
    built = Path(app.outdir) / "_static"
    for folder in app.config.html_static_path:
        source = Path(app.confdir) / folder
        for file in source.rglob("*"):
            copy = built / file.relative_to(source)
            if file.is_file() and (not copy.is_file() or copy.read_bytes() != file.read_bytes()):
                return sorted(env.found_docs)
    return []


def setup(app):
    app.connect("html-page-context", _keep_first_script, priority=999)
    app.connect("env-get-outdated", _pages_with_old_assets)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
