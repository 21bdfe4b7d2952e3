"""The embedded engine against slow oracles, its lock, and its limits."""

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.engine import duck
from core.engine.duck import THREAD_NAME, DuckEngine
from core.engine.protocol import Among, Axis, Between, CategoryAxis, Histogram, Rows
from core.errors import InputError, QueryStopped
from core.jobs import Progress, finish
from tests.conftest import make_settings
from tests.oracles import cell_by_search, quantile_by_sorting, sums_by_loop

ENDLESS = "SELECT SUM(a.range * b.range) AS n FROM range(10000000) a, range(10000000) b"

few_values = st.lists(st.sampled_from([-1.0, 0.0, 0.1, 0.3, np.nextafter(0.3, 1), 1.0]), min_size=1, max_size=40)
any_values = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=40)
columns = few_values | any_values


def histogram_of(values, ranges):
    """Counts between every so many of the distinct values."""
    distinct = sorted(set(values))
    starts = distinct[:: max(len(distinct) // ranges, 1)]
    ends = [*starts[1:], math.inf]
    rows = [sum(lo <= v < hi for v in values) for lo, hi in zip(starts, ends, strict=True)]
    return Histogram(np.array(starts), np.array(rows))


class TestQuantiles:
    @settings(max_examples=250, deadline=None)
    @given(values=columns, count=st.integers(2, 30))
    @example(values=[5.0], count=4)
    @example(values=[2.5] * 9, count=3)
    @example(values=[-1.7e308, 1.7e308, 0.0], count=2)  # the range overflows
    @example(values=[0.0, 5e-324, 1e-323], count=3)  # the range is smaller than any scale can resolve
    @example(values=[float(i) for i in range(25)], count=25)  # 7/25 · 25 is 7.000000000000001 in floats
    def test_are_the_sorted_rank(self, engine, store_rows, values, count):
        shares = np.arange(1, count) / count
        found = finish(engine.quantiles(store_rows(score=np.array(values)), "score", shares))
        expected = [quantile_by_sorting(values, Fraction(i, count)) for i in range(1, count)]
        assert found.tolist() == expected

    @settings(max_examples=250, deadline=None)
    @given(values=columns, count=st.integers(2, 30), ranges=st.integers(1, 5))
    @example(values=[-1.7e308, 1.7e308, 0.0], count=2, ranges=4)
    @example(values=[0.0, 5e-324, 1e-323], count=3, ranges=4)
    def test_by_a_histogram_are_the_same_in_one_scan(self, engine, store_rows, values, count, ranges):
        shares = np.arange(1, count) / count
        plain = store_rows(score=np.array(values))
        rows = replace(plain, histograms={"score": histogram_of(values, ranges)})
        scans = []
        with pytest.MonkeyPatch.context() as patch:
            run = DuckEngine._run
            patch.setattr(DuckEngine, "_run", lambda *given: scans.append(given) or run(*given))
            found = finish(engine.quantiles(rows, "score", shares))
        expected = [quantile_by_sorting(values, Fraction(i, count)) for i in range(1, count)]
        assert found.tolist() == expected
        assert len(scans) == 1

    def test_under_a_filter_a_histogram_of_all_rows_is_left_aside(self, engine, store_rows):
        stored = store_rows(score=np.array([1.0, 2.0, 3.0, 4.0]), segment0=np.array([0, 1, 0, 1], np.int32))
        rows = replace(stored, histograms={"score": histogram_of([1.0, 2.0, 3.0, 4.0], 2)})
        found = finish(engine.quantiles(rows, "score", np.array([0.5]), where=[Among("segment0", (1,))]))
        assert found.tolist() == [2.0]

    def test_of_a_hundred_rows_by_hand(self, engine, store_rows):
        # Values 1 … 100: the smallest v with v >= 100·p is 28 for 28 % and 29 for 29 %, whatever 0.28·100 (above 28)
        # and 0.29·100 (below 29) are in floats. 0 % is the smallest value, 100 % the largest.
        rows = store_rows(score=np.arange(1.0, 101.0))
        assert 0.28 * 100 > 28
        assert 0.29 * 100 < 29
        found = finish(engine.quantiles(rows, "score", np.array([0.0, 0.28, 0.29, 0.295, 1.0])))
        assert found.tolist() == [1, 28, 29, 30, 100]

    def test_of_many_rows(self, engine, store_rows):
        values = np.random.default_rng(0).standard_cauchy(50_001)  # nearly all rows share one key
        found = finish(engine.quantiles(store_rows(score=values), "score", np.arange(1, 100) / 100))
        ranks = [-(-i * 50_001 // 100) for i in range(1, 100)]  # rank of i % is the ceiling of i·n/100
        assert np.array_equal(found, np.sort(values)[np.array(ranks) - 1])

    @settings(max_examples=100, deadline=None)
    @given(values=columns, cells=st.sampled_from([1, 3, 17, 60]), count=st.integers(2, 12))
    def test_of_each_cell_are_those_of_its_rows(self, engine, store_rows, values, cells, count):
        by, shares = np.random.default_rng(len(values)).integers(0, 60, len(values)) / 60, np.arange(1, count) / count
        axis = Axis("uncertainty", np.linspace(0, 0.9, cells + 1))  # rows above 0.9 are in no cell
        rows = store_rows(score=np.array(values), uncertainty=by)
        found = finish(engine.quantiles(rows, "score", shares, by=axis))
        for cell, line in enumerate(found):
            held = [v for v, u in zip(values, by, strict=True) if cell_by_search(u, axis.edges) == cell]
            expected = [quantile_by_sorting(held, Fraction(i, count)) for i in range(1, count)] if held else []
            assert line[~np.isnan(line)].tolist() == expected

    def test_of_cells_that_hold_no_row(self, engine, store_rows):
        rows = store_rows(score=np.array([0.1, 0.2]), uncertainty=np.array([5.0, 6.0]))
        axis = Axis("uncertainty", np.array([0.0, 1.0, 2.0]))
        assert np.isnan(finish(engine.quantiles(rows, "score", np.array([0.5]), by=axis))).tolist() == [[True]] * 2

    def test_under_a_filter(self, engine, store_rows):
        rows = store_rows(score=np.array([1.0, 2.0, 3.0, 4.0]), segment0=np.array([0, 1, 0, 1], np.int32))
        found = finish(engine.quantiles(rows, "score", np.array([0.5]), where=[Among("segment0", (1,))]))
        assert found.tolist() == [2.0]  # of 2 and 4 the first holds half

    def test_of_no_rows(self, engine, store_rows):
        rows = store_rows(score=np.array([1.0, 2.0]), segment0=np.array([0, 0], np.int32))
        with pytest.raises(InputError, match="No rows are left"):
            finish(engine.quantiles(rows, "score", np.array([0.5]), where=[Among("segment0", (7,))]))


def edges_near(values):
    """Edges that lie on values, beside them by one float, between them and outside them."""
    near = [v for x in values for v in (x, math.nextafter(x, math.inf), math.nextafter(x, -math.inf))]
    finite = st.sampled_from([v for v in near if np.isfinite(v)]) | st.floats(-10, 10)
    return st.lists(finite, min_size=2, max_size=8, unique=True).map(sorted)


class TestCounts:
    @settings(max_examples=250, deadline=None)
    @given(data=st.data(), values=columns)
    def test_are_those_of_a_loop(self, engine, store_rows, data, values):
        edges = data.draw(edges_near(values))
        edges = [edge for edge, after in pairwise([*edges, np.inf]) if edge < after]  # -0.0 and 0.0 are one edge
        if len(edges) < 2:
            return
        labels = data.draw(st.lists(st.integers(0, 1), min_size=len(values), max_size=len(values)))
        rows = store_rows(score=np.array(values), label=np.array(labels, np.int8))
        counts = finish(engine.count(rows, [Axis("score", np.array(edges))], ("rows", "positives")))
        expected, outside = sums_by_loop([(values, edges)], np.ones(len(values)))
        assert counts.sums["rows"].tolist() == expected.tolist()
        assert counts.sums["positives"].tolist() == sums_by_loop([(values, edges)], labels)[0].tolist()
        assert counts.outside == outside
        assert counts.sums["rows"].dtype == np.int64

    def test_put_an_edge_into_the_upper_cell_and_close_the_last(self, engine, store_rows):
        # Edges 0, 0.5, 1. 0 and the float below 0.5 lie in cell 0; 0.5 and 1 in cell 1; -0.1 and 1.1 in none.
        values = np.array([-0.1, 0.0, np.nextafter(0.5, 0), 0.5, 1.0, 1.1])
        counts = finish(engine.count(store_rows(score=values), [Axis("score", np.array([0, 0.5, 1]))], ["rows"]))
        assert counts.sums["rows"].tolist() == [2, 2]
        assert counts.outside == 2

    def test_keep_decimals_apart_that_binary_rounds(self, engine, store_rows):
        # 0.29·100 is 28.999999999999996: ⌊100·x⌋ would put the score 0.29 below its own edge.
        edges = np.arange(101) / 100
        counts = finish(engine.count(store_rows(score=edges[:-1]), [Axis("score", edges)], ["rows"]))
        assert counts.sums["rows"].tolist() == [1] * 100

    def test_of_adjacent_floats(self, engine, store_rows):
        edges = 0.3 + np.arange(6) * np.spacing(0.3)
        counts = finish(engine.count(store_rows(score=edges), [Axis("score", edges)], ["rows"]))
        assert counts.sums["rows"].tolist() == [1, 1, 1, 1, 2]  # the last cell holds both of its ends

    def test_of_cells_that_crowd_at_both_ends(self, engine, store_rows):
        rng = np.random.default_rng(3)
        near = rng.gamma(1, 1e-4, 20_000)
        score = np.append(near, 1 - near)
        edges = np.unique(np.append(np.quantile(score, np.arange(2_001) / 2_000), 0.5))
        counts = finish(engine.count(store_rows(score=score), [Axis("score", edges)], ["rows"]))
        assert np.array_equal(counts.sums["rows"], np.histogram(score, edges)[0])

    def test_along_one_column_twice(self, engine, store_rows):
        rows = store_rows(score=np.array([0.1, 0.2, 0.3, 0.9]))
        wide, fine = Axis("score", np.array([0.0, 0.5, 1.0])), Axis("score", np.linspace(0, 1, 1_001))
        found = finish(engine.count(rows, [wide, fine], ["rows"])).sums["rows"]
        assert found.sum(axis=1).tolist() == [3, 1]
        assert np.flatnonzero(found.sum(axis=0)).tolist() == [100, 200, 300, 900]

    def test_between_holds_its_lower_end_only(self, engine, store_rows):
        rows = store_rows(score=np.array([0.1, 0.2, 0.3, 0.4]))
        where = [Between("score", 0.2, 0.4)]
        assert int(finish(engine.count(rows, [], ["rows"], where=where)).sums["rows"]) == 2
        assert finish(engine.quantiles(rows, "score", np.array([0.5, 1.0]), where=where)).tolist() == [0.2, 0.3]

    def test_outside_is_counted_without_being_asked(self, engine, store_rows):
        rows = store_rows(score=np.array([0.1, 0.2, 0.9]), label=np.array([1, 0, 1], dtype=np.int8))
        found = finish(engine.count(rows, [Axis("score", np.array([0.0, 0.5]))], ["positives"]))
        assert (found.sums["positives"].tolist(), found.outside) == ([1], 1)
        assert list(found.sums) == ["positives"]

    def test_of_edges_beyond_all_rows(self, engine, store_rows):
        rows = store_rows(score=np.array([0.5, 0.6]))
        below = finish(engine.count(rows, [Axis("score", np.array([-2.0, -1.0]))], ["rows"]))
        around = finish(engine.count(rows, [Axis("score", np.array([-2.0, 0.0, 1.0, 2.0]))], ["rows"]))
        assert (below.sums["rows"].tolist(), below.outside) == ([0], 2)
        assert (around.sums["rows"].tolist(), around.outside) == ([0, 2, 0], 0)

    def test_of_no_axis_are_totals(self, engine, store_rows):
        rows = store_rows(score=np.array([0.5, 0.25]), label=np.array([1, 0], np.int8))
        counts = finish(engine.count(rows, [], ("rows", "positives", "score")))
        assert [float(counts.sums[m]) for m in ("rows", "positives", "score")] == [2, 1, 0.75]

    def test_weighted_sums_by_hand(self, engine, store_rows):
        # Rows (score, uncertainty, label, weight): (.2, 1, 1, 2), (.2, 3, 0, 3) in cell 0 and (.8, 2, 1, .5) in cell 1.
        rows = store_rows(
            score=np.array([0.2, 0.2, 0.8]),
            uncertainty=np.array([1.0, 3.0, 2.0]),
            label=np.array([1, 0, 1], np.int8),
            weight=np.array([2.0, 3.0, 0.5]),
        )
        expected = {
            "rows": [2, 1],
            "positives": [1, 1],
            "score": [2 * 0.2 + 3 * 0.2, 0.5 * 0.8],
            "uncertainty": [2 * 1 + 3 * 3, 0.5 * 2],
            "weight": [5, 0.5],
            "weight_positives": [2, 0.5],
            "weight_squared": [4 + 9, 0.25],
            "weight_squared_positives": [4, 0.25],
            "log_loss": [-2 * np.log(0.2) - 3 * np.log(0.8), -0.5 * np.log(0.8)],
            "log_loss_squared": [2 * np.log(0.2) ** 2 + 3 * np.log(0.8) ** 2, 0.5 * np.log(0.8) ** 2],
            "brier": [2 * 0.8**2 + 3 * 0.2**2, 0.5 * 0.2**2],
            "brier_squared": [2 * 0.8**4 + 3 * 0.2**4, 0.5 * 0.2**4],
        }
        counts = finish(engine.count(rows, [Axis("score", np.array([0, 0.5, 1]))], tuple(expected)))
        for measure, sums in expected.items():
            assert counts.sums[measure] == pytest.approx(sums), measure
            assert not counts.sums[measure].flags.writeable

    def test_losses_of_a_certain_score_stay_finite(self, engine, store_rows):
        rows = store_rows(score=np.array([0.0, 1.0]), label=np.array([1, 1], np.int8))
        counts = finish(engine.count(rows, [], ("log_loss", "brier")))
        assert float(counts.sums["log_loss"]) == pytest.approx(-np.log(1e-15))  # floored at 1e-15; the other is 0
        assert float(counts.sums["brier"]) == 1.0

    def test_along_a_category_and_a_number(self, engine, make_holdout, world):
        holdout = make_holdout(world)
        edges = np.array([0.0, 0.1, 0.5, 1.0])
        axes = [CategoryAxis("segment0", 3), Axis("score", edges)]
        where = [Among("segment1", (0,)), Among("segment0", (0, 2))]
        counts = finish(engine.count(holdout.rows, axes, ("rows", "positives"), where=where))
        kept = world[(world.country == "FR") & world.device.isin(["ios", "web"])]
        cells = pd.cut(kept.score, [0, 0.1, 0.5, 1.01], right=False, labels=False)
        expected = np.zeros((3, 3))
        for (device, cell), n in kept.groupby(["device", cells]).size().items():
            expected[["ios", "tv", "web"].index(device), int(cell)] = n
        assert counts.sums["rows"].tolist() == expected.tolist()
        assert expected[1].sum() == 0  # tv is left out
        assert counts.sums["positives"].sum() == kept.label.sum()

    def test_do_not_depend_on_the_order_of_rows(self, engine, store_rows):
        rng = np.random.default_rng(1)
        score, weight = rng.random(5_000), rng.random(5_000)
        order = rng.permutation(5_000)
        axes = [Axis("score", np.linspace(0, 1, 18))]
        one, other = (
            finish(engine.count(store_rows(score=score[i], weight=weight[i]), axes, ("rows", "weight")))
            for i in (np.arange(5_000), order)
        )
        assert np.array_equal(one.sums["rows"], other.sums["rows"])
        assert one.sums["weight"] == pytest.approx(other.sums["weight"])

    def test_ten_thousand_by_a_hundred_cells(self, engine, store_rows):
        rng = np.random.default_rng(2)
        score, uncertainty = rng.random(20_000), rng.random(20_000)
        bins, levels = np.linspace(0, 1, 10_001), np.linspace(0, 1, 101)
        rows = store_rows(score=score, uncertainty=uncertainty)
        counts = finish(engine.count(rows, [Axis("uncertainty", levels), Axis("score", bins)], ["rows"]))
        at = [np.searchsorted(e, v, side="right") - 1 for e, v in ((levels, uncertainty), (bins, score))]
        expected = np.zeros((100, 10_000), np.int64)
        np.add.at(expected, tuple(at), 1)
        assert np.array_equal(counts.sums["rows"], expected)

    def test_refuse_more_than_a_million_cells(self, engine, store_rows):
        rows = store_rows(score=np.array([0.5]), uncertainty=np.array([1.0]))
        axes = [Axis("uncertainty", np.linspace(0, 1, 102)), Axis("score", np.linspace(0, 1, 10_001))]
        with pytest.raises(InputError, match=r"1,010,000 cells .* the limit is 1,000,000"):
            finish(engine.count(rows, axes, ["rows"]))


class TestEvaluate:
    def test_is_what_pandas_counts(self, engine, make_holdout, world):
        edges, thresholds = np.array([0.05, 0.1, 0.25, 1.0]), np.array([0.29, 0.5, 0.07])
        where = [Among("segment0", (0, 2))]
        found = finish(engine.evaluate(make_holdout(world).rows, Axis("uncertainty", edges), thresholds, where=where))
        kept = world[world.device != "tv"]
        cell = kept.uncertainty.map(lambda value: cell_by_search(value, edges))
        for i, threshold in enumerate(thresholds):
            level = kept[cell == i]
            chosen = level[level.score >= threshold]
            assert (found.rows[i], found.positives[i]) == (len(level), level.label.sum())
            assert (found.accepted[i], found.true_positives[i]) == (len(chosen), chosen.label.sum())

    def test_by_hand(self, engine, store_rows):
        # Level [0, 1): scores .3, .5 with threshold .5, a score on the threshold is accepted; level [1, 2]: .9, not
        # accepted by a threshold of infinity; the row at 5 lies outside the edges and is rejected.
        rows = store_rows(
            score=np.array([0.3, 0.5, 0.9, 0.9]),
            uncertainty=np.array([0.0, 0.0, 2.0, 5.0]),
            label=np.array([0, 1, 1, 1], np.int8),
        )
        levels = Axis("uncertainty", np.array([0.0, 1.0, 2.0]))
        found = finish(engine.evaluate(rows, levels, np.array([0.5, np.inf])))
        assert [found.rows.tolist(), found.positives.tolist()] == [[2, 1], [1, 1]]
        assert [found.accepted.tolist(), found.true_positives.tolist()] == [[1, 0], [1, 0]]


def test_eight_threads_share_one_engine(engine, store_rows):
    # One DuckDB connection shared by threads silently gives empty results.
    rng = np.random.default_rng(3)
    scores = [rng.random(2_000) for _ in range(8)]
    stored = [store_rows(score=score) for score in scores]

    def work(i):
        edges = np.linspace(0, 1, 5 + i)
        found = [finish(engine.count(stored[i], [Axis("score", edges)], ["rows"])).sums["rows"] for _ in range(10)]
        median = finish(engine.quantiles(stored[i], "score", np.array([0.5])))
        expected = np.histogram(scores[i], edges)[0]
        return all(np.array_equal(counts, expected) for counts in found) and median == np.sort(scores[i])[999]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


class TestLock:
    @pytest.mark.parametrize(
        "statement",
        [
            "SELECT * FROM read_csv('{outside}/secret.csv')",
            "SELECT * FROM '{outside}/secret.csv'",
            "SELECT * FROM read_text('{outside}/secret.csv')",
            "SELECT * FROM read_blob('{home}/../{up}/secret.csv')",
            "SELECT * FROM read_csv('{home}-beside/secret.csv')",
            "SELECT * FROM read_parquet('https://example.com/x.parquet')",
            "COPY (SELECT 1) TO '{outside}/stolen.csv'",
            "ATTACH '{outside}/new.db' AS other",
            "EXPORT DATABASE '{outside}/dump'",
            "INSTALL httpfs",
            "LOAD httpfs",
            "SET enable_external_access = true",
            "SET allowed_directories = ['/']",
            "SET lock_configuration = false",
            "RESET lock_configuration",
            "SET memory_limit = '100GB'",
            "SET python_enable_replacements = true",
            "SET GLOBAL threads = 64",
        ],
    )
    def test_refuses(self, engine, shared_settings, tmp_path, statement):
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "secret.csv").write_text("a\nsecret\n")
        home = shared_settings.home
        beside = home.with_name(f"{home.name}-beside")
        beside.mkdir(exist_ok=True)
        (beside / "secret.csv").write_text("a\nsecret\n")
        text = statement.format(outside=outside, home=home, up=outside.relative_to(tmp_path.parents[0]))
        with pytest.raises(duckdb.Error, match=r"are disabled|is disabled|has been locked"):
            engine._connection.cursor().execute(text).fetchall()
        assert [path.name for path in outside.iterdir()] == ["secret.csv"]

    def test_refuses_python_variables(self, engine):
        frame = pd.DataFrame({"a": [1]})
        with pytest.raises(duckdb.CatalogException, match="frame"):
            engine._connection.cursor().execute("SELECT * FROM frame")
        assert len(frame) == 1

    def test_leaves_no_table_behind(self, engine, store_rows):
        finish(engine.count(store_rows(score=np.array([0.5])), [Axis("score", np.array([0.0, 1.0]))], ["rows"]))
        with pytest.raises(duckdb.CatalogException, match="axis0"):
            engine._connection.cursor().execute("SELECT * FROM axis0")

    def test_a_home_with_a_quote_in_its_name(self, tmp_path, store_rows):
        home = tmp_path / "o'brien's"
        home.mkdir()
        rows = store_rows(score=np.array([0.5, 0.7]))
        path = home / "rows.parquet"
        path.write_bytes(rows.path.read_bytes())
        counts = finish(DuckEngine(make_settings(home)).count(replace(rows, path=path), [], ["rows"]))
        assert int(counts.sums["rows"]) == 2


def running_queries():
    return sum(thread.name == THREAD_NAME for thread in threading.enumerate())


class TestLimits:
    @pytest.fixture
    def endless(self, monkeypatch):
        """Every count from now on takes hours."""
        monkeypatch.setattr("core.engine.sql.count_rows", lambda *_, **__: ENDLESS)
        return monkeypatch

    def test_an_overrun_is_stopped_at_once(self, shared_settings, store_rows, endless):
        engine = DuckEngine(replace(shared_settings, query_seconds=0))
        with pytest.raises(QueryStopped, match="longer than 0 seconds") as caught:
            finish(engine.count(store_rows(score=np.array([0.5])), [], ["rows"]))
        assert "RECSCOPE_QUERY_S" in caught.value.fix

    def test_closing_the_job_stops_the_query(self, engine, store_rows, endless):
        rows = store_rows(score=np.array([0.5]))
        job = engine.count(rows, [], ["rows"])
        report = next(job)
        assert isinstance(report, Progress)
        assert 0 < report.share <= 1
        assert running_queries() == 1
        job.close()
        assert running_queries() == 0
        endless.undo()
        assert int(finish(engine.count(rows, [], ["rows"])).sums["rows"]) == 1

    def test_too_much_memory_is_explained(self, shared_settings, store_rows, monkeypatch):
        hungry = "SELECT MAX(LENGTH(l)) AS n FROM (SELECT LIST(range) AS l FROM range(20000000))"
        monkeypatch.setattr("core.engine.sql.count_rows", lambda *_, **__: hungry)
        engine = DuckEngine(replace(shared_settings, query_memory_bytes=16 * 2**20))
        with pytest.raises(QueryStopped, match="more memory") as caught:
            finish(engine.count(store_rows(score=np.array([0.5])), [], ["rows"]))
        assert "RECSCOPE_QUERY_MEMORY_MB" in caught.value.fix

    def test_a_lost_file_is_an_error_not_an_empty_result(self, engine, store_rows):
        rows = store_rows(score=np.array([0.5]))
        rows.path.unlink()
        with pytest.raises(InputError, match="no longer be read"):
            finish(engine.count(rows, [], ["rows"]))

    @pytest.mark.parametrize("kept", [0, 100, -8])
    def test_a_damaged_file_is_an_error_too(self, engine, store_rows, kept):
        rows = store_rows(score=np.array([0.5]))
        rows.path.write_bytes(rows.path.read_bytes()[:kept])
        with pytest.raises(InputError, match="no longer be read"):
            finish(engine.count(rows, [], ["rows"]))

    def test_too_little_memory_for_the_tables_of_a_join(self, shared_settings, store_rows):
        engine = DuckEngine(replace(shared_settings, query_memory_bytes=2**20))
        fine = Axis("score", np.linspace(0, 1, 100_001))
        with pytest.raises(QueryStopped, match="more memory"):
            finish(engine.count(store_rows(score=np.array([0.0, 1.0])), [fine], ["rows"]))

    def test_no_memory_is_not_an_empty_result(self, engine, store_rows, monkeypatch):
        class Starved(duck._Call):
            def __init__(self, cursor, text, tables):
                super().__init__(None, text, tables)
                self._cursor = self

            def execute(self, _):
                raise MemoryError

        monkeypatch.setattr(duck, "_Call", Starved)
        with pytest.raises(QueryStopped, match="more memory"):
            finish(engine.count(store_rows(score=np.array([0.5])), [], ["rows"]))


@pytest.mark.parametrize("folder", ["[a]*?", "score=1", "it's"])
def test_a_folder_is_a_name_not_a_pattern_or_a_column(tmp_path, store_rows, folder):
    """read_parquet expands patterns, and takes a column from a folder such as score=1, unless it is told otherwise."""
    home = tmp_path / folder
    home.mkdir()
    stored = store_rows(score=np.array([0.25, 0.75]))
    path = home / "rows.parquet"
    path.write_bytes(stored.path.read_bytes())
    rows = Rows(path, stored.count, stored.ranges, weighted=False)
    found = finish(DuckEngine(make_settings(home)).quantiles(rows, "score", np.array([0.5, 1.0])))
    assert found.tolist() == [0.25, 0.75]
