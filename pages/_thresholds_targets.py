"""The number of each goal."""

import streamlit as st

from core.holdout.data import Holdout
from core.thresholds.objective import COST_CAP
from pages._shell_show import keep_within

KEPT = {"bind": "query-params", "persist_state": "session"}


def _target_precision(_: Holdout, first: float) -> float:
    return st.slider("Target precision", 0.005, 0.995, first, 0.005, format="%.3f", key="thresholds_precision", **KEPT)


def _target_recall(_: Holdout, __: float) -> float:
    return st.slider("Target recall", 0.005, 0.995, 0.2, 0.005, format="%.3f", key="thresholds_recall", **KEPT)


def _target_capacity(holdout: Holdout, _: float) -> float:
    keep_within("thresholds_capacity", 0, holdout.rows.count)
    most = holdout.rows.count
    return st.number_input("Accept at most, rows", 0, most, min(1_000, most), key="thresholds_capacity", **KEPT)


def _target_cost(_: Holdout, __: float) -> float:
    price = st.number_input(
        "Costs of a false positive, in false negatives", 0.001, float(COST_CAP), 2.0, 0.5, format="%.4g",
        key="thresholds_cost", **KEPT,
    )  # fmt: skip
    st.caption(
        f"A false positive costs {price:g} false negatives: 100 wrong accepts weigh as much as {100 * price:g} missed "
        "positives."
    )
    return price


TARGETS = {
    "precision": _target_precision, "recall": _target_recall, "capacity": _target_capacity, "cost": _target_cost,
}  # fmt: skip
