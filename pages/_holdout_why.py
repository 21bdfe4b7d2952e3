"""The view that explains: the closed form for scores made from counts, over the observed slice."""

import streamlit as st

from core.holdout.closed_form import LARGEST, SMALLEST, BetaWorld
from core.holdout.figures import slice_figure
from core.holdout.world_fit import WorldFit, curve_over, fit_holdout, share_outside
from pages._holdout_view import View, choose_slice
from pages._shell_jobs import compute
from pages._shell_show import show_figure, show_table

FIT_KEY = "holdout_world_fit"
OUTSIDE_NAMED = 0.01  # share of rows
TITLES = {
    "tau": "Sampling τ",
    "a1": "True prior a₁",
    "a0": "True prior a₀",
    "b1": "Model prior b₁",
    "b0": "Model prior b₀",
}


def show_why(view: View) -> None:
    """The closed form over the observed slice, where the uncertainty is an evidence count."""
    if not view.holdout.more_is_certain:
        st.info("The closed form needs an evidence count. Give the uncertainty as evidence under Columns to see it.")
        return
    st.markdown(
        "If the score comes from counts, three things bend positivity at low evidence: the prior that the model "
        "assumes, the *true* prior, and the class sampling of its training. Which way they push depends on τ and on "
        "the score, so more uncertain can mean fewer positives or more."
    )
    fit = _fit(view)
    world = _choose_world()
    st.caption(
        "τ: one of τ negatives was kept in training. a₁ and a₀: prior counts of positives and negatives of the true "
        "rate. b₁ and b₀: the prior counts that the model assumes."
    )
    cut = choose_slice(view)
    curve = curve_over(view.holdout, score=cut.score, world=world)
    show_figure(slice_figure(cut, unit=view.unit, curve=curve), key="figure_why")
    outside = share_outside(view.exploration.cube, world=world)
    if outside > OUTSIDE_NAMED:
        st.warning(
            f"A model with this prior (b₁ = {world.b1:g}, b₀ = {world.b0:g}) cannot give {outside:.0%} of these rows "
            "their score at their evidence, so the closed form does not describe them."
        )
    show_table(curve.frame(), name="closed form")
    if fit is not None:
        show_table(fit.frame(), name="fitted world", opened=True)
        if not fit.identified:
            st.warning("These data do not pin all fitted parameters down; see the intervals.")


def _fit(view: View) -> WorldFit | None:
    """The fit that the button asked for; it stays in sight until the data, the levels or the filter change."""
    if st.button("Fit τ and the true prior to these data", key="holdout_fit", icon=":material/functions:"):
        start = BetaWorld(**{name: st.session_state.get(_key(name), getattr(BetaWorld(), name)) for name in TITLES})
        fit = compute(
            ("fit", start, *view.key),
            lambda: fit_holdout(view.holdout, view.engine, start=start, where=view.exploration.where),
            label="Fit",
        )
        st.session_state[FIT_KEY] = (view.key, fit)
        st.session_state.update({_key(name): float(getattr(fit.world, name)) for name in TITLES})
    key, fit = st.session_state.get(FIT_KEY, (None, None))
    return fit if key == view.key else None


def _choose_world() -> BetaWorld:
    values = {}
    for column, (name, title) in zip(st.columns(len(TITLES)), TITLES.items(), strict=True):
        values[name] = column.number_input(
            title, SMALLEST, LARGEST, getattr(BetaWorld(), name), step=0.5, format="%.4g",
            key=_key(name), bind="query-params", persist_state="session",
        )  # fmt: skip
    return BetaWorld(**values)


def _key(name: str) -> str:
    return f"holdout_{name}"
