"""Page: the front door. Three questions in plain words, each with a live figure."""

import streamlit as st

from core.holdout.exploration import explore
from core.holdout.figures import slice_figure
from core.holdout.load import load_sample
from core.holdout.positivity import BINS, LEVELS
from core.holdout.slices import HALF_WIDTH, SCORE, slice_at_score
from core.holdout.verdict import state_verdict
from core.settings import Settings
from pages._overview_delay import show_delay
from pages._overview_direction import show_direction
from pages._shell import Step, get_engine, guarded, open_page
from pages._shell_jobs import compute, run_job
from pages._shell_show import show_figure, show_table

SCORES = (0.4, 0.6, SCORE)
STEPS = (
    Step(
        "A score is a promise",
        f"A model that says {SCORE} claims that {10 * SCORE:g} of 10 such rows turn out positive.",
        {"overview_score": SCORE},
    ),
    Step(
        "The promise can break",
        "Read the points from left to right. All these rows have the same score; the further right, the less the "
        "model knows about them. If they all fell on the dashed line, the score would be right at every doubt.",
        {"overview_score": SCORE},
    ),
    Step(
        "It depends on the score",
        "At a lower score the picture is another one. One threshold on the score treats all these rows alike: "
        "open the holdout page to see it on your own data.",
        {"overview_score": SCORES[0]},
    ),
)


def show_doubt() -> None:
    """The question of doubt, with the slice of the sample."""
    settings = Settings.from_environment()
    engine = get_engine(settings)
    sample = run_job(load_sample(settings), label="Sample")
    exploration = compute(
        ("exploration", sample.digest, LEVELS, BINS, ()),
        lambda: explore(sample, engine, levels=LEVELS, bins=BINS),
        label="Positivity",
    )
    score = st.radio(
        "Rows with a score of about", SCORES, index=SCORES.index(SCORE), horizontal=True, key="overview_score"
    )
    cut = slice_at_score(exploration.cube, score=score, half_width=HALF_WIDTH)
    show_figure(slice_figure(cut, unit="evidence"), key="figure_overview")
    if exploration.test is not None:
        st.caption(f"Simulated sample. {state_verdict(exploration.test)}")
    show_table(cut.frame(), name="overview slice")
    with st.container(horizontal=True):
        if st.button("See it in your own data", key="overview_go", type="primary", icon=":material/arrow_forward:"):
            st.switch_page("pages/holdout.py")
        if st.button("Set thresholds that allow for it", key="overview_thresholds", icon=":material/tune:"):
            st.switch_page("pages/thresholds.py")
        if st.button("See who approved which", key="overview_signoff", icon=":material/approval:"):
            st.switch_page("pages/signoff.py")


open_page(
    "overview",
    "RecScope looks at three questions that recommender systems share, whatever they recommend.",
    STEPS,
)
st.subheader("1 · Doubt: can two rows with the same score be trusted alike?")
st.markdown(
    "A score says how likely, not how sure. Where the model has seen little, the same score can mean something else."
)
with guarded("overview_doubt"):
    show_doubt()
st.subheader("2 · Direction: does the recommendation hold the other way round?")
st.markdown(
    "Who buys a phone may want a case. Who buys a case has the phone. A symmetric similarity cannot tell the two apart."
)
with guarded("overview_direction"):
    show_direction()
st.subheader("3 · Delay: is a missing purchase a no, or a not yet?")
st.markdown(
    "A purchase can come days after the view. Until then its row looks negative, and a model trained on it learns "
    "too low a rate."
)
with guarded("overview_delay"):
    show_delay()
