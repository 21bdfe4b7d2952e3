"""The embedded engine: DuckDB over our own Parquet, locked down, a cursor per call, stopped when it overruns."""

import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from core.arrays import FloatArray, IntArray, Table
from core.engine import sql
from core.engine.protocol import Axis, CategoryAxis, Counts, Filter, Measure, Rows, RuleCounts
from core.errors import InputError, QueryStopped
from core.jobs import Job, Progress
from core.settings import MEBIBYTE, Settings

REPORT_SECONDS = 0.1
THREAD_NAME = "recscope-query"
CELLS_CAP = 1_000_000
KEYS_CAP = 2**19
ROUNDING = 4 * float(np.finfo(np.float64).eps)

# allowed_directories must be set while external access is still on; the lock comes last.
_LOCK_DOWN = (
    "SET allowed_directories = [{folder}, {escaped}]",
    "SET enable_external_access = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET python_enable_replacements = false",
    "SET memory_limit = '{memory}MiB'",
    "SET max_temp_directory_size = '0B'",
    "SET preserve_insertion_order = false",
    "SET GLOBAL perfect_ht_threshold = 17",
    "SET allowed_configs = ['enable_progress_bar', 'enable_progress_bar_print']",
    "SET lock_configuration = true",
)
# These two are of a cursor, and a new cursor has the defaults.
_PROGRESS = ("SET enable_progress_bar = true", "SET enable_progress_bar_print = false")


