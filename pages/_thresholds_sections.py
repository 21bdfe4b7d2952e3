"""The views of the thresholds page: thresholds on the surface, the frontier, the methods, and the list of all."""

import streamlit as st

from core.thresholds.evidence import describe
from core.thresholds.figures import frontier_figure, rule_figure
from core.thresholds.level_table import OVERALL_ONLY, tabulate_levels
from core.thresholds.methods import NAMES
from core.thresholds.objective import Objective
from core.thresholds.tuning import Method
from pages._shell_show import show_figure, show_table
from pages._thresholds_counted import Counted
from pages._thresholds_edit import show_edit
from pages._thresholds_export import show_export
from pages._thresholds_shift import show_shift
from pages._thresholds_view import View, compare


def show_rule(view: View) -> None:
    """Thresholds drawn on the surface, and what each level does."""
    show_figure(rule_figure(view.rule, unit=view.counted.unit), key="figure_rule")
    st.caption(
        f"Rows of {view.counted.half}. Right of the line a row is accepted: one step per uncertainty level. "
        "Colours are the share of positives."
    )
    show_table(view.rule.frame(), name="levels, tuned", opened=True)
    st.caption(
        "Intervals of the tuned table ignore that the rule was chosen on these rows. Levels with fewer than 30 "
        "accepted rows are marked: their figures say little. An empty threshold accepts none."
    )
    certificate, proof = view.certificate, view.evidence.proof
    if certificate is not None and proof is not None:
        table = tabulate_levels(
            proof.confirm, certificate.cuts,
            target=certificate.target, delta=view.counted.counting.delta, candidates=certificate.candidates,
            test=proof.test,
        )  # fmt: skip
        show_table(table.frame(), name="levels, confirmed", opened=True)
        told = OVERALL_ONLY if certificate.scope == "overall" else "Every level was proven by itself."
        st.caption(f"{told} The lower bounds here hold for all levels together, so they are strict.")
        if not view.evidence.sampling.even:
            st.caption(f"This table is of the sampled rows, where the target is {certificate.target:.4g}.")
    show_table(view.rule.surface().frame().dropna(axis="columns", how="all"), name="positivity of the tuning rows")


def show_frontier(view: View) -> None:
    """Precision against recall of all methods."""
    confirmed = None
    if view.certificate is not None and view.counted.confirm is not None:
        confirmed = describe(view.certificate.confirmed, view.counted.confirm, view.evidence.sampling)
    draw_frontier(view.counted, view.objective, view.method, confirmed=confirmed)


def draw_frontier(
    counted: Counted, objective: Objective, method: Method, *, confirmed: dict[str, float] | None = None
) -> None:
    """The frontier of a question, whether or not a rule answers it."""
    comparison = compare(counted, objective, proven=False)
    show_figure(frontier_figure(comparison, method=method, confirmed=confirmed), key="figure_frontier")
    st.caption(
        f"Every line is read off {counted.half} and is hopeful, most where few rows are accepted (on the left). The "
        "exact optimum lies on or above the line of MIST, which it starts from. Shown are the surroundings of the "
        "target; a double click shows all."
    )
    show_table(comparison.curves().replace({"method": NAMES}), name="frontier")


def show_methods(view: View) -> None:
    """The same question, asked of every method."""
    list_methods(view.counted, view.objective, proven=view.evidence.proof is not None)


def list_methods(counted: Counted, objective: Objective, *, proven: bool) -> None:
    """The table of methods; confirmed columns only where the half was opened for this question."""
    comparison = compare(counted, objective, proven=proven)
    frame = comparison.frame().drop(columns="note")  # which is said below
    show_table(frame.dropna(axis="columns", how="all"), name="methods", opened=True)
    for answer in comparison.answers:
        if answer.reason:
            st.text(f"{NAMES[answer.method]}: {answer.reason}")
    if proven and counted.holdout.roles.group is not None:
        st.caption("Whole groups were resampled for the method that the half was opened with, not for the others.")
    st.caption(
        "Gap: how much more any rule on these cuts could reach at most. Recall tuned is that of the method's best rule "
        "for the target, which is too hopeful. "
        + (
            "Each line is a test by itself. The guarantee is that of the method you had chosen before; to take another "
            "one because it looks better here is one more look."
            if proven
            else "Confirmed figures appear once the other half is opened for this question."
        )
    )


SECTIONS = {
    "Thresholds": show_rule,
    "Frontier": show_frontier,
    "Methods": show_methods,
    "Edit by hand": show_edit,
    "Other base rates": show_shift,
    "Export": show_export,
}
