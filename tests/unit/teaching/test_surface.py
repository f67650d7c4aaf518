import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from companion.teaching import surface
from companion.teaching.predictions import prediction
from companion.teaching.seal import Seal

QUESTION = prediction("Which?", {"this": None, "that": "Mirror: it is the other"}, "this", "it is")


@pytest.fixture
def kernel(monkeypatch):
    """As in a live notebook: a shell with a kernel, and no COMPANION_STATIC."""
    monkeypatch.delenv("COMPANION_STATIC", raising=False)
    monkeypatch.setattr(surface, "_shell", lambda: SimpleNamespace(kernel=object()))


def test_a_live_kernel_gets_the_widget_beside_html_and_text(kernel):
    bundle = QUESTION._repr_mimebundle_()
    assert list(bundle) == ["text/plain", "text/html", "application/vnd.jupyter.widget-view+json"]
    assert len(bundle["application/vnd.jupyter.widget-view+json"]["model_id"]) == 32


def test_static_means_html_and_text_alone(kernel, monkeypatch):
    monkeypatch.setenv("COMPANION_STATIC", "1")
    assert list(QUESTION._repr_mimebundle_()) == ["text/plain", "text/html"]


def test_colab_gets_html_that_works_without_a_widget(kernel, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace())
    assert list(QUESTION._repr_mimebundle_()) == ["text/plain", "text/html"]


def test_without_a_kernel_nobody_would_answer_a_widget(monkeypatch):
    monkeypatch.delenv("COMPANION_STATIC", raising=False)
    monkeypatch.setattr(surface, "_shell", lambda: SimpleNamespace())
    assert list(QUESTION._repr_mimebundle_()) == ["text/plain", "text/html"]


def test_without_ipywidgets_the_html_remains(kernel, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert list(QUESTION._repr_mimebundle_()) == ["text/plain", "text/html"]


def test_a_piece_without_a_widget_has_none_anywhere(kernel):
    assert list(Seal(sentence="so")._repr_mimebundle_()) == ["text/plain", "text/html"]


def test_in_a_notebook_a_piece_is_displayed(monkeypatch, capsys):
    import IPython.display

    sent = []
    monkeypatch.setattr(surface, "_shell", lambda: SimpleNamespace())
    monkeypatch.setattr(IPython.display, "display", sent.append)
    seal = Seal(sentence="so")
    surface.present(seal)
    assert sent == [seal] and capsys.readouterr().out == ""


def test_anywhere_else_its_text_is_printed(capsys):
    surface.present(Seal(sentence="`so`", value="1"))
    assert capsys.readouterr().out == "✓ so: 1\n"


def test_ids_depend_on_content_alone():
    assert surface.digest("a", 1) == surface.digest("a", 1)
    assert len({surface.digest("a", 1), surface.digest("a1"), surface.digest("a", 2), surface.digest(1, "a")}) == 4


def test_html_is_the_same_bytes_in_another_process():
    code = (
        "from companion.teaching.predictions import prediction\n"
        "print(prediction('Which?', {'this': None, 'that': 'Mirror: it is the other'}, 'this', 'it is').html())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            encoding="utf-8",
        ).stdout
        for seed in ("1", "2")
    }
    assert seen == {QUESTION.html() + "\n"}


def test_backticks_become_code_after_escaping():
    assert surface.inline("a `<b>` & c") == "a <code>&lt;b&gt;</code> &amp; c"
    assert surface.plain("a `<b>` & c") == "a <b> & c"