class DuckEngine:
    """DuckDB, reading only below one folder.

    Parameters
    ----------
    settings
        ``home`` is the only folder it may read; ``query_memory_bytes`` and ``query_seconds`` are its limits.
    """

    def __init__(self, settings: Settings) -> None:
        self._seconds = settings.query_seconds
        self._connection = duckdb.connect(":memory:")
        folder, escaped = _quoted(str(settings.home)), _quoted(_literal(settings.home))
        memory = settings.query_memory_bytes // MEBIBYTE
        for statement in _LOCK_DOWN:
            self._connection.execute(statement.format(folder=folder, escaped=escaped, memory=memory))

    def quantiles(
        self, rows: Rows, column: str, shares: FloatArray, *, by: Axis | None = None, where: Sequence[Filter] = ()
    ) -> Job[FloatArray]:
        """Exact quantiles: for each share p the smallest value v with #(x <= v) >= p·n.

        Two scans: rows per key of the column, then the distinct values of just those keys in which a wanted rank lies.
        For all rows, a histogram of the column spares the first.

        Raises
        ------
        InputError
            No row is left by ``where``.
        """
        if by is None and not where and column in rows.histograms:
            return (yield from self._refine(rows, column, shares))
        cells, lookups = (1, {}) if by is None else (by.cells, _make_lookups(rows, [by]))
        key = sql.make_key(column, rows.ranges[column], last=min(sql.LARGEST_KEY, KEYS_CAP // cells))
        source = _source(rows.path)
        found = yield from self._run(sql.count_keys(source, key, by, lookups, where=where), _tables(lookups))
        if not len(found["n"]):
            raise InputError("No rows are left by this filter.", fix="Choose other segments, or clear the filter.")
        ranks = {i: _Ranks.find(*_of_cell(found, "k", i), shares) for i in np.unique(found["i0"]) if 0 <= i < cells}
        wanted = {
            "i0": np.repeat([*ranks], [len(one.wanted) for one in ranks.values()]).astype(np.int32),
            "k": np.concatenate([np.array([], dtype=np.int16), *(one.wanted for one in ranks.values())]),
        }
        text = sql.count_values(source, key, by, lookups, where=where)
        values = yield from self._run(text, _tables(lookups) | {"wanted": wanted})
        quantiles = np.full((cells, len(shares)), np.nan)
        for i, one in ranks.items():
            quantiles[i] = one.pick(*_of_cell(values, "v", i))
        return quantiles if by is not None else quantiles[0]

    def _refine(self, rows: Rows, column: str, shares: FloatArray) -> Job[FloatArray]:
        """Quantiles of all rows: the distinct values of those ranges of the histogram in which a wanted rank lies."""
        histogram, key = rows.histograms[column], sql.make_key(column, rows.ranges[column])
        ranks = _Ranks.find(np.arange(len(histogram.rows)), histogram.rows, shares)
        k = key.of(np.clip(np.append(histogram.starts, np.inf), *rows.ranges[column]))
        keys = [np.arange(k[i], k[i + 1] + 1, dtype=np.int16) for i in ranks.wanted]
        wanted = {"k": np.unique(np.concatenate(keys))}
        text = sql.count_values(_source(rows.path), key, None, {}, where=())
        values, counts = _of_cell((yield from self._run(text, {"wanted": wanted})), "v", 0)
        inside = np.isin(np.searchsorted(histogram.starts, values, side="right") - 1, ranks.wanted)
        return ranks.pick(values[inside], counts[inside])

    def count(
        self,
        rows: Rows,
        axes: Sequence[Axis | CategoryAxis],
        measures: Sequence[Measure],
        *,
        where: Sequence[Filter] = (),
    ) -> Job[Counts]:
        """Sums of the measures in every cell of the axes.

        Raises
        ------
        InputError
            More than a million cells are asked for.
        """
        shape = tuple(axis.cells for axis in axes)
        if np.prod(shape) > CELLS_CAP:
            raise InputError(
                f"{int(np.prod(shape)):,} cells are asked for; the limit is {CELLS_CAP:,}.", fix="Choose fewer bins."
            )
        lookups = _make_lookups(rows, axes)
        wanted: list[Measure] = list(dict.fromkeys(("rows", *measures)))
        text = sql.count_rows(_source(rows.path), axes, lookups, wanted, weighted=rows.weighted, where=where)
        found = yield from self._run(text, _tables(lookups))
        index = tuple(np.asarray(found[f"i{i}"]) for i in range(len(axes)))
        inside = np.ones(len(found["rows"]), dtype=np.bool_)
        for i, cells in zip(index, shape, strict=True):
            inside &= (i >= 0) & (i < cells)
        at = tuple(i[inside] for i in index)
        sums = {measure: _dense(shape, at, found[measure][inside], measure) for measure in measures}
        return Counts(sums, int(np.sum(found["rows"][~inside])))

    def evaluate(
        self, rows: Rows, levels: Axis, thresholds: FloatArray, *, where: Sequence[Filter] = ()
    ) -> Job[RuleCounts]:
        """Exact counts of the rule ``score >= thresholds[level]`` on the rows; rows outside the edges are rejected."""
        lookups = _make_lookups(rows, [levels])
        cells = np.arange(levels.cells, dtype=np.int32)
        tables: dict[str, Table] = {
            "thresholds": {"cell": cells, "threshold": np.asarray(thresholds, dtype=np.float64)}
        }
        text = sql.evaluate_rule(_source(rows.path), levels, lookups, where=where)
        found = yield from self._run(text, tables | _tables(lookups))
        at = (np.asarray(found["i0"]),)
        names = ("n", "positives", "accepted", "true_positives")
        return RuleCounts(*(_dense((levels.cells,), at, found[name], "rows") for name in names))

    def _run(self, text: str, tables: dict[str, Table]) -> Job[dict[str, Any]]:
        cursor = self._connection.cursor()
        call = _Call(cursor, text, tables)
        thread = threading.Thread(target=call.run, name=THREAD_NAME, daemon=True)
        started = time.monotonic()
        thread.start()
        try:
            while not call.ended.wait(REPORT_SECONDS):
                if time.monotonic() - started > self._seconds:
                    raise QueryStopped(
                        f"The query took longer than {self._seconds:,} seconds and was stopped.",
                        fix="Choose fewer bins or a filter, or raise RECSCOPE_QUERY_S.",
                    )
                yield Progress(max(cursor.query_progress(), 0.0) / 100, "Counting rows")
        finally:
            while thread.is_alive():  # an interrupt before the query runs is lost, so it is given again
                cursor.interrupt()
                thread.join(REPORT_SECONDS)
            cursor.close()
        return call.result()


class _Call:
    """One query in its own thread, with the tables that it joins.

    These become tables of DuckDB's own: unlike views of ours they have statistics, which make the join fast.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, text: str, tables: dict[str, Table]) -> None:
        self._cursor, self._text, self._tables = cursor, text, tables
        self._columns: dict[str, Any] = {}
        self._error: Exception | None = AssertionError("the query thread died")
        self.ended = threading.Event()

    def run(self) -> None:
        try:
            for statement in _PROGRESS:
                self._cursor.execute(statement)
            for name, table in self._tables.items():
                self._cursor.register("given", table)
                self._cursor.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM given")
            self._columns = self._cursor.execute(self._text).fetchnumpy()
            self._error = None
        except (duckdb.Error, MemoryError) as error:
            self._error = error
        finally:
            self.ended.set()

    def result(self) -> dict[str, Any]:
        if isinstance(self._error, duckdb.OutOfMemoryException | MemoryError):
            raise QueryStopped(
                "The query needed more memory than allowed.",
                fix="Choose fewer bins, or raise RECSCOPE_QUERY_MEMORY_MB.",
            ) from self._error
        if isinstance(self._error, duckdb.IOException | duckdb.InvalidInputException):
            raise InputError(
                "The stored rows can no longer be read.",
                fix="Give the file again; its stored copy may have been deleted or damaged.",
            ) from self._error
        if self._error is not None:
            raise self._error
        return {name: np.ma.getdata(column) for name, column in self._columns.items()}


def _source(path: Path) -> str:
    """Just this file: no part of its path is a pattern, and no folder such as ``score=1`` adds a column."""
    return f"read_parquet({_quoted(_literal(path))}, hive_partitioning = false)"


def _literal(path: Path) -> str:
    """The pattern that matches this path alone."""
    return re.sub(r"([\[*?])", r"[\1]", str(path))


def _quoted(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def _make_lookups(rows: Rows, axes: Sequence[Axis | CategoryAxis]) -> dict[int, sql.Lookup]:
    """One per axis of many cells."""
    return {i: sql.make_lookup(axis, rows.ranges[axis.column]) for i, axis in enumerate(axes) if sql.joined(axis)}


def _tables(lookups: dict[int, sql.Lookup]) -> dict[str, Table]:
    return {f"axis{i}": lookup.table for i, lookup in lookups.items()}


@dataclass(frozen=True, slots=True, eq=False)
class _Ranks:
    """Where quantiles lie: the keys that hold a wanted rank, and each rank among the rows of these keys."""

    wanted: IntArray
    within: IntArray

    @classmethod
    def find(cls, keys: IntArray, rows: IntArray, shares: FloatArray) -> "_Ranks":
        """Look for shares in rows per key, keys increasing."""
        ends = np.cumsum(rows)
        # 0.28 · 100 is 28.000000000000004 in floats: what rounding adds must not become a rank.
        ranks = np.clip(np.ceil(shares * ends[-1] * (1 - ROUNDING)), 1, ends[-1]).astype(np.int64)
        holding = np.searchsorted(ends, ranks)
        wanted = np.unique(holding)
        starts = ends - rows
        before = starts[wanted] - np.concatenate([[0], np.cumsum(rows[wanted])[:-1]])  # rows of unwanted keys
        return cls(keys[wanted], ranks - before[np.searchsorted(wanted, holding)])

    def pick(self, values: FloatArray, rows: IntArray) -> FloatArray:
        """The values at these ranks, from rows per value of the wanted keys, values increasing."""
        return np.asarray(values[np.searchsorted(np.cumsum(rows), self.within)], dtype=np.float64)


def _of_cell(found: dict[str, Any], name: str, cell: int) -> tuple[Any, IntArray]:
    """A column and the rows of one cell, by increasing column."""
    here = found["i0"] == cell
    column, rows = found[name][here], found["n"][here]
    order = np.argsort(column)
    return column[order], rows[order]


def _dense(shape: tuple[int, ...], at: tuple[Any, ...], values: Any, measure: Measure) -> Any:
    dense = np.zeros(shape, dtype=np.int64 if measure in ("rows", "positives") else np.float64)
    dense[at or ...] = values  # without an axis there is one cell
    dense.flags.writeable = False
    return dense
