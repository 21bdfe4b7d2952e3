"""The SQL of the engine: plain text that DuckDB and Spark SQL both run. From outside only numbers enter it.

A few cells with arbitrary edges are found by nested CASE. Many are found by a join: a key function
k(x) = ⌊((x - lo)·scale)^¼·top⌋ never decreases in x, so a table of (k, lo, hi, cell) with one row per part of a key's
interval gives the cell exactly: keys that hold no edge need one row, keys that hold m edges need m + 1, and rounding in
k cannot move a value across an edge. The fourth root spreads what is crowded near lo, as evidence and click rates are,
and square roots, unlike logarithms, are rounded alike everywhere.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
import pyarrow as pa

from core.arrays import FloatArray, IntArray
from core.engine.protocol import Axis, Between, CategoryAxis, Filter, Measure

LARGEST_KEY = 32_767
NESTED_CELLS = 16
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
    """The key function of a column: k(x) = ⌊((x - lo)·scale)^¼·top⌋, from 0 to ``top``."""

    column: str
    lo: float
    scale: float
    top: int

    def sql(self) -> str:
        """The key of a row."""
        share = f"(t.{self.column} - {literal(self.lo)}) * {literal(self.scale)}"
        return f"CAST(FLOOR(SQRT(SQRT({share})) * {self.top}) AS SMALLINT)"

    def of(self, values: FloatArray) -> IntArray:
        """The key of values, by the same IEEE operations as the SQL."""
        root: FloatArray = np.sqrt(np.sqrt((values - self.lo) * self.scale))
        return np.floor(root * self.top).astype(np.int64)


def make_key(column: str, value_range: tuple[float, float], *, top: int = LARGEST_KEY) -> Key:
    """Key function over the range of a column, 0 at its smallest and ``top`` at its largest value.

    A range wider than the largest float has one key, 0, for all values.
    """
    lo, hi = value_range
    with np.errstate(over="ignore", divide="ignore"):
        width = np.float64(hi) - np.float64(lo)
        scale = float(1 / width)
    if width == np.inf:
        return Key(column, 0.0, 0.0, top)
    return Key(column, lo, scale if np.isfinite(scale) else 1.0, top)


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


def cell_table(axis: Axis, key: Key, value_range: tuple[float, float]) -> pa.Table:
    """Table (k, lo, hi, cell) for the join; cell -1 is below the first edge, ``axis.cells`` above the last."""
    lo, hi = value_range
    cuts = _cuts(axis)
    inside = cuts[(cuts > lo) & (cuts <= hi)]
    keys = np.arange(key.of(np.array([hi]))[0] + 1)
    k = np.concatenate([keys, key.of(inside)])
    start = np.concatenate([np.full(len(keys), -np.inf), inside])
    order = np.lexsort((start, k))
    k, start = k[order], start[order]
    end = np.append(start[1:], np.inf)
    end[np.append(k[1:] != k[:-1], True)] = np.inf
    below = np.searchsorted(cuts, lo, side="right") - 1
    cell = below + np.cumsum(np.isfinite(start))
    return pa.table({"k": k.astype(np.int16), "lo": start, "hi": end, "cell": cell.astype(np.int32)})


def count_rows(
    source: str,
    axes: Sequence[Axis | CategoryAxis],
    keys: dict[str, Key],
    measures: Sequence[Measure],
    *,
    weighted: bool,
    where: Sequence[Filter],
) -> str:
    """Sums per cell; an axis i of many cells joins the table ``axis{i}``."""
    cells = [_cell(i, axis) for i, axis in enumerate(axes)]
    named = [f"{cell} AS i{i}" for i, cell in enumerate(cells)]
    texts = _WEIGHTED if weighted else _UNWEIGHTED
    sums = [f"{texts[measure].format(**_LOSSES)} AS {measure}" for measure in measures]
    joins = [_join(i, keys[axis.column]) for i, axis in enumerate(axes) if joined(axis)]
    group = f" GROUP BY {', '.join(cells)}" if cells else ""
    return f"SELECT {', '.join(named + sums)} FROM {source} t{''.join(joins)}{_where(where)}{group}"


def joined(axis: Axis | CategoryAxis) -> TypeGuard[Axis]:
    """Whether the cells of an axis are found by a join."""
    return isinstance(axis, Axis) and axis.cells > NESTED_CELLS


def count_keys(source: str, key: Key, *, where: Sequence[Filter]) -> str:
    """Rows per key of a column."""
    return f"SELECT {key.sql()} AS k, COUNT(*) AS n FROM {source} t{_where(where)} GROUP BY {key.sql()}"


def count_values(source: str, key: Key, *, where: Sequence[Filter]) -> str:
    """Rows per distinct value, for the values whose key is in the table ``wanted``."""
    column = f"t.{key.column}"
    join = f" JOIN wanted w ON {key.sql()} = w.k"
    return f"SELECT {column} AS v, COUNT(*) AS n FROM {source} t{join}{_where(where)} GROUP BY {column}"


def evaluate_rule(source: str, levels: Axis, keys: dict[str, Key], *, where: Sequence[Filter]) -> str:
    """Rows, positives, accepted rows and true positives per level; joins ``thresholds``, and ``axis0`` if many."""
    cell = _cell(0, levels)
    accepted = "CASE WHEN t.score >= r.threshold THEN 1 ELSE 0 END"
    join = _join(0, keys[levels.column]) if joined(levels) else ""
    return (
        f"SELECT {cell} AS i0, COUNT(*) AS n, CAST(SUM(CAST(t.label AS BIGINT)) AS BIGINT) AS positives, "
        f"CAST(SUM({accepted}) AS BIGINT) AS accepted, CAST(SUM({accepted} * t.label) AS BIGINT) AS true_positives "
        f"FROM {source} t{join} JOIN thresholds r ON r.cell = {cell}{_where(where)} GROUP BY {cell}"
    )


def _cell(index: int, axis: Axis | CategoryAxis) -> str:
    """The cell of a row; -1 is below the first edge, ``axis.cells`` above the last."""
    if joined(axis):
        return f"a{index}.cell"
    return _nested(f"t.{axis.column}", _cuts(axis), -1) if isinstance(axis, Axis) else f"t.{axis.column}"


def _nested(value: str, cuts: FloatArray, first: int) -> str:
    """``first`` plus the number of cuts at or below a value, by halving."""
    if len(cuts) == 0:
        return str(first)
    middle = len(cuts) // 2
    below, above = _nested(value, cuts[:middle], first), _nested(value, cuts[middle + 1 :], first + middle + 1)
    return f"CASE WHEN {value} < {literal(cuts[middle])} THEN {below} ELSE {above} END"


def _cuts(axis: Axis) -> FloatArray:
    """Where one cell ends and the next begins; the last is closed, so it ends at the next float, if there is one."""
    after = math.nextafter(axis.edges[-1], math.inf)
    return np.append(axis.edges[:-1], after if math.isfinite(after) else [])


def _join(index: int, key: Key) -> str:
    alias, value = f"a{index}", f"t.{key.column}"
    return f" JOIN axis{index} {alias} ON {key.sql()} = {alias}.k AND {value} >= {alias}.lo AND {value} < {alias}.hi"


def _where(where: Sequence[Filter]) -> str:
    clauses = [_clause(one) for one in where]
    return f" WHERE {' AND '.join(clauses)}" if clauses else ""


def _clause(one: Filter) -> str:
    value = f"t.{one.column}"
    if isinstance(one, Between):
        return f"{value} >= {literal(one.lo)} AND {value} < {literal(one.hi)}"
    return f"{value} IN ({', '.join(str(int(code)) for code in one.codes)})"
