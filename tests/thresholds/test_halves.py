"""Rows divided in two: no row lost, no group parted, no edge that has seen the other half."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.engine.duck import DuckEngine
from core.engine.protocol import Among
from core.errors import InputError
from core.holdout.positivity import Binning
from core.jobs import finish
from core.thresholds.halves import Halves, Split, count_cuts, count_halves
from tests.conftest import MakeHoldout

THREE = Binning("equal_weight", 3)


def make_rows(n: int = 3_000, *, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    score = rng.random(n)
    return pd.DataFrame(
        {
            "score": score,
            "uncertainty": rng.gamma(2, 0.1, n),
            "label": (rng.random(n) < score).astype(int),
            "time": 1.75e9 + 60 * np.arange(n),
            "user": rng.integers(0, 60, n),
            "device": rng.choice(["web", "ios"], n),
        }
    )


def halve(engine: DuckEngine, holdout: Any, split: Split, **options: Any) -> Halves:
    return finish(count_halves(holdout, engine, levels=THREE, bins=50, split=split, **options))


@pytest.fixture
def rows() -> pd.DataFrame:
    return make_rows()


@pytest.fixture
def holdout(make_holdout: MakeHoldout, rows: pd.DataFrame) -> Any:
    return make_holdout(rows)


def test_cuts_of_all_rows_count_each_row_once(engine: DuckEngine, holdout: Any, rows: pd.DataFrame) -> None:
    cuts = finish(count_cuts(holdout, engine, levels=THREE, bins=50))
    assert (cuts.rows, cuts.positives, cuts.levels) == (len(rows), rows["label"].sum(), 3)
    middle = cuts.bins // 2
    threshold = float(cuts.threshold(np.array(middle)))
    below = rows["uncertainty"] < cuts.level_edges[1]
    assert cuts.accepted[0, middle] == (below & (rows["score"] >= threshold)).sum()


def test_edges_are_quantiles_within_each_level(engine: DuckEngine, holdout: Any, rows: pd.DataFrame) -> None:
    cuts = finish(count_cuts(holdout, engine, levels=THREE, bins=10))
    for lo, hi in zip(cuts.level_edges[:-1], cuts.level_edges[1:], strict=True):
        level = rows["uncertainty"].between(lo, hi, inclusive="both" if hi == cuts.level_edges[-1] else "left")
        wanted = np.quantile(rows.loc[level, "score"], np.arange(1, 10) / 10, method="inverted_cdf")
        assert set(wanted) <= set(cuts.edges)


@pytest.mark.parametrize("method", ["random", "time"])
def test_halves_hold_every_row_once(engine: DuckEngine, holdout: Any, rows: pd.DataFrame, method: Any) -> None:
    halves = halve(engine, holdout, Split(method))
    assert halves.tuned.outside == 0
    assert halves.tuned.rows + halves.confirm.rows + halves.confirm.outside == len(rows)
    assert abs(halves.tuned.positives + halves.confirm.positives - rows["label"].sum()) <= halves.confirm.outside < 10
    assert abs(halves.tuned.rows - len(rows) / 2) < 4 * np.sqrt(len(rows)) / 2
    assert np.array_equal(halves.tuned.edges, halves.confirm.edges)


def test_time_tunes_on_the_earlier_half(engine: DuckEngine, holdout: Any, rows: pd.DataFrame) -> None:
    halves = halve(engine, holdout, Split("time"))
    early = rows.sort_values("time")["label"].iloc[: halves.tuned.rows]
    assert halves.tuned.positives == early.sum()


def test_the_edges_have_not_seen_the_other_half(
    engine: DuckEngine, make_holdout: MakeHoldout, rows: pd.DataFrame
) -> None:
    """Other scores in the later half leave every edge where it was."""
    other = rows.copy()
    later = np.arange(len(rows)) >= len(rows) // 2
    other.loc[later, "score"] = np.linspace(0.1, 0.9, later.sum()) ** 2
    first = halve(engine, make_holdout(rows), Split("time"))
    second = halve(engine, make_holdout(other), Split("time"))
    assert np.array_equal(first.tuned.edges, second.tuned.edges)
    assert np.array_equal(first.tuned.accepted, second.tuned.accepted)
    assert not np.array_equal(first.confirm.accepted, second.confirm.accepted)


@pytest.mark.parametrize("method", ["equal_weight", "equal_width"])
def test_no_value_of_the_other_half_moves_an_edge(
    engine: DuckEngine, make_holdout: MakeHoldout, rows: pd.DataFrame, method: Any
) -> None:
    other = rows.copy()
    other.loc[len(rows) - 1, "uncertainty"] = 1e6
    found = [
        finish(count_halves(make_holdout(frame), engine, levels=Binning(method, 3), bins=9, split=Split("time")))
        for frame in (rows, other)
    ]
    assert np.array_equal(found[0].tuned.level_edges, found[1].tuned.level_edges)
    assert found[1].confirm.outside == found[0].confirm.outside + 1


def test_rows_outside_typed_levels_are_counted_in_their_half(
    engine: DuckEngine, holdout: Any, rows: pd.DataFrame
) -> None:
    levels = Binning.typed("0.1, 0.2, 0.3", name="level edges")
    halves = finish(count_halves(holdout, engine, levels=levels, bins=9, split=Split("time")))
    early = rows.sort_values("time").iloc[: halves.tuned.rows + halves.tuned.outside]
    assert halves.tuned.rows == early["uncertainty"].between(0.1, 0.3).sum()
    assert sum(half.rows + half.outside for half in (halves.tuned, halves.confirm)) == len(rows)


def test_scores_of_one_can_be_accepted_alone(engine: DuckEngine, make_holdout: MakeHoldout, rows: pd.DataFrame) -> None:
    rows = rows.assign(score=rows["score"].round(1))
    cuts = finish(count_cuts(make_holdout(rows), engine, levels=THREE, bins=200))
    assert cuts.threshold(np.array(1)) == 1.0
    assert cuts.accepted[:, 1].sum() == (rows["score"] == 1).sum()


def test_many_rows_at_the_earliest_time_are_the_earlier_half(
    engine: DuckEngine, make_holdout: MakeHoldout, rows: pd.DataFrame
) -> None:
    rows = rows.assign(time=np.where(np.arange(len(rows)) % 5 < 3, 1.75e9, rows["time"] + 60))
    halves = halve(engine, make_holdout(rows), Split("time"))
    assert halves.tuned.rows + halves.tuned.outside == (rows["time"] == 1.75e9).sum()


def test_a_seed_gives_the_same_halves_again_and_another_seed_others(engine: DuckEngine, holdout: Any) -> None:
    first, again, other = (halve(engine, holdout, Split(seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.tuned.accepted, again.tuned.accepted)
    assert first.tuned.rows != other.tuned.rows or not np.array_equal(first.tuned.tp, other.tuned.tp)


def test_a_group_is_on_one_side(engine: DuckEngine, make_holdout: MakeHoldout, rows: pd.DataFrame) -> None:
    """Labels that are one per user: with a user on both sides, neither half would hold whole users only."""
    rows = rows.assign(label=rows["user"] % 2)
    halves = halve(engine, make_holdout(rows, group="user"), Split("group"))
    sizes = rows.groupby("user").size()
    sums = {0}
    for size in sizes:
        sums |= {total + size for total in sums}
    assert halves.tuned.rows in sums
    assert 0 < halves.tuned.rows < len(rows)


def test_a_filter_holds_in_both_halves(engine: DuckEngine, holdout: Any, rows: pd.DataFrame) -> None:
    segment = holdout.segment("device")
    code = segment.values.index("web")
    halves = halve(engine, holdout, Split(), where=[Among(segment.column, (code,))])
    held = halves.tuned.rows + halves.confirm.rows + halves.confirm.outside
    assert held == (rows["device"] == "web").sum()


@pytest.mark.parametrize(
    ("without", "group", "split", "message"),
    [
        ("time", None, Split("time"), "No time column"),
        ("time", None, Split("group"), "No group column"),
        ("time", "user", Split("random"), "on both sides"),
    ],
)
def test_a_split_that_cannot_be(
    engine: DuckEngine,
    make_holdout: MakeHoldout,
    rows: pd.DataFrame,
    without: str,
    group: str | None,
    split: Split,
    message: str,
) -> None:
    with pytest.raises(InputError, match=message):
        halve(engine, make_holdout(rows.drop(columns=without), group=group), split)


def test_one_time_cannot_be_split(engine: DuckEngine, make_holdout: MakeHoldout, rows: pd.DataFrame) -> None:
    holdout = make_holdout(rows.assign(time=1.75e9))
    with pytest.raises(InputError, match="the same in every row"):
        halve(engine, holdout, Split("time"))


@pytest.mark.parametrize(("method", "seed"), [("half", 0), ("random", -1), ("random", 2**40)])
def test_a_split_that_is_none(method: Any, seed: int) -> None:
    with pytest.raises(InputError):
        Split(method, seed)


@pytest.mark.parametrize("bins", [0, 100_000])
def test_too_many_or_no_bins(engine: DuckEngine, holdout: Any, bins: int) -> None:
    with pytest.raises(InputError, match="score bins a level"):
        finish(count_cuts(holdout, engine, levels=THREE, bins=bins))


def test_tied_scores_leave_fewer_edges_and_all_rows(engine: DuckEngine, make_holdout: MakeHoldout) -> None:
    rows = make_rows().assign(score=lambda frame: frame["score"].round(1))
    cuts = finish(count_cuts(make_holdout(rows), engine, levels=THREE, bins=200))
    assert cuts.bins <= 11
    assert cuts.rows == len(rows)


def test_an_empty_typed_level_is_no_error(engine: DuckEngine, holdout: Any, rows: pd.DataFrame) -> None:
    levels = Binning.typed("0, 0.1, 5, 6", name="level edges")
    cuts = finish(count_cuts(holdout, engine, levels=levels, bins=20))
    assert cuts.rows == len(rows)
    assert cuts.accepted[2].max() == 0


@pytest.mark.parametrize("kind, level", [("std", 3), ("evidence", 1)])
def test_a_level_without_positives_is_named(
    engine: DuckEngine, make_holdout: MakeHoldout, rows: pd.DataFrame, kind: str, level: int
) -> None:
    """The rows of the largest uncertainty column are all negative."""
    top = rows["uncertainty"] > rows["uncertainty"].quantile(0.6)
    holdout = make_holdout(rows.assign(label=rows["label"].where(~top, 0)), kind=kind)
    with pytest.raises(InputError, match=rf"Level {level} .* has [\d,]+ rows and no positive") as caught:
        finish(count_cuts(holdout, engine, levels=THREE, bins=20))
    assert "fewer levels" in caught.value.fix
    with pytest.raises(InputError, match="no positive"):
        halve(engine, holdout, Split())
    assert finish(count_cuts(holdout, engine, levels=Binning("equal_weight", 1), bins=20)).levels == 1


def test_more_levels_than_rows(engine: DuckEngine, make_holdout: MakeHoldout, rows: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="50 levels are asked for, and there are 40 rows"):
        finish(count_cuts(make_holdout(rows.head(40)), engine, levels=Binning("equal_weight", 50), bins=5))
