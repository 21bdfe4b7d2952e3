"""The policy as SQL: run by DuckDB and Spark, golden texts elsewhere, and names that attack."""

import math
import re

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.thresholds.export_sql import to_sql
from core.thresholds.policy import Columns
from tests.thresholds.policies import (
    DIGEST,
    EVIDENCE,
    INTERVAL,
    POLICIES,
    bare_policy,
    make_policy,
    odd_rows,
    policies,
)

NAMES = [
    "score",
    "a b",
    'say "x"',
    "a'b",
    "a;DROP TABLE t;--",
    "a/*b*/",
    "größe",
    "得分",
    "🙂",
    "select",
    "$1",
    "{{x}}",
    "a.b",
]
HARMFUL = ["", "a\nb", "a\0b", "a\tb", "a\u2028b", "a\u202eb", "a\x9bb", "\ud800"]


def by_duckdb(policy, columns):
    """Decisions by DuckDB on columns of the names that the policy reads."""
    table = pa.table({name: pa.array(values, pa.float64()) for name, values in columns.items()})
    with duckdb.connect() as connection:
        connection.register("t", table)
        found = connection.execute(f"SELECT {to_sql(policy, 'duckdb')} AS decision FROM t").fetchall()  # noqa: S608
    return [row[0] for row in found]


def by_spark(spark, policy, columns):
    """Decisions by Spark SQL."""
    schema = ", ".join(f"`{name.replace('`', '``')}` DOUBLE" for name in ("at", *columns))
    rows = [(float(i), *row) for i, row in enumerate(zip(*columns.values(), strict=True))]
    spark.createDataFrame(rows, schema).createOrReplaceTempView("t")
    found = spark.sql(f"SELECT at, {to_sql(policy, 'spark')} AS decision FROM t ORDER BY at").collect()  # noqa: S608
    return [row[1] for row in found]


class TestParity:
    """DuckDB and Spark decide as the policy does on edges, their neighbours, ties, NULL, NaN and infinities."""

    @pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
    def test_on_odd_rows(self, policy):
        scores, values = odd_rows(policy)
        expected = policy.decide(scores, values).tolist()
        assert by_duckdb(policy, {"score": scores, "evidence": values}) == expected

    def test_in_spark(self, spark):
        for policy in POLICIES.values():
            scores, values = odd_rows(policy)
            expected = policy.decide(scores, values).tolist()
            assert by_spark(spark, policy, {"score": scores, "evidence": values}) == expected

    def test_fails_on_a_text_without_the_tests_of_odd_numbers(self):
        # In DuckDB NaN and inf are above every threshold, and NULL gives NULL.
        policy = bare_policy([0.0, 1.0], [0.5])
        naive = 'SELECT "score" >= 0.5 FROM t'
        table = pa.table({"score": pa.array([math.nan, math.inf, None]), "evidence": [0.5, 0.5, 0.5]})
        with duckdb.connect() as connection:
            connection.register("t", table)
            assert connection.execute(naive).fetchall() == [(True,), (True,), (None,)]
        assert by_duckdb(policy, table.to_pydict()) == [False, False, False]

    @settings(max_examples=60, deadline=None)
    @given(policies(), st.randoms(use_true_random=False))
    def test_of_any_policy(self, policy, random):
        policy = bare_policy(policy.level_edges, policy.thresholds, outside=policy.outside)
        rows = list(zip(*odd_rows(policy), strict=True))
        scores, values = zip(*random.sample(rows, 150), strict=True)
        expected = policy.decide(scores, values).tolist()
        assert by_duckdb(policy, {"score": scores, "evidence": values}) == expected

    def test_of_an_interval(self):
        # Width high - low: 0.2 - 0.1 = 0.1 exactly as floats give it; a missing or infinite end gives no width.
        policy = bare_policy([0.0, 0.1, 0.3], [0.5, math.inf], columns=INTERVAL)
        odd = [None, math.nan, math.inf, -math.inf, 0.0, 0.1, 0.2, 0.3, 1.7e308, -1.7e308]
        low, high = ([a for a in odd for _ in odd], [b for _ in odd for b in odd])
        with np.errstate(all="ignore"):
            width = np.array(high, float) - np.array(low, float)
        expected = policy.decide(np.full(100, 0.6), width).tolist()
        assert 0 < sum(expected) < 100
        assert by_duckdb(policy, {"score": [0.6] * 100, "low": low, "high": high}) == expected

    def test_of_an_interval_in_spark(self, spark):
        policy = bare_policy([0.0, 0.1, 0.3], [0.5, math.inf], columns=INTERVAL)
        low, high = [0.1, None, 0.0, 0.0, math.inf], [0.15, 0.1, 0.1, math.nan, math.inf]
        found = by_spark(spark, policy, {"score": [0.6] * 5, "low": low, "high": high})
        assert found == [True, False, False, False, False]

    def test_of_other_column_types(self):
        # float32(0.1) is above the double 0.1 and is accepted; DECIMAL 0.1 is 0.1; an integer is itself.
        policy = bare_policy([0.0, 10.0], [0.1])
        text = to_sql(policy, "duckdb")
        for kind, accepted in (("FLOAT", True), ("DECIMAL(5, 3)", True), ("DECIMAL(5, 0)", False), ("VARCHAR", True)):
            row = f"SELECT CAST(0.1 AS {kind}) AS score, CAST(10 AS BIGINT) AS evidence"
            assert duckdb.sql(f"SELECT {text} FROM ({row})").fetchall() == [(accepted,)]  # noqa: S608


