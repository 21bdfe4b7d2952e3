"""What the views of the holdout page share: the data in view, the slice, and results that two views show."""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.engine.protocol import Engine
from core.holdout.data import Holdout
from core.holdout.exploration import Exploration
from core.holdout.reliability import SEED, Reliability, measure_reliability
from core.holdout.slices import ScoreSlice, slice_at_score, slider_bounds
from core.holdout.time_course import TimeCourse, positivity_over_time
from core.plotting import clean_label
from core.rng import make_generator
from pages._shell_jobs import compute
from pages._shell_show import keep_within

SCORE_KEY, WIDTH_KEY = "holdout_score", "holdout_half_width"


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What the sections of one run share."""

    holdout: Holdout
    engine: Engine
    exploration: Exploration
    minimum_rows: int
    key: tuple[Any, ...]

    @property
    def unit(self) -> str:
        """Name of the uncertainty for an axis."""
        return name_unit(self.holdout)


def name_unit(holdout: Holdout) -> str:
    """Name of a holdout's uncertainty for an axis."""
    kind = holdout.roles.uncertainty_kind
    column = " to ".join(clean_label(name) for name in holdout.roles.uncertainty)
    return column if kind in column.lower() else f"{column} ({kind})"


def choose_slice(view: View) -> ScoreSlice:
    """Two sliders, which several views share, and the slice at their score and half-width."""
    bounds = slider_bounds(view.holdout.rows.ranges["score"])
    keep_within(SCORE_KEY, 0.0, bounds.top)
    keep_within(WIDTH_KEY, bounds.step, bounds.top / 2)
    left, right = st.columns(2)
    score = left.slider(
        "Score", 0.0, bounds.top, bounds.score, bounds.step, format=bounds.format,
        key=SCORE_KEY, bind="query-params", persist_state="session",
    )  # fmt: skip
    half = right.slider(
        "Half-width of the window around it", bounds.step, bounds.top / 2, bounds.half_width, bounds.step,
        format=bounds.format, key=WIDTH_KEY, bind="query-params", persist_state="session",
    )  # fmt: skip
    return slice_at_score(view.exploration.cube, score=score, half_width=half)


def reliability_of(view: View) -> Reliability:
    """The reliability table of the view."""
    surface = view.exploration.surface(minimum_rows=view.minimum_rows)
    return compute(
        ("reliability", *view.key),
        lambda: measure_reliability(
            surface, view.holdout, view.engine, where=view.exploration.where, rng=make_generator(SEED)
        ),
        label="Reliability",
    )


def course_of(view: View) -> TimeCourse:
    """Positivity over time."""
    return compute(
        ("time", *view.key),
        lambda: positivity_over_time(view.holdout, view.engine, where=view.exploration.where),
        label="Positivity over time",
    )
