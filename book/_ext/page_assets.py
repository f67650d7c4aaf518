"""Small repairs to how pages get their scripts and styles.

* sphinx-thebe and sphinx-togglebutton register their inline scripts twice, once with no file name and once with an
  empty one, and every page then stops with "Identifier 'THEBE_JS_URL' has already been declared".
* Sphinx copies static files only when some page is out of date, so an edit of companion.css alone would not show.
* The theme draws its dozen icons with a script that brings two thousand, over half a megabyte compressed: only those
  that a page or another script names are kept. Its style sheet names as many signs of a font; companion.css does
  without that font, so none is kept.
* Scripts that only wait for the page to be parsed need not hold up its first picture, and the parts of Thebe, which
  `_config.yml` switches off, are loaded for nothing; so is MathJax on the cover, which holds no formula.
"""

import re
from pathlib import Path

# Nothing runs these while the page is parsed. (The search page calls doctools.js, and inline scripts use
# documentation_options.js, so those two stay where they are.)
DEFERRED = {
    "_static/sphinx_highlight.js",
    "_static/clipboard.min.js",
    "_static/copybutton.js",
    "_static/togglebutton.js",
    "_static/design-tabs.js",
    "_static/scripts/sphinx-book-theme.js",
}
ICON = re.compile(r'"?(?P<name>[\w-]+)"?:\[\d+,\d+,\[(?P<aliases>[^\]]*)\],"\w+",(?:"[^"]*"|\[[^\]]*\])\],?')
SIGN = re.compile(r'(?:\.fa-[\w-]+:before,?)+\{content:"[^"]*"\}')


def keep_icons(script: str, named: set[str]) -> str:
    """Font Awesome's script with only the icons that are named, by their name or by another name they go by."""

    def needed(icon: re.Match[str]) -> str:
        return icon[0] if {icon["name"], *re.findall(r'"([\w-]+)"', icon["aliases"])} & named else ""

    return ICON.sub(needed, script)


def _trim_icons(app, exception):
    target = Path(app.outdir) / "_static" / "scripts" / "fontawesome.js"
    if exception is not None or not target.is_file():
        return
    import pydata_sphinx_theme

    theme = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme" / "static"
    users = [path for path in Path(app.outdir).rglob("*.html") if "_static" not in path.parts]
    users += [path for path in (Path(app.outdir) / "_static").rglob("*.js") if path.name != target.name]
    named = set()
    for path in users:
        named |= set(re.findall(r"\bfa-([a-z0-9-]+)", path.read_text(encoding="utf-8")))
    whole = (theme / "scripts" / "fontawesome.js").read_text(encoding="utf-8")
    target.write_text(keep_icons(whole, named), encoding="utf-8")
    styles = Path("styles") / "pydata-sphinx-theme.css"
    whole = (theme / styles).read_text(encoding="utf-8")
    (Path(app.outdir) / "_static" / styles).write_text(SIGN.sub("", whole), encoding="utf-8")


def _keep_first_script(app, pagename, templatename, context, doctree):
    seen = set()
    kept = []
    for script in context.get("script_files", []):
        attributes = sorted(getattr(script, "attributes", {}).items())
        name = str(getattr(script, "filename", "") or "")
        identity = (name, str(attributes))
        if identity in seen or "thebe" in name or "THEBE_JS_URL" in str(attributes):
            continue
        if "/mathjax/" in name and 'class="math' not in context.get("body", ""):
            continue
        seen.add(identity)
        if name in DEFERRED:
            script = type(script)(name, priority=script.priority, **script.attributes | {"defer": "defer"})
        kept.append(script)
    context["script_files"] = kept
    styles = context.get("css_files", [])
    context["css_files"] = [each for each in styles if "thebe" not in str(getattr(each, "filename", ""))]


def _pages_with_old_assets(app, env, added, changed, removed):
    built = Path(app.outdir) / "_static"
    for folder in app.config.html_static_path:
        if Path(folder).is_absolute():
            # An extension's own, of which some files are trimmed after the build and never equal their source again.
            continue
        source = Path(app.confdir) / folder
        for file in source.rglob("*"):
            copy = built / file.relative_to(source)
            if file.is_file() and (not copy.is_file() or copy.read_bytes() != file.read_bytes()):
                return sorted(env.found_docs)
    return []


def setup(app):
    app.connect("html-page-context", _keep_first_script, priority=999)
    app.connect("env-get-outdated", _pages_with_old_assets)
    app.connect("build-finished", _trim_icons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
