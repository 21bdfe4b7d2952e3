"""Labels from outside, colours one can see, and what every figure carries."""

import re
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio
import pytest
from plotly.colors import hex_to_rgb

from core import plotting
from core.plotting import (
    alternative,
    clean_label,
    figure_html,
    interval_band,
    interval_points,
    make_figure,
    ordered_colours,
    reference_line,
)

HOSTILE = [
    "<script>alert(1)</script>",
    "<a href='javascript:alert(1)'>x</a>",
    "$\\href{javascript:alert(1)}{x}$",
    "%{customdata[0]}",
    "{{7*7}}",
    "a\x00b\x1b[31m",
    "\u202eexe.csv",
    "a\u2028b\u2029c",
    "%%{{x}}",
    "x" * 10_000,
    "<" * 200,
    "\u200b\ufeff",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_label_is_drawn_as_plain_text(text):
    label = clean_label(text)
    assert len(label) <= 80
    assert not re.search(r"[<>$\\{}\x00-\x1f\x7f\u200b\u202a-\u202e\ufeff]|%\(", label)
    assert clean_label(label) == label


def test_a_usual_label_stays():
    assert clean_label("naïve 100 % – Île-de-France, 東京") == "naïve 100 % – Île-de-France, 東京"
    assert clean_label("e\u0301") == "é"  # one letter, however it was typed
    assert clean_label("x" * 80) == "x" * 80
    assert clean_label("x" * 81) == "x" * 79 + "…"
    assert clean_label(12) == "12"


def luminance(rgb):
    """WCAG 2 relative luminance of sRGB 0-255."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in np.asarray(rgb) / 255]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("count", range(1, 13))
def test_ordered_colours_are_seen_on_white_and_on_black(count):
    colours = [tuple(map(float, re.findall(r"[\d.]+", text))) for text in ordered_colours(count)]
    assert len(set(colours)) == count
    for colour in colours:
        assert contrast(colour, (255, 255, 255)) >= 3
        assert contrast(colour, (0, 0, 0)) >= 3


def test_ordered_colours_run_from_blue_to_vermillion():
    first, *_, last = ordered_colours(7)
    assert first == "rgb(0.0, 114.0, 178.0)"
    assert last == "rgb(213.0, 94.0, 0.0)"
    reds = [float(re.findall(r"[\d.]+", text)[0]) for text in ordered_colours(12)]
    assert all(a < b for a, b in pairwise(reds))


@pytest.mark.parametrize("name", ["BLUE", "VERMILLION", "NEUTRAL"])
def test_the_palette_is_seen_on_white(name):
    assert contrast(hex_to_rgb(getattr(plotting, name)), (255, 255, 255)) >= 3


def test_black_on_white_is_21():
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)  # WCAG's own figure: the measure is right


def test_a_figure_has_its_titles_and_its_text_alternative():
    before = pio.templates.default
    figure = make_figure([], title="A title", x_title="score", y_title="rate (%)", alt="What it shows.", height=300)
    assert figure.layout.title.text == "A title"
    assert figure.layout.xaxis.title.text == "score"
    assert figure.layout.yaxis.title.text == "rate (%)"
    assert figure.layout.height == 300
    assert alternative(figure) == "What it shows."
    assert pio.templates.default == before


def test_interval_points_measure_from_the_rate():
    # rate .5 in [.4, .7]: .2 up, .1 down.
    trace = interval_points([1], np.array([0.5]), np.array([0.4]), np.array([0.7]), colour="#000000", name="n")
    assert trace.error_y.array == pytest.approx([0.2])
    assert trace.error_y.arrayminus == pytest.approx([0.1])
    assert trace.mode == "markers"
    line = interval_points(
        [1], np.array([0.5]), np.array([0.4]), np.array([0.7]), colour="#000000", name="n", mode="lines"
    )
    assert line.mode == "lines"


def test_a_band_goes_up_one_way_and_back_the_other():
    band = interval_band(np.array([1, 2]), np.array([0.1, 0.2]), np.array([0.3, 0.4]), colour="#0072B2", name="n")
    assert list(band.x) == [1, 2, 2, 1]
    assert list(band.y) == [0.3, 0.4, 0.2, 0.1]
    assert band.fillcolor == "rgba(0,114,178,0.3)"
    assert reference_line([0, 1], [0, 1], name="n").line.dash == "dash"


def test_html_needs_no_network():
    figure = make_figure([go.Scatter(x=[1], y=[2])], title="t", x_title="x", y_title="y", alt="a")
    first, second = figure_html(figure, with_library=True), figure_html(figure, with_library=False)
    assert len(second) < 20_000 < len(first)
    for html in (first[:2_000], second):
        assert not re.search(r"<(script|link|img)[^>]*\b(src|href)=", html)
