"""A self-contained HTML report of aggregates. No row of the holdout enters it, and it needs no network."""

from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from core.holdout.exploration import Exploration
from core.holdout.figures import calibration_figure, effect_figure, slice_figure, surface_figure, time_figure
from core.holdout.positivity import Surface
from core.holdout.reliability import Reliability
from core.holdout.slices import ScoreSlice
from core.holdout.time_course import TimeCourse
from core.holdout.verdict import state_verdict
from core.plotting import alternative, clean_label, figure_html

NOT_TOLD = (
    "What this does not tell: whether the pattern holds on fresh data, at another base rate, or for labels that were "
    "still missing when the holdout was drawn."
)
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:1080px;margin:2rem auto;padding:0 1rem;"
    "color:#1a1a1a;background:#fff}"
    "table{border-collapse:collapse;font-size:13px;display:block;overflow-x:auto}"
    "th,td{border:1px solid #ccc;padding:.2rem .5rem;text-align:right}figure{margin:1.5rem 0}"
    "code{overflow-wrap:anywhere}"
)


@dataclass(frozen=True, slots=True, eq=False)
class ReportParts:
    """What a report shows."""

    exploration: Exploration
    minimum_rows: int
    score_slice: ScoreSlice
    reliability: Reliability
    course: TimeCourse | None


def build_report(parts: ReportParts) -> str:
    """Report as one HTML document: provenance, the sentence, figures with their tables, limits."""
    exploration = parts.exploration
    unit = exploration.holdout.roles.uncertainty_kind
    surface = exploration.surface(minimum_rows=parts.minimum_rows)
    figures: list[tuple[Any, pd.DataFrame]] = [(surface_figure(surface, unit=unit), surface.frame())]
    figures.append((slice_figure(parts.score_slice, unit=unit), parts.score_slice.frame()))
    figures.append((calibration_figure(surface), surface.cube.cells.total(axis=1).frame()))
    sentence = "All rows lie in one uncertainty level, so nothing can be compared."
    if exploration.test is not None:
        sentence = state_verdict(exploration.test)
        figures.append((effect_figure(exploration.test), exploration.test.frame()))
    if parts.course is not None:
        figures.append((time_figure(parts.course), parts.course.frame()))
    body = [
        f"<h1>Positivity of {escape(clean_label(exploration.holdout.name))}</h1>",
        f"<p><strong>{escape(sentence)}</strong></p>",
        _table(_provenance(exploration, surface)),
        *(_figure(figure, table, first=i == 0) for i, (figure, table) in enumerate(figures)),
        "<h2>Reliability per uncertainty level</h2>",
        f"<p>ECE over {parts.reliability.bins} score bins; every interval {parts.reliability.confidence:.0%}.</p>",
        _table(parts.reliability.frame()),
        f"<p>{escape(NOT_TOLD)}</p>",
    ]
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>RecScope report</title>'
        f"<style>{_STYLE}</style></head><body>{''.join(body)}</body></html>"
    )


def _provenance(exploration: Exploration, surface: Surface) -> pd.DataFrame:
    holdout = exploration.holdout
    excluded = "; ".join(f"{clean_label(reason)}: {count:,}" for reason, count in holdout.excluded) or "none"
    filters = "; ".join(
        f"{clean_label(segment.name)} in {', '.join(clean_label(segment.values[code]) for code in among.codes)}"
        for among in exploration.where
        for segment in holdout.segments
        if segment.column == among.column
    )
    return pd.DataFrame(
        [
            ("data digest (SHA-256 of content and column roles)", holdout.digest),
            ("rows used", f"{exploration.cube.rows:,}"),
            ("of these outside the score edges of the surface", f"{surface.cube.outside - exploration.cube.outside:,}"),
            ("positives used", f"{int(exploration.cube.cells.positives.sum()):,}"),
            ("rows excluded", excluded),
            ("filter", filters or "none"),
            ("uncertainty", f"{clean_label(' – '.join(holdout.roles.uncertainty))} ({holdout.roles.uncertainty_kind})"),
            ("levels", "; ".join(exploration.cube.level_names())),
        ],
        columns=["what", "value"],
    )


def _figure(figure: Any, table: pd.DataFrame, *, first: bool) -> str:
    return (
        f'<figure role="group" aria-label="{escape(alternative(figure), quote=True)}">'
        f"{figure_html(figure, with_library=first)}</figure>"
        f"<details><summary>The table behind it</summary>{_table(table)}</details>"
    )


def _table(frame: pd.DataFrame) -> str:
    html: str = frame.to_html(index=False, border=0, float_format=lambda value: f"{value:.4g}", na_rep="", escape=True)
    return html
