"""Page: one threshold per uncertainty level, with most recall at a precision, and the proof that it holds."""

import streamlit as st

from core.settings import Settings
from core.thresholds.halves import LEVELS
from core.thresholds.prove import choose_test
from core.thresholds.rule import suggest_target
from pages._holdout_input import pick_holdout
from pages._shell import Step, get_engine, guarded, open_page
from pages._shell_jobs import keep
from pages._shell_show import show_limits
from pages._thresholds_controls import choose_counting, choose_objective
from pages._thresholds_counted import count_rows
from pages._thresholds_proof import show_proof
from pages._thresholds_sections import SECTIONS, draw_frontier, list_methods
from pages._thresholds_view import View, find_view

QUESTION = {
    "thresholds_goal": "precision", "thresholds_precision": 0.3, "thresholds_method": "exact",
    "thresholds_rows": "halves", "thresholds_level_method": LEVELS.method, "thresholds_levels": LEVELS.count,
}  # fmt: skip
STEPS = (
    Step(
        "One threshold per level",
        "This is simulated data: one row in ten is positive, and we want 30 % among the accepted. The line is "
        "the rule. Where the model knows a row well (bottom) a lower score is enough; elsewhere more is asked.",
        {**QUESTION, "thresholds_view": "Thresholds"},
    ),
    Step(
        "All that can be had",
        "Each line is a method. The further right at the dashed target, the more positives are found. The diamond is "
        "the best single threshold: to ignore the uncertainty costs recall here. Move the target: nothing is counted "
        "anew.",
        {**QUESTION, "thresholds_view": "Frontier"},
    ),
    Step(
        "Does it hold on fresh rows?",
        "The rule was chosen because it looked good on these rows. Press 'Confirm on the other half': the rule is "
        "tested once on rows that it never saw, and the answer may be a refusal.",
        {**QUESTION, "thresholds_view": "Methods"},
    ),
    Step(
        "Take it along",
        "The rule leaves as JSON, SQL or Python, with a fingerprint and its evidence. End the tour to bring your own "
        "file.",
        {**QUESTION, "thresholds_view": "Export"},
    ),
)
NOT_TOLD = (
    "What this does not tell: whether tomorrow's rows are like these. The proof is about rows drawn as these were: not "
    "about another season, another model or another share of positives (see Other base rates). It takes rows as "
    "independent, unless a group column is mapped. Looks are counted in this session only: a reload or a colleague "
    "starts a new count."
)


def set_thresholds(settings: Settings) -> None:
    """Count the rows once, ask, and show what was found on both halves and in the chosen view."""
    holdout = pick_holdout(settings, word="thresholds")
    counted = count_rows(holdout, get_engine(settings), choose_counting(holdout))
    counting = counted.counting
    first = keep(
        ("first", *counted.key, counting.proof_key),
        lambda: suggest_target(
            counted.tuned, delta=counted.spent, sampling=counting.sampling,
            test=choose_test(counted.tuned, holdout, largest_weight=counting.largest_weight),
        ),
    )  # fmt: skip
    objective, method = choose_objective(holdout, first=first)
    view = None
    with guarded("thresholds_question"):
        view = find_view(counted, objective, method)
    if view is None:
        draw_frontier(counted, objective, method)
        list_methods(counted, objective, proven=False)
        return
    with guarded("thresholds_proof"):
        show_proof(view)
    show_views(view)


def show_views(view: View) -> None:
    """Only the open view runs."""
    if view.counted.tuned.weights is not None:
        st.caption("Rows have weights: below, rows, positives, accepted, tp and fp are sums of weights.")
    tabs = st.tabs(list(SECTIONS), key="thresholds_view", bind="query-params")
    for tab, show in zip(tabs, SECTIONS.values(), strict=True):
        if tab.open:
            with tab, guarded("thresholds_section"):
                show(view)


open_page(
    "thresholds",
    "Find one score threshold per *uncertainty* level that keeps your precision and finds most positives, and see "
    "whether it holds on rows that it was not tuned on.",
    STEPS,
)
with guarded("thresholds"):
    settings = Settings.from_environment()
    set_thresholds(settings)
show_limits(NOT_TOLD)
