"""What is asked of the rows, and how they are counted and divided."""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.engine.protocol import Among
from core.errors import InputError
from core.holdout.data import Holdout
from core.holdout.positivity import BINS_CAP, Binning
from core.thresholds.halves import BINS, LEVELS, SEED_CAP, Split
from core.thresholds.methods import NAMES
from core.thresholds.objective import Objective
from core.thresholds.policy import Scope
from core.thresholds.sampling import ALL_ROWS, LEAST_RATE, Sampling
from core.thresholds.tuning import Method
from pages._holdout_controls import choose_count, choose_filter, choose_levels
from pages._shell_show import keep_within
from pages._thresholds_targets import KEPT, TARGETS

GOALS = {
    "precision": "Most recall at a precision",
    "recall": "Highest precision at a recall",
    "capacity": "Most recall within a number of rows",
    "cost": "Lowest cost",
}
SPLITS = {"random": "Random rows", "group": "Whole groups", "time": "Earlier and later"}
ROWS = {"halves": "Half to tune, half to confirm", "all": "All to tune, none to confirm"}
SCOPES: dict[Scope, str] = {"overall": "Of all accepted rows", "each level": "Of every level by itself"}
DELTA = 0.1
LARGEST_WEIGHT = 1e12


@dataclass(frozen=True, slots=True)
class Counting:
    """How the rows are counted; ``split`` is None where all are tuned on."""

    levels: Binning
    bins: int
    split: Split | None
    delta: float
    scope: Scope
    sampling: Sampling
    largest_weight: float | None
    where: tuple[Among, ...]

    @property
    def key(self) -> tuple[Any, ...]:
        """What the counts depend on."""
        return self.levels, self.bins, self.split, self.where

    @property
    def proof_key(self) -> tuple[Any, ...]:
        """What a proof depends on beside the counts."""
        return self.delta, self.scope, self.sampling, self.largest_weight


def choose_counting(holdout: Holdout) -> Counting:
    """Levels, bins, halves, the allowed error, and the filter."""
    with st.expander("Levels, halves, sampling and filter", icon=":material/tune:", key="thresholds_controls"):
        left, middle, right = st.columns(3)
        with left:
            levels = choose_levels(holdout, word="thresholds", default=LEVELS)
            bins = choose_count("Candidate cuts per level", BINS_CAP, BINS, key="thresholds_bins")
            where = choose_filter(holdout, word="thresholds")
        with middle:
            rows = _choose("Rows", ROWS, key="thresholds_rows")
            split = _choose_split(holdout) if rows == "halves" else None
        with right:
            delta = st.number_input(
                "Allowed probability of error (δ)", 0.001, 0.499, DELTA, 0.01, format="%.3f",
                key="thresholds_delta", **KEPT,
            )  # fmt: skip
            scope = _choose("Precision to prove", SCOPES, key="thresholds_scope")
            weighted = holdout.rows.weighted
            sampling, largest = (ALL_ROWS, _choose_largest(holdout)) if weighted else (_choose_sampling(), None)
    return Counting(levels, bins, split, float(delta), scope, sampling, largest, tuple(where))


def _choose_largest(holdout: Holdout) -> float:
    """What the proof under weights rests on."""
    seen = holdout.rows.ranges["weight"][1]
    keep_within("thresholds_largest_weight", seen, LARGEST_WEIGHT)
    return st.number_input(
        "Largest weight that a row can have", seen, LARGEST_WEIGHT, seen, format="%.6g",
        key="thresholds_largest_weight", help="By the sampling design: 1 over its smallest rate. The largest seen is "
        "the least it can be.", **KEPT,
    )  # fmt: skip


def _choose_sampling() -> Sampling:
    """The rates of a file that was sampled by class; weights say the same in another way."""
    kept = [
        st.number_input(
            f"Share of the {name} that the file holds", LEAST_RATE, 1.0, 1.0, format="%.4g",
            key=f"thresholds_keep_{name}", **KEPT,
        )
        for name in ("positives", "negatives")
    ]  # fmt: skip
    return Sampling(*map(float, kept))


def _choose_split(holdout: Holdout) -> Split:
    """Ways that the mapped columns allow; rows of one group stay on one side."""
    ways = ["random" if holdout.roles.group is None else "group", *(["time"] if holdout.roles.time else [])]
    way = _choose("Halves", {way: SPLITS[way] for way in ways}, key="thresholds_split")
    seed = st.number_input("Seed of the halves", 0, SEED_CAP - 1, 0, key="thresholds_seed", **KEPT)
    return Split(way, int(seed))


def choose_objective(holdout: Holdout, *, first: float) -> tuple[Objective, Method]:
    """The goal with its number, and the method; ``first`` is the precision to start from."""
    left, middle, right = st.columns([2, 3, 2], vertical_alignment="bottom")
    with left:
        kind = _choose("Goal", GOALS, key="thresholds_goal")
    with middle:
        objective = Objective(kind, TARGETS[kind](holdout, first))
    with right:
        method = _choose("Method", NAMES, key="thresholds_method")
    return objective, method


def _choose(title: str, options: dict[str, str], *, key: str) -> Any:
    if st.session_state.get(key) not in (None, *options):
        st.session_state[key] = next(iter(options))  # were it only dropped, the browser would go on showing it
    chosen = st.selectbox(
        title, list(options), format_func=lambda one: options.get(one, str(one)), key=key, **KEPT
    )  # fmt: skip
    if chosen not in options:
        raise InputError(f"There is no such choice for {title.lower()}.", fix="Choose one of those shown.")
    return chosen
