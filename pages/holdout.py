"""Page: how the empirical positivity rate changes with score and uncertainty."""

import streamlit as st

from core.holdout.data import Holdout
from core.holdout.exploration import explore
from core.holdout.positivity import BINS, LEVELS, MINIMUM_ROWS
from core.holdout.report import NOT_TOLD
from core.holdout.slices import HALF_WIDTH, SCORE
from core.holdout.verdict import state_verdict
from core.settings import Settings
from pages._holdout_controls import choose_cut
from pages._holdout_input import pick_holdout
from pages._holdout_sections import SECTIONS, run_section
from pages._holdout_view import View
from pages._shell import Step, get_engine, guarded, open_page
from pages._shell_jobs import compute
from pages._shell_show import show_limits

CUT = {
    "holdout_level_method": LEVELS.method, "holdout_levels": LEVELS.count,
    "holdout_bin_method": BINS.method, "holdout_bins": BINS.count, "holdout_minimum_rows": MINIMUM_ROWS,
}  # fmt: skip
AT_SCORE = {"holdout_score": SCORE, "holdout_half_width": HALF_WIDTH}
STEPS = (
    Step(
        "One score, many truths",
        "This is simulated data. Each cell holds rows with about the same score and the same uncertainty; its "
        "colour is the share that turned out positive. Follow one column upwards: the score stays, the truth does "
        "not.",
        {**CUT, "holdout_view": "Surface"},
    ),
    Step(
        f"Cut at score {SCORE}",
        "The dashed line is what the score claims. The points are what happened, from well-known rows on the left to "
        "hardly known ones on the right, each with its interval and its number of rows.",
        {**CUT, **AT_SCORE, "holdout_view": "Slice"},
    ),
    Step(
        "Is it real?",
        "Patterns appear in noise too. A test compares two models of the label, one that knows the score and one "
        "that also knows the uncertainty, and the sentence below says what the data support.",
        {**CUT, "holdout_view": "Is it real?"},
    ),
    Step(
        "Why it happens",
        "For scores made from counts the curve is known in closed form. Try τ = 1 and τ = 10 and a low score: the "
        "direction can turn round. So thresholds must follow the data, not a rule of thumb. End the tour to bring "
        "your own file.",
        {**CUT, **AT_SCORE, "holdout_view": "Why"},
    ),
)


def explore_holdout(holdout: Holdout, settings: Settings) -> None:
    """Count the rows once, say what they show, and open the chosen view."""
    levels, bins, minimum_rows, where = choose_cut(holdout)
    key = (holdout.digest, levels, bins, tuple(where))
    engine = get_engine(settings)
    exploration = compute(
        ("exploration", *key),
        lambda: explore(holdout, engine, levels=levels, bins=bins, where=where),
        label="Positivity",
    )
    if exploration.test is not None:
        st.markdown(f"**{state_verdict(exploration.test)}**")
    if where:
        st.text(f"The filter keeps {exploration.cube.rows:,} of {holdout.rows.count:,} rows.")
    if outside := exploration.surface(minimum_rows=minimum_rows).cube.outside:
        st.text(f"{outside:,} rows lie outside the typed edges; the surface leaves them out.")
    view = View(holdout, engine, exploration, minimum_rows, key)
    tabs = st.tabs(list(SECTIONS), key="holdout_view", bind="query-params")
    for tab, show in zip(tabs, SECTIONS.values(), strict=True):
        if tab.open:
            with tab:
                run_section(show, view)


open_page(
    "holdout",
    "At the same model score, does the share of positives change with how *uncertain* the score is? "
    "Bring the scores, uncertainties and labels of a holdout and see.",
    STEPS,
)
with guarded("holdout"):
    settings = Settings.from_environment()
    explore_holdout(pick_holdout(settings), settings)
show_limits(NOT_TOLD)
