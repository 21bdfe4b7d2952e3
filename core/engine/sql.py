"""The SQL of the engine: plain text that DuckDB and Spark SQL both run. From outside only numbers enter it.

A few cells with arbitrary edges are found by nested CASE. Many are found by a lookup: a key function
k(x) = ⌊((x - lo)·scale)^¼·top⌋ never decreases in x, so all edges with a smaller key than k(x) lie at or below x, and
all with a larger key above it. A table with one row per key holds the number of the former, and the few edges that
share the key, with which x is compared. Rounding in k cannot move a value across an edge. The fourth root spreads what
is crowded near lo, as evidence and click rates are, and square roots, unlike logarithms, are rounded alike everywhere.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np

from core.arrays import FloatArray, IntArray, Table
from core.engine.protocol import Axis, Between, CategoryAxis, Filter, Measure

LARGEST_KEY = 32_767
NESTED_CELLS = 16
KEYS_PER_CELL = 16
FEW_CUTS = 4
LARGEST_LOOKUP = 4_000_000
TINY = 1e-15

_UNWEIGHTED: dict[Measure, str] = {
    "rows": "COUNT(*)",
    "positives": "CAST(SUM(CAST(t.label AS BIGINT)) AS BIGINT)",
    "score": "SUM(t.score)",
    "uncertainty": "SUM(t.uncertainty)",
    "log_loss": "SUM({log_loss})",
    "log_loss_squared": "SUM({log_loss} * {log_loss})",
    "brier": "SUM({brier})",
    "brier_squared": "SUM({brier} * {brier})",
}
_WEIGHTED: dict[Measure, str] = {
    "rows": _UNWEIGHTED["rows"],
    "positives": _UNWEIGHTED["positives"],
    "score": "SUM(t.weight * t.score)",
    "uncertainty": "SUM(t.weight * t.uncertainty)",
    "weight": "SUM(t.weight)",
    "weight_positives": "SUM(t.weight * t.label)",
    "weight_squared": "SUM(t.weight * t.weight)",
    "weight_squared_positives": "SUM(t.weight * t.weight * t.label)",
    "log_loss": "SUM(t.weight * {log_loss})",
    "log_loss_squared": "SUM(t.weight * {log_loss} * {log_loss})",
    "brier": "SUM(t.weight * {brier})",
    "brier_squared": "SUM(t.weight * {brier} * {brier})",
}
_LOSSES = {
    "log_loss": f"-LN(GREATEST(CASE WHEN t.label = 1 THEN t.score ELSE 1 - t.score END, {TINY!r}))",
    "brier": "((t.score - t.label) * (t.score - t.label))",
}


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """The key function of a column: k(x) = ⌊((x - lo)·scale)^¼·top⌋, from 0 to ``top``.

    ``both_ends`` spreads what is crowded near hi too, for about a third more time: beyond the middle of the range
    k(x) = last - ⌊((hi - x)·scale)^¼·top⌋, with a ``last`` that lets k go on there where it is.
    """

    column: str
    lo: float
    hi: float
    scale: float
    top: int
    both_ends: bool = False

    @property
    def middle(self) -> float:
        """Where the upper end begins, with ``both_ends``."""
        return self.lo / 2 + self.hi / 2

    @property
    def last(self) -> int:
        """The largest key."""
        ends = [self.middle - self.lo, self.hi - self.middle] if self.both_ends else [self.hi - self.lo]
        return int(self._rise(np.array(ends)).sum())

    def sql(self) -> str:
        """The key of a row."""
        value = f"t.{self.column}"
        key = self._rise_sql(f"{value} - {literal(self.lo)}")
        if self.both_ends:
            above = f"{self.last} - {self._rise_sql(f'{literal(self.hi)} - {value}')}"
            key = f"CASE WHEN {value} < {literal(self.middle)} THEN {key} ELSE {above} END"
        return f"CAST({key} AS SMALLINT)"

    def of(self, values: FloatArray) -> IntArray:
        """The key of values, by the same IEEE operations as the SQL."""
        keys = self._rise(values - self.lo)
        if self.both_ends:
            upper = values >= self.middle
            keys[upper] = self.last - self._rise(self.hi - values[upper])
        return keys

    def _rise_sql(self, distance: str) -> str:
        return f"FLOOR(SQRT(SQRT(({distance}) * {literal(self.scale)})) * {self.top})"

    def _rise(self, distance: FloatArray) -> IntArray:
        root: FloatArray = np.sqrt(np.sqrt(distance * self.scale))
        return np.floor(root * self.top).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """Where the cells of an axis are looked up.

    Attributes
    ----------
    key
        Key function of the axis' column.
    table
        Columns (k, cell, c0, c1, …), one row per key: a value with key k lies in ``cell`` plus the number of c's at or
        below it. Cell -1 is below the first edge, ``axis.cells`` above the last.
    """

    key: Key
    table: Table

    @property
    def cuts(self) -> list[str]:
        """Names of the columns of edges."""
        return list(self.table)[2:]


def make_key(column: str, value_range: tuple[float, float], *, last: int = LARGEST_KEY, both_ends: bool = False) -> Key:
    """Key function over the range of a column, 0 at its smallest and at most ``last`` at its largest value.

    A range wider than the largest float has one key, 0, for all values.
    """
    lo, hi = value_range
    with np.errstate(over="ignore", divide="ignore"):
        width = np.float64(hi) - np.float64(lo)
        scale = float(1 / width)
    if width == np.inf:
        return Key(column, 0.0, 0.0, 0.0, last)
    top = int(last / 2 * 2**0.25) if both_ends else last  # each end rises to (1/2)^¼·top
    return Key(column, lo, hi, scale if np.isfinite(scale) else 1.0, top, both_ends)


def make_lookup(axis: Axis, value_range: tuple[float, float]) -> Lookup:
    """Look up the cells of an axis by a key function that few of its edges share."""
    cuts = _cuts(axis)
    inside = cuts[(cuts > value_range[0]) & (cuts <= value_range[1])]
    first = np.searchsorted(cuts, value_range[0], side="right") - 1
    key = _choose_key(axis, inside, value_range)
    k = key.of(inside)
    shared_by = np.bincount(k, minlength=key.last + 1)
    below = np.cumsum(shared_by) - shared_by
    table = np.full((shared_by.max(), len(shared_by)), np.inf)
    table[np.arange(len(k)) - below[k], k] = inside
    columns: Table = {f"c{i}": column for i, column in enumerate(table)}
    cells: Table = {"k": np.arange(len(below), dtype=np.int16), "cell": (first + below).astype(np.int32)}
    return Lookup(key, cells | columns)


def _choose_key(axis: Axis, cuts: FloatArray, value_range: tuple[float, float]) -> Key:
    """The first of three that few edges share, or whose table is small; that of the last one always is."""
    usual = make_key(axis.column, value_range, last=min(KEYS_PER_CELL * axis.cells, LARGEST_KEY))
    if _most_in_a_key(usual, cuts) <= FEW_CUTS:
        return usual
    fine = make_key(axis.column, value_range, both_ends=True)
    if _most_in_a_key(fine, cuts) * (fine.last + 1) <= LARGEST_LOOKUP:
        return fine
    return make_key(axis.column, value_range, last=LARGEST_LOOKUP // len(cuts) - 1, both_ends=True)


def _most_in_a_key(key: Key, cuts: FloatArray) -> int:
    return int(np.bincount(key.of(cuts), minlength=1).max())


def literal(value: float) -> str:
    """A float as a DOUBLE literal: with an exponent, since a plain decimal is DECIMAL in both engines.

    Examples
    --------
    >>> literal(0.1), literal(1e-300)
    ('0.1e0', '1e-300')
    """
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be written as a literal")
    text = repr(float(value))
    return text if "e" in text else f"{text}e0"


def count_rows(
    source: str,
    axes: Sequence[Axis | CategoryAxis],
    lookups: dict[int, Lookup],
    measures: Sequence[Measure],
    *,
    weighted: bool,
    where: Sequence[Filter],
) -> str:
    """Sums per cell; an axis i of many cells joins the table ``axis{i}``."""
    cells = [_cell(axis, lookups.get(i), f"a{i}") for i, axis in enumerate(axes)]
    named = [f"{cell} AS i{i}" for i, cell in enumerate(cells)]
    texts = _WEIGHTED if weighted else _UNWEIGHTED
    sums = [f"{texts[measure].format(**_LOSSES)} AS {measure}" for measure in measures]
    joins = [_join(i, lookup) for i, lookup in lookups.items()]
    group = f" GROUP BY {', '.join(cells)}" if cells else ""
    return f"SELECT {', '.join(named + sums)} FROM {source} t{''.join(joins)}{_where(where)}{group}"


def joined(axis: Axis | CategoryAxis) -> TypeGuard[Axis]:
    """Whether the cells of an axis are found by a join."""
    return isinstance(axis, Axis) and axis.cells > NESTED_CELLS


def count_keys(source: str, key: Key, by: Axis | None, lookups: dict[int, Lookup], *, where: Sequence[Filter]) -> str:
    """Rows per cell, if any, and key of a column."""
    cell, joins, group = _by(by, lookups)
    return (
        f"SELECT {cell} AS i0, {key.sql()} AS k, COUNT(*) AS n "
        f"FROM {source} t{joins}{_where(where)} GROUP BY {group}{key.sql()}"
    )


def count_values(source: str, key: Key, by: Axis | None, lookups: dict[int, Lookup], *, where: Sequence[Filter]) -> str:
    """Rows per cell, if any, and distinct value, for the values whose cell and key are in the table ``wanted``."""
    (cell, joins, group), value = _by(by, lookups), f"t.{key.column}"
    wanted = f" JOIN wanted w ON {key.sql()} = w.k" + (f" AND {cell} = w.i0" if by else "")
    return (
        f"SELECT {cell} AS i0, {value} AS v, COUNT(*) AS n "
        f"FROM {source} t{joins}{wanted}{_where(where)} GROUP BY {group}{value}"
    )


def _by(by: Axis | None, lookups: dict[int, Lookup]) -> tuple[str, str, str]:
    """The cell of a row, the join that finds it, and how GROUP BY begins; without an axis there is cell 0."""
    if by is None:
        return "0", "", ""
    cell = _cell(by, lookups.get(0), "a0")
    return cell, "".join(_join(i, lookup) for i, lookup in lookups.items()), f"{cell}, "


def evaluate_rule(source: str, levels: Axis, lookups: dict[int, Lookup], *, where: Sequence[Filter]) -> str:
    """Rows, positives, accepted rows and true positives per level; joins ``thresholds``, and ``axis0`` if many."""
    cell = _cell(levels, lookups.get(0), "a0")
    accepted = "CASE WHEN t.score >= r.threshold THEN 1 ELSE 0 END"
    join = "".join(_join(i, lookup) for i, lookup in lookups.items())
    return (
        f"SELECT {cell} AS i0, COUNT(*) AS n, CAST(SUM(CAST(t.label AS BIGINT)) AS BIGINT) AS positives, "
        f"CAST(SUM({accepted}) AS BIGINT) AS accepted, CAST(SUM({accepted} * t.label) AS BIGINT) AS true_positives "
        f"FROM {source} t{join} JOIN thresholds r ON r.cell = {cell}{_where(where)} GROUP BY {cell}"
    )


def _cell(axis: Axis | CategoryAxis, lookup: Lookup | None, alias: str) -> str:
    """The cell of a row; -1 is below the first edge, ``axis.cells`` above the last."""
    value = f"t.{axis.column}"
    if isinstance(axis, CategoryAxis):
        return value
    if lookup is None:
        return _nested(value, [literal(cut) for cut in _cuts(axis)], -1)
    return f"{alias}.cell + {_nested(value, [f'{alias}.{name}' for name in lookup.cuts], 0)}"


def _nested(value: str, cuts: Sequence[str], first: int) -> str:
    """``first`` plus the number of cuts at or below a value, by halving."""
    if len(cuts) == 0:
        return str(first)
    middle = len(cuts) // 2
    below, above = _nested(value, cuts[:middle], first), _nested(value, cuts[middle + 1 :], first + middle + 1)
    return f"CASE WHEN {value} < {cuts[middle]} THEN {below} ELSE {above} END"


def _cuts(axis: Axis) -> FloatArray:
    """Where one cell ends and the next begins; the last is closed, so it ends at the next float, if there is one."""
    after = math.nextafter(axis.edges[-1], math.inf)
    return np.append(axis.edges[:-1], after if math.isfinite(after) else [])


def _join(index: int, lookup: Lookup) -> str:
    return f" JOIN axis{index} a{index} ON {lookup.key.sql()} = a{index}.k"


def _where(where: Sequence[Filter]) -> str:
    clauses = [_clause(one) for one in where]
    return f" WHERE {' AND '.join(clauses)}" if clauses else ""


def _clause(one: Filter) -> str:
    value = f"t.{one.column}"
    if isinstance(one, Between):
        return f"{value} >= {literal(one.lo)} AND {value} < {literal(one.hi)}"
    return f"{value} IN ({', '.join(str(int(code)) for code in one.codes)})"
