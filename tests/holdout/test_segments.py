"""Filters, comparisons across segments and over time, against pandas."""

import numpy as np
import pandas as pd
import pytest

from core.engine.protocol import Among
from core.errors import InputError
from core.holdout.effect import deviance_test
from core.holdout.positivity import Binning, build_cube
from core.holdout.segments import compare_segments, filter_rows
from core.holdout.time_course import positivity_over_time
from core.jobs import finish

LEVELS, BINS = Binning("equal_weight", 4), Binning("equal_width", 20)


@pytest.fixture(scope="module")
def holdout(make_holdout, world):
    return make_holdout(world)


@pytest.fixture(scope="module")
def cube(engine, holdout):
    return finish(build_cube(holdout, engine, levels=LEVELS, bins=BINS))[0]


class TestFilter:
    def test_finds_codes(self, holdout):
        # Values in code order: ios, tv, web.
        assert filter_rows(holdout, "device", ["web", "ios"]) == Among("segment0", (2, 0))

    @pytest.mark.parametrize(
        ("column", "values", "found"),
        [("device", ["radio"], "'device' has no value 'radio'"), ("device", [], "given no value"),
         ("score", ["1"], "'score' is not a mapped segment"), ("device", ["x" * 500], "has no value 'x{80}'")],
    )  # fmt: skip
    def test_refuses(self, holdout, column, values, found):
        with pytest.raises(InputError, match=found):
            filter_rows(holdout, column, values)


class TestComparison:
    def test_counts_in_the_window_are_those_of_pandas(self, engine, holdout, cube, world):
        job = compare_segments(holdout, engine, "device", cube, score=0.3, half_width=0.1)
        frame = finish(job).frame().set_index("segment")
        inside = world[(world["score"] >= 0.2) & (world["score"] < 0.4)].groupby("device")
        assert frame.index.tolist() == ["web", "ios", "tv"]  # most rows first
        assert frame["rows"].to_dict() == inside.size().to_dict()
        assert frame["positives"].to_dict() == inside["label"].sum().to_dict()
        assert frame["mean_score"].to_dict() == pytest.approx(inside["score"].mean().to_dict())
        assert frame["rate"].to_dict() == pytest.approx(inside["label"].mean().to_dict())

    def test_each_value_is_tested_over_all_scores(self, engine, holdout, cube):
        comparison = finish(compare_segments(holdout, engine, "device", cube, score=0.3, half_width=0.1))
        for value, test in zip(comparison.values, comparison.tests, strict=True):
            where = [filter_rows(holdout, "device", [value])]
            levels, bins = (Binning("edges", 1, tuple(e)) for e in (cube.level_edges, cube.score_edges))
            alone = finish(build_cube(holdout, engine, levels=levels, bins=bins, where=where))[0]
            alone = alone.coarsen(cube.score_edges)
            if alone.rows < 100:
                assert test is None
            else:
                assert test.overall.effect == pytest.approx(deviance_test(alone).overall.effect)
                assert test.rows == alone.rows

    def test_a_small_value_has_counts_but_no_test(self, engine, make_holdout, world):
        few = world.assign(device=["tv"] * 99 + ["web"] * (len(world) - 99))
        holdout = make_holdout(few)
        cube = finish(build_cube(holdout, engine, levels=LEVELS, bins=BINS))[0]
        comparison = finish(compare_segments(holdout, engine, "device", cube))
        assert comparison.values == ("web", "tv")
        assert comparison.tests[0] is not None
        assert comparison.tests[1] is None
        line = comparison.frame().set_index("segment").loc["tv"]
        assert line["rows"] == 99
        assert line[["effect", "effect_lo", "effect_hi", "p_value"]].isna().all()

    def test_a_value_without_rows_under_the_filter_is_left_out(self, engine, holdout, cube, world):
        where = [filter_rows(holdout, "device", ["web", "tv"])]
        comparison = finish(compare_segments(holdout, engine, "device", cube, where=where))
        assert comparison.values == ("web", "tv")
        assert comparison.frame()["rows"].tolist() == world["device"].value_counts()[["web", "tv"]].tolist()
        other = finish(compare_segments(holdout, engine, "country", cube, where=where))
        kept = world[world["device"] != "ios"]
        assert (
            dict(zip(other.values, other.cells.rows.tolist(), strict=True)) == kept["country"].value_counts().to_dict()
        )

    def test_many_values_thin_the_bins_and_lose_no_row(self, engine, make_holdout, world):
        many = make_holdout(world.assign(device=[f"d{i % 900}" for i in range(len(world))]))
        cube = finish(build_cube(many, engine, levels=LEVELS, bins=BINS))[0]
        comparison = finish(compare_segments(many, engine, "device", cube))
        assert len(comparison.values) == 900
        assert comparison.frame()["rows"].sum() == len(world)

    def test_levels_keep_their_order_for_evidence(self, engine, make_holdout, world):
        # The same rows, read as a spread and as evidence: most minus least uncertain changes its sign.
        effects = []
        for kind in ("std", "evidence"):
            holdout = make_holdout(world, kind=kind)
            cube = finish(build_cube(holdout, engine, levels=LEVELS, bins=BINS))[0]
            effects.append(finish(compare_segments(holdout, engine, "device", cube)).tests[0].overall.effect)
        assert effects[0] == pytest.approx(-effects[1])
        assert effects[0] < 0

    @pytest.mark.parametrize(("score", "half_width"), [(1.5, 0.1), (0.5, 0.0), (float("nan"), 0.1)])
    def test_refuses_a_window_beyond_the_scores(self, engine, holdout, cube, score, half_width):
        with pytest.raises(InputError, match="must be between"):
            finish(compare_segments(holdout, engine, "device", cube, score=score, half_width=half_width))

    def test_refuses_an_unknown_segment(self, engine, holdout, cube):
        with pytest.raises(InputError, match="not a mapped segment"):
            finish(compare_segments(holdout, engine, "label", cube))


