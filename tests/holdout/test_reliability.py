"""Gap, ECE, log-loss and Brier score per level, and intervals that hold."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.metrics import brier_score_loss, log_loss

from core.engine.duck import DuckEngine
from core.engine.protocol import Among, Axis
from core.holdout.cells import Cells
from core.holdout.cube import CountCube
from core.holdout.exploration import explore
from core.holdout.positivity import Binning, Surface
from core.holdout.reliability import _calibration_error, measure_reliability
from core.intervals import wilson
from core.jobs import finish
from tests.conftest import MakeHoldout
from tests.oracles import SlowEngine

MEASURES = ("rate", "gap", "ece", "log_loss", "brier")
UNIT = np.array([0.0, 1.0])


def measure(
    columns: dict[str, Any], *, edges: np.ndarray, level_edges: np.ndarray = UNIT, seed: int = 0
) -> pd.DataFrame:
    """The table of rows in memory, on score bins ``edges``."""
    columns = {"uncertainty": np.zeros(len(columns["label"]))} | {k: np.asarray(v, float) for k, v in columns.items()}
    weighted = "weight" in columns
    engine = SlowEngine(columns)
    sums = ("rows", "positives", "score", "uncertainty")
    if weighted:
        sums = (*sums, "weight", "weight_positives", "weight_squared", "weight_squared_positives")
    counts = finish(engine.count(None, [Axis("uncertainty", level_edges), Axis("score", edges)], sums))
    cube = CountCube(level_edges, edges, Cells.from_counts(counts), False, counts.outside)
    holdout: Any = SimpleNamespace(rows=SimpleNamespace(weighted=weighted), more_is_certain=False)
    rng = np.random.default_rng(seed)
    return finish(measure_reliability(Surface(cube, 30), holdout, engine, rng=rng)).frame()  # type: ignore[arg-type]


class TestByHand:
    """Four rows in bins [0, 0.5) and [0.5, 1]: scores 0.2, 0.4 with labels 0, 1; scores 0.6, 1.0 with labels 1, 1."""

    table = measure({"score": [0.2, 0.4, 0.6, 1.0], "label": [0, 1, 1, 1]}, edges=np.array([0.0, 0.5, 1.0]))
    line = table.iloc[-1]

    def test_rate_and_gap(self) -> None:
        """3/4 = 0.75; mean score 2.2/4 = 0.55; gap 0.2."""
        assert (self.line["rate"], self.line["mean_score"], self.line["gap"]) == pytest.approx((0.75, 0.55, 0.2))
        lo, hi = wilson(3, 4)
        assert (self.line["rate_lo"], self.line["rate_hi"]) == pytest.approx((float(lo), float(hi)))

    def test_calibration_error(self) -> None:
        """½·|0.5 - 0.3| + ½·|1 - 0.8| = 0.2"""
        assert self.line["ece"] == pytest.approx(0.2)

    def test_losses(self) -> None:
        """Brier (0.04 + 0.36 + 0.16 + 0)/4 = 0.14; log-loss -(ln 0.8 + ln 0.4 + ln 0.6 + ln 1)/4."""
        assert self.line["brier"] == pytest.approx(0.14)
        assert self.line["log_loss"] == pytest.approx(-(np.log(0.8) + np.log(0.4) + np.log(0.6)) / 4)

    def test_one_row_of_a_class_gives_no_interval_of_a_loss(self) -> None:
        assert self.line[["log_loss_lo", "log_loss_hi", "brier_lo", "brier_hi"]].isna().all()
        assert self.line["gap_hi"] - self.line["gap"] > self.line["rate_hi"] - self.line["rate"]

    def test_levels_and_all(self) -> None:
        assert list(self.table["level"]) == ["1", "all"]
        assert list(self.table.columns[:3]) == ["level", "rows", "mean_score"]
        assert {f"{m}{end}" for m in MEASURES for end in ("", "_lo", "_hi")} < set(self.table.columns)


def test_a_certain_and_wrong_score_costs_the_floor() -> None:
    """-ln 1e-15 = 34.54"""
    line = measure({"score": [0.0, 1.0], "label": [1, 1]}, edges=UNIT).iloc[-1]
    assert line["log_loss"] == pytest.approx(-np.log(1e-15) / 2)


def test_losses_are_those_of_scikit_learn(engine: DuckEngine, make_holdout: MakeHoldout, world: pd.DataFrame) -> None:
    frame = world.assign(score=world["score"].clip(0.01, 0.99), weight=np.linspace(0.5, 2, len(world)))
    holdout = make_holdout(frame)
    found = finish(explore(holdout, engine, levels=Binning("equal_weight", 3), bins=Binning("equal_width", 10)))
    table = finish(measure_reliability(found.surface(), holdout, engine, rng=np.random.default_rng(0))).frame()
    edges = found.cube.level_edges
    for level, part in enumerate([*range(3), slice(None)]):
        rows = frame
        if isinstance(part, int):
            below = frame["uncertainty"] < edges[part + 1] if part < 2 else True
            rows = frame[(frame["uncertainty"] >= edges[part]) & below]
        given = rows["label"], rows["score"]
        line = table.iloc[level]
        assert line["rows"] == len(rows)
        assert line["log_loss"] == pytest.approx(log_loss(*given, sample_weight=rows["weight"]))
        assert line["brier"] == pytest.approx(brier_score_loss(*given, sample_weight=rows["weight"]))
        assert line["gap"] == pytest.approx(np.average(rows["label"] - rows["score"], weights=rows["weight"]))


def test_evidence_turns_the_levels_round(engine: DuckEngine, make_holdout: MakeHoldout, world: pd.DataFrame) -> None:
    lines = []
    for kind in ("std", "evidence"):
        holdout = make_holdout(world, kind=kind)
        found = finish(
            explore(holdout, engine, levels=Binning("edges", 2, (0.0, 0.15, 2.0)), bins=Binning("equal_weight", 5))
        )
        lines.append(
            finish(measure_reliability(found.surface(), holdout, engine, rng=np.random.default_rng(0))).frame()
        )
    assert list(lines[0]["log_loss"]) == pytest.approx(list(lines[1]["log_loss"].iloc[[1, 0, 2]]))
    assert list(lines[0]["rows"]) == list(lines[1]["rows"].iloc[[1, 0, 2]])


def test_only_rows_inside_the_edges_and_the_filter_count(
    engine: DuckEngine, make_holdout: MakeHoldout, world: pd.DataFrame
) -> None:
    holdout = make_holdout(world)
    where = [Among("segment0", (0,))]
    bins = Binning("edges", 2, (0.1, 0.3, 0.5))
    found = finish(explore(holdout, engine, levels=Binning("equal_weight", 2), bins=bins, where=where))
    job = measure_reliability(found.surface(), holdout, engine, where=where, rng=np.random.default_rng(0))
    line = finish(job).frame().iloc[-1]
    device = sorted(world["device"].unique())[0]
    rows = world[world["score"].between(0.1, 0.5) & (world["device"] == device)]  # both ends count
    assert (rows["score"] == 0.5).any()
    assert line["rows"] == len(rows)
    assert line["brier"] == pytest.approx(((rows["label"] - rows["score"]) ** 2).mean())


def test_every_weight_two_is_every_weight_one() -> None:
    rng = np.random.default_rng(1)
    score = rng.beta(1.2, 2.8, 500)
    columns = {"score": score, "label": rng.random(500) < score}
    one = measure(columns, edges=np.linspace(0, 1, 11))
    two = measure(columns | {"weight": np.full(500, 2.0)}, edges=np.linspace(0, 1, 11))
    pd.testing.assert_frame_equal(one, two)


def test_an_empty_level_has_no_numbers() -> None:
    table = measure({"score": [0.2, 0.4, 0.9], "label": [0, 1, 1]}, edges=UNIT, level_edges=np.array([0.0, 1.0, 2.0]))
    empty = table.iloc[1]
    assert empty["rows"] == 0
    assert empty[["rate", "gap", "ece", "log_loss", "brier"]].isna().all()


def test_order_of_rows_does_not_matter_and_the_seed_does_only_for_the_band_of_the_ece() -> None:
    rng = np.random.default_rng(2)
    score = rng.beta(1.2, 2.8, 400)
    label = rng.random(400) < score
    edges, order = np.linspace(0, 1, 11), rng.permutation(400)
    there = measure({"score": score, "label": label}, edges=edges)
    again = measure({"score": score[order], "label": label[order]}, edges=edges)
    pd.testing.assert_frame_equal(there, again)
    other = measure({"score": score, "label": label}, edges=edges, seed=9)
    assert other["ece_hi"].iloc[0] != there["ece_hi"].iloc[0]
    assert other["ece"].iloc[0] == there["ece"].iloc[0]


CURVES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "calibrated": lambda s: s,
    "too high": lambda s: 0.6 * s,
    "too flat": lambda s: expit(2 * logit(s) + 1),
}
RUNS = 200
LEAST = 0.95 - 3 * np.sqrt(0.95 * 0.05 / RUNS)


def draw(clicks: bool, n: int, rng: np.random.Generator) -> np.ndarray:
    scores = np.exp(-6.5 + 1.2 * rng.standard_normal(n)) if clicks else rng.beta(1.2, 2.8, n)
    return np.clip(scores, 1e-6, 0.999)


def percentile_bootstrap(score: np.ndarray, label: np.ndarray, edges: np.ndarray, rng: np.random.Generator) -> Any:
    """Interval of the ECE from resampled rows: each resample adds the noise a second time."""
    at = np.clip(np.searchsorted(edges, score, side="right") - 1, 0, len(edges) - 2)
    pick = rng.integers(0, len(score), (200, len(score)))
    gaps = (label - score)[pick]
    flat = at[pick] + np.arange(200)[:, None] * (len(edges) - 1)
    sums = np.bincount(flat.ravel(), gaps.ravel(), minlength=200 * (len(edges) - 1)).reshape(200, -1)
    return np.quantile(np.abs(sums).sum(axis=1) / len(score), [0.025, 0.975])


class TestCoverage:
    @pytest.mark.parametrize("curve", CURVES)
    @pytest.mark.parametrize(("clicks", "n"), [(False, 100), (False, 1_000), (True, 3_000)])
    def test_intervals_hold_the_truth(self, curve: str, clicks: bool, n: int) -> None:
        """At least as often as stated, less three standard errors; no interval is no claim."""
        rng = np.random.default_rng(n)
        wide = draw(clicks, 200_000, rng)
        truth = self.truth(wide, CURVES[curve](wide))
        edges = np.append(np.unique(np.quantile(wide, np.arange(20) / 20)), 1.0) if clicks else np.linspace(0, 1, 21)
        edges[0] = 0.0
        held: dict[str, list[bool]] = {name: [] for name in MEASURES}
        for run in range(RUNS):
            score = draw(clicks, n, rng)
            rate = CURVES[curve](score)
            line = measure({"score": score, "label": rng.random(n) < rate}, edges=edges, seed=run).iloc[-1]
            at = np.searchsorted(edges, score, side="right")
            truth["ece"] = np.abs(np.bincount(at, rate - score)).sum() / n
            for name in MEASURES:
                lo, hi = line[f"{name}_lo"], line[f"{name}_hi"]
                held[name].append(bool(np.isnan(lo) or lo <= truth[name] <= hi))
        assert {name: round(float(np.mean(h)), 3) for name, h in held.items() if np.mean(h) < LEAST} == {}

    @staticmethod
    def truth(score: np.ndarray, rate: np.ndarray) -> dict[str, float]:
        return {
            "rate": rate.mean(),
            "gap": (rate - score).mean(),
            "log_loss": -(rate * np.log(score) + (1 - rate) * np.log1p(-score)).mean(),
            "brier": (rate * (1 - score) ** 2 + (1 - rate) * score**2).mean(),
        }

    @pytest.mark.parametrize(
        ("bins", "rows", "rate"), [(1_000, 1, 0.5), (1_000, 3, 0.5), (1_000, 5, 0.3), (50, 20, 0.1)]
    )
    def test_the_ece_of_bins_with_few_rows(self, bins: int, rows: int, rate: float) -> None:
        """A calibrated score: the ECE is 0. Resampled at (k + 1)/(n + 2) the noise was too small, and none held it."""
        rng = np.random.default_rng(8)
        held = []
        for run in range(40):
            n, k = np.full(bins, rows), rng.binomial(rows, rate, bins)
            w, wy = n * 1.0, k * 1.0
            cells = Cells(*(a[None] for a in (n, k, w, wy, w, wy, w * rate, w)))
            ece, slack = _calibration_error(cells, np.random.default_rng(run), 0.95)
            held.append(bool(ece[0] <= slack[0] + 1e-9))
        assert np.mean(held) >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 40)

    @pytest.mark.parametrize("curve", ["calibrated", "too high"])
    def test_a_percentile_bootstrap_of_the_ece_misses(self, curve: str) -> None:
        rng = np.random.default_rng(4)
        edges, held = np.linspace(0, 1, 21), []
        for _ in range(60):
            score = draw(False, 100, rng)
            rate = CURVES[curve](score)
            lo, hi = percentile_bootstrap(score, rng.random(100) < rate, edges, rng)
            at = np.searchsorted(edges, score, side="right")
            held.append(lo <= np.abs(np.bincount(at, rate - score)).sum() / 100 <= hi)
        assert np.mean(held) < 0.8

    def test_normal_intervals_miss_where_positives_are_few(self) -> None:
        """mean ± 1.96·sd/√n of the gap and the log-loss of 500 click-through scores, about 1.5 positives."""
        rng = np.random.default_rng(5)
        wide = draw(True, 500_000, rng)
        truth = self.truth(wide, wide)["log_loss"]
        held, held_gap = [], []
        for _ in range(RUNS):
            score = draw(True, 500, rng)
            label = rng.random(500) < score
            loss = -np.log(np.where(label, score, 1 - score))
            held.append(abs(loss.mean() - truth) < 1.96 * loss.std() / np.sqrt(500))
            gap = label - score
            held_gap.append(abs(gap.mean()) < 1.96 * gap.std() / np.sqrt(500))
        assert np.mean(held) < LEAST
        assert np.mean(held_gap) < LEAST

    def test_weights_that_go_with_labels(self) -> None:
        """Positives kept at a fifth, weighing five: Wilson on Kish's rows is too narrow, on binomial rows it holds."""
        rng = np.random.default_rng(6)
        held, kish = [], []
        for _ in range(400):
            label = rng.random(2_000) < 0.05
            share = np.where(label, 0.2, 1.0)
            keep = rng.random(2_000) < share
            y, w = label[keep] * 1.0, 1 / share[keep]
            n, k = np.array([len(y)]), np.array([int(y.sum())])
            sums = [np.array([v.sum()]) for v in (w, w * y, w * w, w * w * y, w, w)]
            cells = Cells(n, k, *sums)
            lo, hi = cells.interval()
            held.append(lo[0] <= 0.05 <= hi[0])
            lo, hi = wilson(cells.rate * cells.effective_rows, cells.effective_rows)
            kish.append(lo[0] <= 0.05 <= hi[0])
        assert np.mean(held) >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 400)
        assert np.mean(kish) < 0.9


def test_many_cells_take_fewer_draws() -> None:
    """A surface of 100 levels × 10,000 bins must not need 400 numbers per cell at once."""
    rng = np.random.default_rng(7)
    n = 200_000
    columns = {"score": rng.random(n), "label": rng.random(n) < 0.3, "uncertainty": rng.random(n)}
    table = measure(columns, edges=np.linspace(0, 1, 10_001), level_edges=np.linspace(0, 1, 101))
    assert len(table) == 101
    assert (table["ece_hi"] >= table["ece"]).all()
