"""The bibliography as a list that assistive technology understands.

Docutils marks its entries with `doc-biblioentry`, a role that ARIA has withdrawn, inside a `list`, whose children must
be items. Each entry becomes such an item.
"""

OLD, NEW = 'role="doc-biblioentry"', 'role="listitem"'


def _rename(app, pagename, templatename, context, doctree):
    if "body" in context:
        context["body"] = context["body"].replace(OLD, NEW)


def setup(app):
    app.connect("html-page-context", _rename)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