def timed(make_holdout, times, **columns):
    n = len(times)
    stamps = pd.to_datetime(times, utc=True, format="ISO8601")
    seconds = (stamps - pd.Timestamp(0, tz="UTC")).total_seconds()
    return make_holdout(
        pd.DataFrame(
            {"score": 0.5, "uncertainty": np.arange(n) * 1.0, "label": np.arange(n) % 2, "time": seconds} | columns
        )
    )


class TestTime:
    def test_days_are_those_of_pandas(self, engine, holdout, world):
        course = finish(positivity_over_time(holdout, engine))
        frame = course.frame().set_index("time")
        found = world.groupby(pd.to_datetime(world["time"], unit="s", utc=True).dt.floor("D"))["label"]
        assert course.unit == "day"
        assert [str(t) for t in frame.index] == [str(t) for t in found.size().index]
        assert frame["rows"].tolist() == found.size().tolist()
        assert frame["positives"].tolist() == found.sum().tolist()

    @pytest.mark.parametrize(
        ("first", "last", "unit", "starts"),
        [
            ("2026-01-01 10:59", "2026-01-01 12:00", "hour",
             ["2026-01-01 10:00", "2026-01-01 11:00", "2026-01-01 12:00"]),
            ("2026-02-27 23:00", "2026-03-03 00:00", "day",
             ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02", "2026-03-03"]),
            ("2026-01-01", "2026-06-30", "week", ["2025-12-29", *[f"{d:%Y-%m-%d}" for d in
             pd.date_range("2026-01-05", "2026-06-29", freq="7D")]]),  # weeks start on Monday
            ("2020-01-31", "2023-02-01", "month", [f"{d:%Y-%m-%d}" for d in
             pd.date_range("2020-01-01", "2023-02-01", freq="MS")]),
            ("2026-01-01", "2026-01-01", "hour", ["2026-01-01"]),
        ],
    )  # fmt: skip
    def test_buckets(self, engine, make_holdout, first, last, unit, starts):
        course = finish(positivity_over_time(timed(make_holdout, [first, last, last]), engine))
        assert course.unit == unit
        assert list(course.starts) == [pd.Timestamp(start, tz="UTC") for start in starts]
        rows = course.frame()["rows"]
        assert rows.sum() == 3
        assert rows.iloc[-1] == (3 if len(starts) == 1 else 2)

    def test_an_event_at_the_start_of_a_bucket_belongs_to_it(self, engine, make_holdout):
        times = ["2026-01-01 00:00:00", "2026-01-01 00:59:59.999", "2026-01-01 01:00:00"]
        frame = finish(positivity_over_time(timed(make_holdout, times), engine)).frame()
        assert frame["rows"].tolist() == [2, 1]

    def test_an_empty_bucket_has_no_rate(self, engine, make_holdout):
        times = ["2026-01-01 00:00", "2026-01-01 02:00"]
        frame = finish(positivity_over_time(timed(make_holdout, times), engine)).frame()
        assert frame["rows"].tolist() == [1, 0, 1]
        assert frame.loc[1, ["rate", "lo", "hi"]].isna().all()

    def test_under_a_filter(self, engine, holdout, world):
        where = [filter_rows(holdout, "device", ["tv"])]
        frame = finish(positivity_over_time(holdout, engine, where=where)).frame()
        assert frame["rows"].sum() == (world["device"] == "tv").sum()

    def test_needs_a_time_column(self, engine, make_holdout, world):
        with pytest.raises(InputError, match="no time column"):
            finish(positivity_over_time(make_holdout(world.drop(columns="time")), engine))