class TestNames:
    @pytest.mark.parametrize("name", [*NAMES, "a`b", "a\\b", "${x}"])
    def test_are_quoted_in_duckdb(self, name):
        policy = make_policy(columns=Columns(name, (f"{name}2",), "evidence"))
        assert by_duckdb(policy, {name: [0.8, 0.4], f"{name}2": [5.0, 500.0]}) == [True, False]

    def test_are_quoted_in_spark(self, spark):
        for name in [*NAMES, "a`b", "a\\b"]:
            policy = make_policy(columns=Columns(name, (f"{name}2",), "evidence"))
            assert by_spark(spark, policy, {name: [0.8, 0.4], f"{name}2": [5.0, 500.0]}) == [True, False], name

    @pytest.mark.parametrize("dialect", ["duckdb", "spark", "bigquery", "snowflake", "postgres", "trino"])
    @settings(max_examples=40, deadline=None)
    @given(name=st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\"`'\\;-/*${}"), max_size=12))
    def test_never_leave_their_quotes(self, dialect, name):
        try:
            text = to_sql(make_policy(), dialect, score=f"x{name}")
        except InputError:
            return
        quote = "`" if dialect in ("spark", "bigquery") else '"'
        identifier = f"{quote}(?:[^{quote}]|{quote}{quote})*{quote}"
        plain, clean = re.sub(identifier, "NAME", text), to_sql(make_policy(), dialect, score="x")
        assert plain == re.sub(identifier, "NAME", clean)  # without its quoted names the text is always the same
        assert dialect != "bigquery" or "\\" not in text

    @pytest.mark.parametrize("name", HARMFUL)
    def test_that_cannot_be_quoted_are_refused(self, name):
        for dialect in ("duckdb", "spark", "bigquery", "snowflake", "postgres", "trino"):
            with pytest.raises(InputError, match="cannot be written safely"):
                to_sql(make_policy(), dialect, uncertainty=(name,))

    @pytest.mark.parametrize(
        ("dialect", "name"), [("spark", "${env:HOME}"), ("bigquery", "a`b"), ("bigquery", "a\\"), ("bigquery", "\\`")]
    )
    def test_that_escape_in_one_dialect_are_refused_there(self, dialect, name):
        with pytest.raises(InputError, match=f"safely in SQL for {dialect}"):
            to_sql(make_policy(), dialect, score=name)
        assert to_sql(make_policy(), "postgres", score=name)

    def test_can_be_others_than_those_of_the_policy(self):
        text = to_sql(make_policy(columns=EVIDENCE), "duckdb", score="s", uncertainty=("u",))
        assert '"s"' in text
        assert '"u"' in text
        assert "evidence" not in text

    def test_must_be_as_many_as_the_policy_reads(self):
        with pytest.raises(InputError, match="reads 2 uncertainty column"):
            to_sql(make_policy(columns=INTERVAL), "duckdb", uncertainty=("width",))


def test_refuses_an_unknown_dialect():
    with pytest.raises(InputError, match="no SQL dialect 'oracle'") as caught:
        to_sql(make_policy(), "oracle")
    assert "snowflake" in caught.value.fix


