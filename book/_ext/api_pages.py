"""Reference pages of the package: docstrings in the house's form as entries, and links from shown source to both.

`{api} train TrainConfig` in a page makes one entry per public name, by `sphinx.ext.autodoc`. A docstring's last lines
become links: `Taught in: book/…` to the chapter, `Follows: …` stays a sentence. Where a chapter shows source
(`teaching.show`), the line above it leads to that file with all its lines, and to the entry of what is shown.
"""

import ast
import html
import inspect
import re
import types
from pathlib import Path

from sphinx.ext.autodoc.preserve_defaults import update_defvalue
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parents[2]
PLACE = re.compile(
    r'<figcaption class="ftc-place">(?P<file>companion/[\w/]+)\.py, '
    r"lines? (?P<first>\d+)(?:–(?P<last>\d+))?</figcaption>"
)


class Api(SphinxDirective):
    """Entries of the public names given, in their order."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = False

    def run(self):
        import companion

        lines = []
        for name in self.arguments[0].split():
            if name not in companion.__all__:
                raise self.error(f"api: companion has no public name {name!r}")
            kind = "class" if isinstance(getattr(companion, name), type) else "function"
            lines += [f".. auto{kind}:: companion.{name}", *([] if kind == "function" else ["   :members:"]), ""]
        return self.parse_text_to_nodes("```{eval-rst}\n" + "\n".join(lines) + "\n```")


def house_docstring(lines):
    """The lines of a docstring as markup: what it raises as a list, the chapter that teaches it as a link."""
    result, raising = [], False
    for line in lines:
        taught = re.fullmatch(r"Taught in: book/(\S+)", line)
        raised = re.fullmatch(r"    ([A-Z]\w+(?:, [A-Z]\w+)*): (.+)", line) if raising else None
        raising = line == "Raises:" or (raising and line.startswith("    "))
        if taught:
            result += ["", f"**Taught in** :doc:`/book/{taught[1]}`"]
        elif line.startswith("Follows: "):
            result += ["", f"**Follows** {line.removeprefix('Follows: ')}"]
        elif line == "Raises:":
            result += ["**Raises**", ""]
        elif raised:
            result.append(f"* ``{raised[1]}``: {raised[2]}")
        elif raising:
            result.append(f"  {line.strip()}")
        elif line.startswith("Raises: "):
            result += ["", f"**Raises** {line.removeprefix('Raises: ')}"]
        else:
            result.append(line)
    return result


def _behind(obj):
    """The function behind a package that can be called, as `companion.doctor` can; anything else as it is."""
    return getattr(obj, obj.__name__.rpartition(".")[2]) if isinstance(obj, types.ModuleType) else obj


def _process(app, what, name, obj, options, lines):
    if _behind(obj) is not obj:
        lines[:] = inspect.getdoc(_behind(obj)).splitlines()
    lines[:] = house_docstring(lines)


def _sign(app, what, name, obj, options, signature, returned):
    if _behind(obj) is obj:
        # Of `~collections.abc.Sequence`, the last name is enough to read.
        return tuple(re.sub(r"~(?:\w+\.)+", "", text) if text else text for text in (signature, returned))
    of = inspect.signature(_behind(obj))
    text = str(of.replace(return_annotation=inspect.Signature.empty)).replace("'", "")
    return text, str(of.return_annotation).strip("'")


def public_spans(file):
    """The public names that a file defines, each with its first and last line: `{"train": (31, 88)}`."""
    import companion

    spans = {}
    module = file.removesuffix(".py").replace("/", ".")
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in companion.__all__:
            spans[node.name] = (min([node.lineno, *(d.lineno for d in node.decorator_list)]), node.end_lineno)
    return {name: span for name, span in spans.items() if getattr(companion, name).__module__ == module}


def _link_places(app, pagename, templatename, context, doctree):
    if "body" not in context or 'class="ftc-place"' not in context["body"]:
        return
    entries = {name: (page, anchor) for name, _, kind, page, anchor, _ in app.env.get_domain("py").get_objects()}
    sources = getattr(app.env, "_viewcode_modules", {})

    def link(match):
        file, first = match["file"], int(match["first"])
        last = int(match["last"] or first)
        place = html.escape(match[0][match[0].index(">") + 1 : match[0].rindex("<")])
        module = file.replace("/", ".").removesuffix(".__init__")
        if sources.get(module):
            target = context["pathto"](f"_modules/{module.replace('.', '/')}")
            place = f'<a href="{target}">{place}</a>'
        shown = [name for name, (start, end) in public_spans(f"{file}.py").items() if start <= last and first <= end]
        for name in shown:
            page, anchor = entries[f"companion.{name}"]
            place += f' · <a href="{context["pathto"](page)}#{anchor}">reference: {name}</a>'
        return f'<figcaption class="ftc-place">{place}</figcaption>'

    context["body"] = PLACE.sub(link, context["body"])


def _keep_defaults(app, described, bound):
    """What `autodoc_preserve_defaults` does, but for signatures that name more options than the source has."""
    if not hasattr(described, "__signature__"):
        update_defvalue(app, described, bound)


def setup(app):
    app.setup_extension("sphinx.ext.autodoc")
    before = "autodoc-before-process-signature"
    for listener in [each for each in app.events.listeners[before] if each.handler is update_defvalue]:
        app.disconnect(listener.id)
    app.connect(before, _keep_defaults)
    app.setup_extension("sphinx.ext.viewcode")
    app.add_directive("api", Api)
    app.connect("autodoc-process-docstring", _process)
    app.connect("autodoc-process-signature", _sign)
    # After viewcode has collected which modules have a page.
    app.connect("html-page-context", _link_places)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
