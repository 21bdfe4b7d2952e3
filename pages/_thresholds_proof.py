"""Tuned and confirmed side by side: what the rule in view does on both halves, and what that proves."""

import streamlit as st

from core.thresholds.certificate import Refusal
from core.thresholds.evidence import Proof, find_cautions
from core.thresholds.precision import BernsteinTest
from pages._shell_show import show_table
from pages._thresholds_looks import offer_to_open, show_look
from pages._thresholds_numbers import show_numbers
from pages._thresholds_refusal import show_refusal
from pages._thresholds_view import View

LOOKS = (
    "The other half has been opened. Whatever rule you ask it about now, by another target, another method or your own "
    "hand, is one more look: it is tested at the small error that is left, and counted here."
)
SAME = "It is also the one tuned for the target."
OTHER = "The one tuned for the target is another: Methods has its recall."
NO_GAIN = "No single threshold meets the target, even on the tuning half, so there is no gain over one to tell of."


def show_proof(view: View) -> None:
    """What the rule in view does on both halves, and what that proves."""
    left, right = st.columns(2)
    with left.container(border=True, key="thresholds_tuned", height="stretch"):
        _show_tuned(view)
    with right.container(border=True, key="thresholds_confirmed", height="stretch"):
        _show_confirmed(view)
    if view.log is None or view.counted.confirm is None:
        return
    count = len(view.log.looks)
    st.caption(f"{LOOKS} So far: 1 automatic test, {count} further look{'' if count == 1 else 's'}.")
    if view.log.opened > 1:
        st.warning(
            "Rows of this file had been opened before in this session, so this is no first look: read it as practice. "
            "The exported rule is not marked as confirmed. Bring fresh rows for a guarantee."
        )
    if count:
        show_table(view.log.frame(), name="looks", opened=True)


def _show_tuned(view: View) -> None:
    counted, proof = view.counted, view.evidence.proof
    note = f"On {counted.half}, where rules were found: hopeful."
    counts, said = view.rule.counts, [_say_bound(view)]
    if view.certificate is not None:
        same = view.certificate.cuts == view.evidence.tuning.cuts
        said.append(f"This is the certified rule. {SAME if same else OTHER}")
    elif proof is not None and proof.outcome.tuned is not None:
        counts = proof.outcome.tuned
        said = ["This is the rule whose proof failed. The one with most recall for the target was less careful."]
    show_numbers("Tuned", note, counts, counted.tuned, view.evidence.sampling)
    for one in said:
        st.text(one)


def _show_confirmed(view: View) -> None:
    counted, proof = view.counted, view.evidence.proof
    if counted.confirm is None:
        st.markdown("**Confirmed** · nothing")
        st.text("All rows were used for tuning, so none are left. Choose to tune on one half to get a proof.")
    elif view.objective.kind != "precision":
        st.markdown("**Confirmed** · not possible")
        st.text("Only a precision can be certified. Choose the goal 'Most recall at a precision' for a proof.")
    elif view.log is None:
        offer_to_open(view)
    elif proof is not None and isinstance(proof.outcome, Refusal):
        show_refusal(view, proof.outcome, counted.confirm)
    elif proof is not None and view.certificate is not None:
        note = "On the other half, which nothing was chosen on before."
        show_numbers("Confirmed", note, proof.outcome.confirmed, counted.confirm, view.evidence.sampling)
        above = view.evidence.to_json()["confirmed"]["precision_lower"]
        of = "precision" if proof.outcome.scope == "overall" else "precision of every level"
        st.success(
            f"Certified: with confidence {1 - proof.delta:.4g} {of} is above {above:.4g}. "
            f"{proof.outcome.passed:,} of {proof.outcome.candidates:,} candidate rules passed; this one finds most.",
            icon=":material/verified:",
        )
        verdict = NO_GAIN if proof.gain is None else proof.gain.verdict
        st.text(verdict.replace(" %", "\N{NO-BREAK SPACE}%"))
        _say_how(view, proof)
    else:
        show_look(view, counted.confirm)


def _say_how(view: View, proof: Proof) -> None:
    """How rows with groups or weights were tested, and what gives reason to doubt."""
    test, groups = proof.test, proof.groups
    if isinstance(test, BernsteinTest):
        st.caption(f"Rows have weights. The test allows for them, and holds if no weight exceeds {test.largest:.6g}.")
    if groups is not None:
        st.caption(
            f"Rows of one group are alike: every {test.design_effect:.3g} rows counted as one, so the confidence is "
            "approximate. The 95\N{NO-BREAK SPACE}% intervals above do not allow for that."
        )
    if groups is not None and groups.bound is not None:
        st.caption(
            "Whole groups resampled as a check: precision is above "
            f"{view.evidence.sampling.in_population(groups.bound.lower):.4g}, with about the same confidence."
        )
    for caution in find_cautions(view.evidence, view.counted.holdout):
        st.text(f"Caution: {caution}")


def _say_bound(view: View) -> str:
    bound = view.evidence.to_json()["bound"]
    (name, upper), gap = next(iter(bound.items())), bound["gap"]
    if bound["optimal"] or not gap:
        return "Proven: no rule on these cuts does better on these rows."
    what = name.removesuffix("_upper")
    return (
        f"No rule on these cuts can reach more than {upper:.4g} in {what} on these rows; this one is {gap:.2g} below."
    )
