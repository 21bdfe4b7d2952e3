"""A policy as an SQL expression for a warehouse. RecScope writes this text for others; it never runs it.

This is the one place where column names enter SQL: each is quoted, and one that quoting does not tame is refused.
"""

import math
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from core.engine.sql import literal
from core.errors import InputError
from core.thresholds.policy import Policy

Dialect = Literal["duckdb", "spark", "bigquery", "snowflake", "postgres", "trino"]
DIALECTS: dict[Dialect, str] = {
    "duckdb": "DuckDB", "spark": "Spark", "bigquery": "BigQuery", "snowflake": "Snowflake", "postgres": "Postgres",
    "trino": "Trino",
}  # fmt: skip

# Line and paragraph separators, control characters and halves of surrogate pairs; Unicode's names of categories.
_NO_TEXT = {"Cc", "Cs", "Zl", "Zp"}
_BIDI = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # would show the text in another order


@dataclass(frozen=True, slots=True)
class _Writing:
    """How a dialect writes things.

    Attributes
    ----------
    double
        Its name of IEEE double precision.
    number
        A float → a literal of that type, exactly.
    odd
        Test of a double ``{x}`` for NaN and the infinities. In DuckDB, Spark, Snowflake and Postgres NaN equals NaN and
        is above all numbers; in BigQuery and Trino every comparison with it is false. So it is never compared.
    quote
        A column name → a quoted identifier.
    """

    double: str
    number: Callable[[float], str]
    odd: str
    quote: Callable[[str], str]


def to_sql(
    policy: Policy, dialect: Dialect, *, score: str | None = None, uncertainty: tuple[str, ...] | None = None
) -> str:
    """The policy as a ``CASE`` expression that is TRUE where a row is accepted and FALSE elsewhere, never NULL.

    Parameters
    ----------
    policy
        What to write.
    dialect
        ``duckdb``, ``spark``, ``bigquery``, ``snowflake``, ``postgres`` or ``trino``.
    score, uncertainty
        Column names in the table, spelled as they are stored (quoted names keep their case in Snowflake and Postgres);
        without them those of the policy. Uncertainty is one name, or (low, high) for kind ``interval``.

    Raises
    ------
    InputError
        An unknown dialect, a wrong number of columns, or a column name that cannot be quoted safely.

    Notes
    -----
    Columns are cast to double precision, as RecScope reads them. BigQuery and Postgres stop with an error where
    high - low of an interval is beyond the largest double; elsewhere such a row is rejected.
    """
    if dialect not in get_args(Dialect):
        raise InputError(
            f"There is no SQL dialect {str(dialect)[:40]!r}.", fix=f"Choose one of {', '.join(get_args(Dialect))}."
        )
    writing = _WRITINGS[dialect]
    names = uncertainty or policy.columns.uncertainty
    if len(names) != len(policy.columns.uncertainty):
        raise InputError(
            f"The policy reads {len(policy.columns.uncertainty)} uncertainty column(s); {len(names)} given.",
            fix="Give low and high for an interval, one column otherwise.",
        )
    s = _column(score or policy.columns.score, dialect)
    columns = [_column(name, dialect) for name in names]
    u = columns[0] if len(columns) == 1 else f"({columns[1]} - {columns[0]})"
    lines = [*(f"WHEN {x} IS NULL\n    OR {writing.odd.format(x=x)} THEN FALSE" for x in (s, u))]
    lines += _branches(policy, s, u, writing)
    head = f"/* RecScope policy {policy.hash}, made from data {policy.data_digest} */"
    return "\n".join([head, "CASE", *(f"  {line}" for line in lines), "END"])


def _branches(policy: Policy, s: str, u: str, writing: _Writing) -> list[str]:
    """A line per level, for a score and an uncertainty that are finite numbers."""
    accepts = ["FALSE" if t == math.inf else f"{s} >= {writing.number(t)}" for t in policy.thresholds]
    edges = [writing.number(edge) for edge in policy.level_edges]
    below = [f"WHEN {u} < {edge} THEN {accept}" for edge, accept in zip(edges[1:-1], accepts[:-1], strict=True)]
    if policy.outside == "nearest":
        return [*below, f"ELSE {accepts[-1]}"]
    return [f"WHEN {u} < {edges[0]} THEN FALSE", *below, f"WHEN {u} <= {edges[-1]} THEN {accepts[-1]}", "ELSE FALSE"]


def _column(name: str, dialect: Dialect) -> str:
    _check_name(name, dialect)
    writing = _WRITINGS[dialect]
    return f"CAST({writing.quote(name)} AS {writing.double})"


def _check_name(name: str, dialect: Dialect) -> None:
    bad = not name or any(unicodedata.category(c) in _NO_TEXT or c in _BIDI for c in name)
    if dialect == "spark":
        bad |= "${" in name  # Spark puts variables into its text before it reads the quotes
    if dialect == "bigquery":
        bad |= any(c in "`\\" for c in name)  # no BigQuery column has these, and they escape there
    if bad:
        raise InputError(
            f"The column name {ascii(name)[:80]} cannot be written safely in SQL for {dialect}.",
            fix="Rename the column in the table, and give its new name.",
        )


def _double_quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _backticked(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _of_text(kind: str) -> Callable[[float], str]:
    """A literal as text and cast, where a plain number would be a decimal."""
    return lambda value: f"'{value!r}'::{kind}"


_WRITINGS: dict[Dialect, _Writing] = {
    "duckdb": _Writing("DOUBLE", literal, "isnan({x}) OR isinf({x})", _double_quoted),
    "spark": _Writing(
        "DOUBLE",
        lambda value: f"{literal(value)}D",
        "isnan({x}) OR abs({x}) = DOUBLE('Infinity')",
        _backticked,
    ),
    "bigquery": _Writing("FLOAT64", literal, "IS_NAN({x}) OR IS_INF({x})", _backticked),
    "snowflake": _Writing(
        "FLOAT", _of_text("FLOAT"), "{x} IN ('NaN'::FLOAT, 'inf'::FLOAT, '-inf'::FLOAT)", _double_quoted
    ),
    "postgres": _Writing(
        "double precision",
        _of_text("float8"),
        "{x} IN ('NaN'::float8, 'Infinity'::float8, '-Infinity'::float8)",
        _double_quoted,
    ),
    "trino": _Writing("DOUBLE", literal, "is_nan({x}) OR is_infinite({x})", _double_quoted),
}
