import io
import struct

import matplotlib as mpl
import pytest

from companion.errors import ConfigError
from companion.teaching import figure, figures


@pytest.fixture(autouse=True)
def quiet_backend():
    """Figures of these tests are drawn off screen and closed."""
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    yield
    plt.close("all")


def drawn():
    chart, axes = figure(4, 2)
    for number in range(6):
        axes.plot([0, 1], [number, 1], label=f"line {number}")
    axes.legend()
    return chart


def test_six_lines_differ_in_colour_dash_and_marker():
    axes = drawn().axes[0]
    looks = [(line.get_color(), str(line._unscaled_dash_pattern), line.get_marker()) for line in axes.lines]
    assert len(looks) == 6
    assert all(len(set(look)) == 6 for look in zip(*looks, strict=True))


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_same_figure_is_the_same_bytes(kind):
    first = figures.encode(drawn(), kind)
    assert figures.encode(drawn(), kind) == first
    assert b"Matplotlib" not in first
    assert b"matplotlib.org" not in first.replace(b"http://matplotlib.org", b"") or kind == "png"


def test_a_png_is_small_transparent_and_144_dots_per_inch():
    from PIL import Image

    content = figures.encode(drawn())
    assert len(content) < 30_000
    width, _ = struct.unpack(">II", content[16:24])
    assert 500 <= width <= 620
    with Image.open(io.BytesIO(content)) as picture:
        assert round(picture.info["dpi"][0]) == 144
        assert picture.convert("RGBA").getpixel((1, 1))[3] == 0


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_figure_with_a_label_brings_it_as_alternative_text(kind):
    from IPython.core.formatters import DisplayFormatter

    mime = {"png": "image/png", "svg": "image/svg+xml"}[kind]
    display, chart = DisplayFormatter(), drawn()
    display.formatters[mime].for_type(type(chart), lambda chart: figures._payload(chart, kind))
    assert display.format(chart, include=[mime])[1].get(mime, {}) == {}
    chart.set_label("six lines")
    shown, about = display.format(chart, include=[mime])
    assert about[mime] == {"alt": "six lines"} and len(shown[mime]) > 1000


def test_style_ends_with_its_block():
    before = dict(mpl.rcParams)
    with figures.style():
        assert mpl.rcParams["text.color"] == figures.INK
        assert mpl.rcParams["axes.spines.top"] is False
    assert dict(mpl.rcParams) == before


def test_style_leaves_alone_what_a_starting_backend_sets():
    was = mpl.rcParams["interactive"]
    try:
        with figures.style():
            mpl.rcParams["interactive"] = not was
        assert mpl.rcParams["interactive"] is (not was)
    finally:
        mpl.rcParams["interactive"] = was


def test_style_ends_also_when_the_block_fails():
    before = mpl.rcParams["text.color"]
    with pytest.raises(ZeroDivisionError), figures.style():
        _ = 1 / 0
    assert mpl.rcParams["text.color"] == before


@pytest.mark.parametrize("size", [(0, 3), (6, 21), (float("nan"), 3)])
def test_a_figure_has_a_sensible_size(size):
    with pytest.raises(ConfigError, match="inches"):
        figure(*size)


@pytest.mark.parametrize("act", [figures.apply, lambda kind: figures.encode(drawn(), kind)])
def test_only_png_and_svg(act):
    with pytest.raises(ConfigError, match="unknown"):
        act("jpg")
