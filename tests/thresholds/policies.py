"""Policies to test with, the rows on which ways of applying them could differ, and the decision by hand."""

import math
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from hypothesis import strategies as st

from core.thresholds.objective import Objective
from core.thresholds.policy import Columns, Confirmation, LevelCounts, Policy, Versions
from core.thresholds.sampling import Sampling

DIGEST = "ab" * 32
EVIDENCE = Columns("score", ("evidence",), "evidence")
INTERVAL = Columns("score", ("low", "high"), "interval")


def make_policy(**changes: Any) -> Policy:
    """Three levels: 0 to 10 from 0.75, 10 to 100 none, 100 to 3000 from 0.5."""
    usual = {
        "columns": EVIDENCE,
        "level_edges": (0.0, 10.0, 100.0, 3000.0),
        "thresholds": (0.75, math.inf, 0.5),
        "outside": "reject",
        "only": (),
        "objective": Objective("precision", 0.9),
        "sampling": Sampling(),
        "method": "exact",
        "seed": 0,
        "weighted": False,
        "tuned": (LevelCounts(10, 4, 3, 3), LevelCounts(20, 5, 0, 0), LevelCounts(30, 12, 11, 10)),
        "confirmed": Confirmation(
            0.1, "random", (LevelCounts(9, 4, 3, 2), LevelCounts(21, 6, 0, 0), LevelCounts(30, 12, 10, 10))
        ),
        "data_digest": DIGEST,
        "versions": Versions("0.1.0", "2.4.6", "2.0.0"),
    }
    return Policy(**(usual | changes))


def bare_policy(edges: list[float], thresholds: list[float], **changes: Any) -> Policy:
    """A policy with these levels and no rows."""
    empty = (LevelCounts(0, 0, 0, 0),) * len(thresholds)
    return make_policy(level_edges=tuple(edges), thresholds=tuple(thresholds), tuned=empty, confirmed=None, **changes)


SMALL = bare_policy(
    [-math.pi, -0.1, 0.0, 5e-324, 0.1 + 0.2, 1e100], [0.1 + 0.2, 0.0, math.inf, 1e-300, np.nextafter(1.0, 0)]
)
POLICIES = {
    "three levels": make_policy(),
    "nearest": make_policy(outside="nearest"),
    "one level": bare_policy([0.0, 1.0], [0.5]),
    "accepts none": bare_policy([0.0, 1.0], [math.inf], outside="nearest"),
    "odd numbers": SMALL,
    "odd numbers, nearest": replace(SMALL, outside="nearest"),
}


def odd_rows(policy: Policy) -> tuple[list[float | None], list[float | None]]:
    """Scores and uncertainties on, right below and right above every number of the policy, and what is no number."""
    odd = [None, math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, 1.0, 1.7976931348623157e308, -1e300]
    scores = [*odd, *_near(policy.thresholds)]
    values = [
        *odd,
        *_near(policy.level_edges),
        *((a + b) / 2 for a, b in zip(policy.level_edges, policy.level_edges[1:], strict=False)),
    ]
    rows = list(product(scores, values))
    return [score for score, _ in rows], [value for _, value in rows]


def _near(numbers: tuple[float, ...]) -> list[float]:
    finite = [x for x in numbers if math.isfinite(x)]
    return [near for x in finite for near in (math.nextafter(x, -math.inf), x, math.nextafter(x, math.inf))]


def decide_slowly(policy: Policy, score: float | None, value: float | None) -> bool:
    """The definition, row by row."""
    if score is None or value is None or not math.isfinite(score) or not math.isfinite(value):
        return False
    edges = policy.level_edges
    for i, threshold in enumerate(policy.thresholds):
        first, last = i == 0, i == policy.levels - 1
        above = edges[i] <= value or (first and policy.outside == "nearest")
        below = value < edges[i + 1] or (last and (value == edges[-1] or policy.outside == "nearest"))
        if above and below:
            return score >= threshold
    return False


any_float = st.floats(allow_nan=False, allow_infinity=False)
any_name = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(str.strip)


@st.composite
def level_counts(draw: Any, *, accepts: bool) -> LevelCounts:
    """Counts that rows can have."""
    tp, fp = (draw(st.integers(0, 10**12)) if accepts else 0 for _ in range(2))
    fn, tn = (draw(st.integers(0, 10**12)) for _ in range(2))
    return LevelCounts(tp + fp + fn + tn, tp + fn, tp + fp, tp)


@st.composite
def policies(draw: Any) -> Policy:
    """Any policy."""
    edges = draw(st.lists(any_float, min_size=2, max_size=6, unique_by=lambda x: x + 0.0).map(sorted))
    thresholds = [draw(any_float | st.just(math.inf)) for _ in edges[1:]]
    kind = draw(st.sampled_from(["variance", "std", "interval", "entropy", "evidence"]))
    names = draw(st.lists(any_name, min_size=3, max_size=3, unique=True))
    halves = [tuple(draw(level_counts(accepts=t < math.inf)) for t in thresholds) for _ in range(2)]
    delta = draw(st.floats(1e-9, 0.499))
    confirmed = Confirmation(
        delta,
        draw(st.sampled_from(["random", "time", "group"])),
        halves[1],
        draw(st.sampled_from(["overall", "each level"])),
        draw(st.sampled_from([1.0, 2.75])),
        draw(st.sampled_from([None, 12.5])),
    )
    objective = Objective(
        *draw(st.sampled_from([("precision", 1), ("recall", 0.123456), ("capacity", 10**9), ("cost", 3)]))
    )
    return make_policy(
        columns=Columns(names[0], tuple(names[1:] if kind == "interval" else names[1:2]), kind),
        level_edges=tuple(edges),
        thresholds=tuple(thresholds),
        outside=draw(st.sampled_from(["reject", "nearest"])),
        weighted=draw(st.booleans()),
        objective=objective,
        seed=draw(st.integers(0, 2**53 - 1)),
        tuned=halves[0],
        confirmed=draw(st.sampled_from([None, confirmed])),
    )