GOLDEN = {
    "duckdb": """CASE
  WHEN CAST("s" AS DOUBLE) IS NULL
    OR isnan(CAST("s" AS DOUBLE)) OR isinf(CAST("s" AS DOUBLE)) THEN FALSE
  WHEN CAST("u" AS DOUBLE) IS NULL
    OR isnan(CAST("u" AS DOUBLE)) OR isinf(CAST("u" AS DOUBLE)) THEN FALSE
  WHEN CAST("u" AS DOUBLE) < -1.5e0 THEN FALSE
  WHEN CAST("u" AS DOUBLE) < 1e-05 THEN CAST("s" AS DOUBLE) >= 0.1e0
  WHEN CAST("u" AS DOUBLE) <= 2.0e0 THEN FALSE
  ELSE FALSE
END""",
    "spark": """CASE
  WHEN CAST(`s` AS DOUBLE) IS NULL
    OR isnan(CAST(`s` AS DOUBLE)) OR abs(CAST(`s` AS DOUBLE)) = DOUBLE('Infinity') THEN FALSE
  WHEN CAST(`u` AS DOUBLE) IS NULL
    OR isnan(CAST(`u` AS DOUBLE)) OR abs(CAST(`u` AS DOUBLE)) = DOUBLE('Infinity') THEN FALSE
  WHEN CAST(`u` AS DOUBLE) < -1.5e0D THEN FALSE
  WHEN CAST(`u` AS DOUBLE) < 1e-05D THEN CAST(`s` AS DOUBLE) >= 0.1e0D
  WHEN CAST(`u` AS DOUBLE) <= 2.0e0D THEN FALSE
  ELSE FALSE
END""",
    "bigquery": """CASE
  WHEN CAST(`s` AS FLOAT64) IS NULL
    OR IS_NAN(CAST(`s` AS FLOAT64)) OR IS_INF(CAST(`s` AS FLOAT64)) THEN FALSE
  WHEN CAST(`u` AS FLOAT64) IS NULL
    OR IS_NAN(CAST(`u` AS FLOAT64)) OR IS_INF(CAST(`u` AS FLOAT64)) THEN FALSE
  WHEN CAST(`u` AS FLOAT64) < -1.5e0 THEN FALSE
  WHEN CAST(`u` AS FLOAT64) < 1e-05 THEN CAST(`s` AS FLOAT64) >= 0.1e0
  WHEN CAST(`u` AS FLOAT64) <= 2.0e0 THEN FALSE
  ELSE FALSE
END""",
    "snowflake": """CASE
  WHEN CAST("s" AS FLOAT) IS NULL
    OR CAST("s" AS FLOAT) IN ('NaN'::FLOAT, 'inf'::FLOAT, '-inf'::FLOAT) THEN FALSE
  WHEN CAST("u" AS FLOAT) IS NULL
    OR CAST("u" AS FLOAT) IN ('NaN'::FLOAT, 'inf'::FLOAT, '-inf'::FLOAT) THEN FALSE
  WHEN CAST("u" AS FLOAT) < '-1.5'::FLOAT THEN FALSE
  WHEN CAST("u" AS FLOAT) < '1e-05'::FLOAT THEN CAST("s" AS FLOAT) >= '0.1'::FLOAT
  WHEN CAST("u" AS FLOAT) <= '2.0'::FLOAT THEN FALSE
  ELSE FALSE
END""",
    "postgres": """CASE
  WHEN CAST("s" AS double precision) IS NULL
    OR CAST("s" AS double precision) IN ('NaN'::float8, 'Infinity'::float8, '-Infinity'::float8) THEN FALSE
  WHEN CAST("u" AS double precision) IS NULL
    OR CAST("u" AS double precision) IN ('NaN'::float8, 'Infinity'::float8, '-Infinity'::float8) THEN FALSE
  WHEN CAST("u" AS double precision) < '-1.5'::float8 THEN FALSE
  WHEN CAST("u" AS double precision) < '1e-05'::float8 THEN CAST("s" AS double precision) >= '0.1'::float8
  WHEN CAST("u" AS double precision) <= '2.0'::float8 THEN FALSE
  ELSE FALSE
END""",
    "trino": """CASE
  WHEN CAST("s" AS DOUBLE) IS NULL
    OR is_nan(CAST("s" AS DOUBLE)) OR is_infinite(CAST("s" AS DOUBLE)) THEN FALSE
  WHEN CAST("u" AS DOUBLE) IS NULL
    OR is_nan(CAST("u" AS DOUBLE)) OR is_infinite(CAST("u" AS DOUBLE)) THEN FALSE
  WHEN CAST("u" AS DOUBLE) < -1.5e0 THEN FALSE
  WHEN CAST("u" AS DOUBLE) < 1e-05 THEN CAST("s" AS DOUBLE) >= 0.1e0
  WHEN CAST("u" AS DOUBLE) <= 2.0e0 THEN FALSE
  ELSE FALSE
END""",
}  # fmt: skip


class TestGolden:
    @pytest.mark.parametrize("dialect", GOLDEN)
    def test_text(self, dialect):
        policy = bare_policy([-1.5, 1e-5, 2.0], [0.1, math.inf], columns=Columns("s", ("u",), "entropy"))
        head, text = to_sql(policy, dialect).split("\n", maxsplit=1)
        assert head == f"/* RecScope policy {policy.hash}, made from data {DIGEST} */"
        assert text == GOLDEN[dialect]

    def test_text_of_the_nearest_level(self):
        policy = bare_policy([-1.5, 1e-5, 2.0], [0.1, 0.2], columns=Columns("s", ("u",), "entropy"), outside="nearest")
        assert to_sql(policy, "trino").split("\n")[6:] == [
            '  WHEN CAST("u" AS DOUBLE) < 1e-05 THEN CAST("s" AS DOUBLE) >= 0.1e0',
            '  ELSE CAST("s" AS DOUBLE) >= 0.2e0',
            "END",
        ]

    def test_text_of_an_interval(self):
        policy = bare_policy([0.0, 1.0], [0.5], columns=INTERVAL)
        width = '(CAST("high" AS double precision) - CAST("low" AS double precision))'
        assert f"WHEN {width} <= '1.0'::float8 THEN" in to_sql(policy, "postgres")
