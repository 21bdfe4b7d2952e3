"""Palette, layout and shared traces of all figures. Returns figures; sets nothing global."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.colors import find_intermediate_color, hex_to_rgb, label_rgb

from core.arrays import FloatArray

BLUE, VERMILLION = "#0072B2", "#D55E00"
NEUTRAL = "#767676"  # 4.5 : 1 on white, 4.2 : 1 on the dark background
SURFACE_SCALE = "Cividis"
LABEL_LENGTH = 80
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up", "star")
HEIGHT = 420


def clean_label(text: object) -> str:
    r"""Text from outside, safe to draw: no markup, MathJax, template syntax or control characters; 80 characters.

    Examples
    --------
    >>> clean_label("<b>$\\href{javascript:1}$</b>")
    'bhref(javascript:1)/b'
    """
    visible = "".join(c for c in unicodedata.normalize("NFC", str(text)) if unicodedata.category(c)[0] != "C")
    plain = re.sub(r"%+\(", "(", re.sub(r"[<>$\\]", "", visible).replace("{", "(").replace("}", ")"))
    return plain if len(plain) <= LABEL_LENGTH else plain[: LABEL_LENGTH - 1] + "…"


def ordered_colours(count: int) -> list[str]:
    """Colours for ordered lines: blue through pink to vermillion, each at least 3 : 1 on white and on dark."""
    blue, pink, vermillion = (tuple(map(float, hex_to_rgb(c))) for c in (BLUE, "#B0669A", VERMILLION))
    colours = []
    for share in np.linspace(0, 1, count) if count > 1 else [0.0]:
        low, high, part = (blue, pink, 2 * share) if share < 0.5 else (pink, vermillion, 2 * share - 1)
        colours.append(label_rgb(find_intermediate_color(low, high, part)))
    return colours


def make_figure(
    traces: Sequence[Any], *, title: str, x_title: str, y_title: str, alt: str, height: int = HEIGHT
) -> go.Figure:
    """A figure in the house's layout; its text alternative is in ``layout.meta["alt"]``."""
    grid = {"gridcolor": "rgba(128,128,128,0.25)", "zeroline": False, "automargin": True, "ticklabelstandoff": 6}
    layout = {  # given whole: each update of a figure takes plotly milliseconds
        "title": {"text": title, "x": 0, "xanchor": "left", "font": {"size": 16, "weight": 600}},
        "height": height,
        "margin": {"l": 64, "r": 56, "t": 56, "b": 56},
        "font": {"family": "Source Sans, Segoe UI, Helvetica, Arial, sans-serif", "size": 13},
        "hovermode": "closest",
        "legend": {"orientation": "v"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "meta": {"alt": alt},
        "xaxis": {"title": {"text": x_title, "font": {"size": 13}, "standoff": 12}} | grid,
        "yaxis": {"title": {"text": y_title, "font": {"size": 13}, "standoff": 12}} | grid,
    }
    return go.Figure(list(traces), layout)


def interval_points(
    x: Any, rate: FloatArray, lo: FloatArray, hi: FloatArray, *, colour: str, name: str, **options: Any
) -> go.Scatter:
    """Points with their intervals as error bars; further options go to the trace."""
    options.setdefault("mode", "markers")
    options.setdefault("marker", {"color": colour, "size": 9})
    return go.Scatter(
        x=x,
        y=rate,
        error_y={"type": "data", "array": hi - rate, "arrayminus": rate - lo, "color": colour, "thickness": 1.5},
        name=name,
        **options,
    )


def interval_band(x: Any, lo: FloatArray, hi: FloatArray, *, colour: str, name: str) -> go.Scatter:
    """A filled band between lo and hi."""
    r, g, b = hex_to_rgb(colour)
    return go.Scatter(
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([hi, lo[::-1]]),
        fill="toself",
        fillcolor=f"rgba({r},{g},{b},0.3)",
        line={"width": 0},
        hoverinfo="skip",
        name=name,
    )


def reference_line(x: Any, y: Any, *, name: str) -> go.Scatter:
    """A dashed neutral line to compare with."""
    return go.Scatter(
        x=x, y=y, mode="lines", line={"color": NEUTRAL, "dash": "dash", "width": 1.5}, name=name, hoverinfo="skip"
    )


def alternative(figure: go.Figure) -> str:
    """The text alternative of a figure made here."""
    return str(figure.layout.meta["alt"])


def figure_html(figure: go.Figure, *, with_library: bool) -> str:
    """The figure as an HTML fragment that needs no network; the first of a page carries the library."""
    html: str = figure.to_html(full_html=False, include_plotlyjs=with_library, config={"displaylogo": False})
    return html
