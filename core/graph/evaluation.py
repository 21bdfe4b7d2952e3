"""Results of several engines on one split: what is drawn, tabulated and written as JSON."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from core.arrays import FloatArray
from core.errors import InputError
from core.graph.beyond import Beyond
from core.graph.breakdown import SLICE_COLUMNS, Breakdown, compare_slices
from core.graph.compare import Comparison, compare_values
from core.graph.direction import DIRECTION_COLUMNS, MEASURES, DirectionResult
from core.graph.metrics import METRICS
from core.graph.resample import Clusters, Estimates
from core.graph.split import Split

JSON_NAMES = dict(zip(MEASURES, ("direction_auc", "direction_accuracy"), strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class EngineResult:
    """One engine, measured.

    Attributes
    ----------
    name, title
        Key in ``ENGINES``, and for display.
    ranks
        float64 of shape (test edges,).
    values
        float64 of shape (test edges, metrics): from ``measure_ranks``.
    metrics
        Means of ``values`` with intervals, in the order of ``METRICS``.
    direction, breakdown, lists
        The rest of what is measured.
    seconds_fit, seconds_rank
        Wall-clock time of fitting, and of ranking the test edges.
    """

    name: str
    title: str
    ranks: FloatArray
    values: FloatArray
    metrics: Estimates
    direction: DirectionResult
    breakdown: Breakdown
    lists: Beyond
    seconds_fit: float
    seconds_rank: float


@dataclass(frozen=True, slots=True)
class Failure:
    """An engine that could not be used on this graph, and why."""

    name: str
    reason: str
    fix: str


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Several engines on one split.

    Attributes
    ----------
    split
        What they were fitted and measured on; its test edges are those that were ranked.
    test_edges
        Test edges before queries were drawn: more than those ranked where the graph is large.
    seed
        Of the engines and the intervals.
    clusters
        Of the test edges by source, shared by all intervals.
    engines
        Results in the order asked.
    failed
        Engines that refused this graph.
    """

    split: Split
    test_edges: int
    seed: int
    clusters: Clusters
    engines: tuple[EngineResult, ...]
    failed: tuple[Failure, ...]

    def engine(self, name: str) -> EngineResult:
        """The result of an engine; ``InputError`` where there is none."""
        found = {result.name: result for result in self.engines}
        if name not in found:
            raise InputError(f"{name} was not evaluated.", fix=f"Choose one of: {', '.join(found) or 'none there'}.")
        return found[name]

    def compare(self, name: str, against: str) -> Comparison:
        """Two of the engines, paired, in every metric."""
        mine, theirs = self.engine(name), self.engine(against)
        return Comparison(name, against, compare_values(mine.values, theirs.values, self.clusters))

    def compare_slices(self, name: str, against: str) -> Comparison:
        """Two of the engines, paired, in every slice of degree and reciprocity."""
        mine, theirs = self.engine(name), self.engine(against)
        return Comparison(name, against, compare_slices(self.split, mine.values, theirs.values, self.clusters))

    def frame(self) -> pd.DataFrame:
        """One row per engine and metric: engine, metric, value, lo, hi, n (test edges, or queries)."""
        columns = ["engine", "metric", "value", "lo", "hi", "n"]
        rows = [
            [result.name, metric, *result.metrics.entry(i).values(), int(result.metrics.n[i])]
            for result in self.engines
            for i, metric in enumerate(METRICS)
        ]
        return pd.DataFrame(rows, columns=columns)

    def direction_frame(self) -> pd.DataFrame:
        """The frames of all ``direction``, with the engine in front."""
        return _stack({result.name: result.direction.frame() for result in self.engines}, DIRECTION_COLUMNS)

    def breakdown_frame(self) -> pd.DataFrame:
        """The frames of all ``breakdown``, with the engine in front."""
        return _stack({result.name: result.breakdown.frame() for result in self.engines}, SLICE_COLUMNS)

    def lists_frame(self) -> pd.DataFrame:
        """The frames of all ``lists``, with the engine in front and its seconds behind."""
        frame = _stack({result.name: result.lists.frame() for result in self.engines}, Beyond.__slots__)
        seconds = {name: [getattr(result, name) for result in self.engines] for name in ("seconds_fit", "seconds_rank")}
        return frame.assign(**seconds)

    def to_json(self) -> dict[str, Any]:
        """Everything but the breakdowns, ready for JSON; what is not known is None.

        Keys: split, seed, n_test (edges ranked), n_test_all, reverse_in_train, engines (name → metrics, direction_auc,
        direction_accuracy, seconds, seconds_fit, seconds_rank, lists), in_degree (the baseline of direction),
        comparisons (the first engine against each other one), failed (name → reason, fix).
        """
        first, rest = self.engines[:1], self.engines[1:]
        baseline = _name_directions(first[0].direction.baseline) if first else {}
        comparisons = [self.compare(first[0].name, other.name).frame().to_dict("records") for other in rest]
        told = {
            "split": self.split.kind,
            "seed": self.seed,
            "n_test": len(self.split.test),
            "n_test_all": self.test_edges,
            "reverse_in_train": self.split.reverse_in_train,
            "engines": {result.name: _tell_engine(result) for result in self.engines},
            "in_degree": baseline,
            "comparisons": [row for rows in comparisons for row in rows],
            "failed": {failure.name: {"reason": failure.reason, "fix": failure.fix} for failure in self.failed},
        }
        return {name: _without_nan(value) for name, value in told.items()}


def _stack(frames: dict[str, pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    if not frames:
        return pd.DataFrame(columns=["engine", *columns])
    named = [frame.assign(engine=name) for name, frame in frames.items()]
    return pd.concat(named, ignore_index=True)[["engine", *columns]]


def _tell_engine(result: EngineResult) -> dict[str, Any]:
    return {
        **{metric: result.metrics.entry(i) for i, metric in enumerate(METRICS)},
        **_name_directions(result.direction.engine),
        "seconds": result.seconds_fit + result.seconds_rank,
        "seconds_fit": result.seconds_fit,
        "seconds_rank": result.seconds_rank,
        "lists": asdict(result.lists),
    }


def _name_directions(estimates: Estimates) -> dict[str, Any]:
    return {JSON_NAMES[measure]: estimates.entry(i) for i, measure in enumerate(MEASURES)}


def _without_nan(told: Any) -> Any:
    if isinstance(told, dict):
        return {name: _without_nan(value) for name, value in told.items()}
    if isinstance(told, list):
        return [_without_nan(value) for value in told]
    return None if isinstance(told, float) and not math.isfinite(told) else told
