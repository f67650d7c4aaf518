"""What makes a piece of HTML sound, for every test that draws one."""

from html.parser import HTMLParser

import pytest

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>"
    """" onmouseover="alert(1)' onfocus='alert(1) &lt;b&gt; </style>"""
)


class Outline(HTMLParser):
    """The elements of a fragment in order; an error for any that is not closed where it should be."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes, self.text, self.ids = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> is out of order"

    def handle_data(self, data):
        if "style" not in self.open and "script" not in self.open:
            self.text.append(data)


def outline_of(html: str) -> Outline:
    """Parse a fragment, and check that it is balanced, has one root, asks nothing of other hosts and repeats no id."""
    outline = Outline()
    outline.feed(html)
    outline.close()
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    assert "http://" not in html.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in html
    assert not [name for _, name, _ in outline.attributes if name.startswith("on")]
    assert html.startswith("<") and ' class="ftc ' in html[: html.index(">")]
    return outline


@pytest.fixture
def outline():
    """`outline_of`, for tests."""
    return outline_of


@pytest.fixture
def hostile() -> str:
    """Text that takes over a page wherever it is not escaped."""
    return HOSTILE


@pytest.fixture
def heard(monkeypatch):
    """Every piece that a verb displays in this test, in order."""
    import importlib

    pieces = []
    for module in ("agreement", "claims", "exercises", "listing", "predictions"):
        monkeypatch.setattr(importlib.import_module(f"companion.teaching.{module}"), "present", pieces.append)
    return pieces
