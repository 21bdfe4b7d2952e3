"""The engine's SQL, run by Spark: the same counts as by DuckDB, row for row."""

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from core.engine import sql
from core.engine.protocol import Among, Axis, Between, CategoryAxis

N = 20_000
UNCERTAINTY, SCORE = "uncertainty", "score"
WHERE = [Among("segment0", (0, 2)), Between("time", 100.0, 900.0)]
MEASURES = ("rows", "positives", "score", "uncertainty", "weight", "weight_positives", "log_loss", "brier_squared")
NAMED = {"i0", "i1", "i2", "k", "v"}
COUNTED = {"n", "rows", "positives", "accepted", "true_positives"}


def make_rows() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    score = rng.beta(1, 9, N)
    return pd.DataFrame(
        {
            "score": np.where(rng.random(N) < 0.1, 0.25, score),  # ties on an edge
            "uncertainty": rng.lognormal(3, 1.6, N),
            "label": (rng.random(N) < score).astype(np.int8),
            "weight": rng.uniform(0.5, 2, N),
            "time": rng.integers(0, 1_000, N),
            "segment0": rng.integers(0, 3, N).astype(np.int32),
        }
    )


ROWS = make_rows()
RANGES = {name: (float(ROWS[name].min()), float(ROWS[name].max())) for name in (UNCERTAINTY, SCORE)}
KEYS = {name: sql.make_key(name, value_range, last=2_000) for name, value_range in RANGES.items()}
FEW = Axis(UNCERTAINTY, np.array([5.0, 10.0, 20.0, 80.0]))
MANY = Axis(UNCERTAINTY, np.unique(np.quantile(ROWS[UNCERTAINTY], np.arange(31) / 30)))
BINS = Axis(SCORE, np.linspace(0, 1, 201))
CROWDED = Axis(SCORE, np.append(0.6 + np.arange(50) * 1e-7, 1.0))
BY_LEVEL, BY_BIN, BY_CROWDED = (sql.make_lookup(axis, RANGES[axis.column]) for axis in (MANY, BINS, CROWDED))
RULE = pd.DataFrame({"cell": np.arange(30, dtype=np.int32), "threshold": np.linspace(0.05, 0.5, 30)})
TABLES = {
    "axis0": pd.DataFrame(BY_LEVEL.table),
    "axis1": pd.DataFrame(BY_BIN.table),
    "axis2": pd.DataFrame(BY_CROWDED.table),
    "wanted": pd.DataFrame({"i0": np.zeros(20, dtype=np.int32), "k": np.arange(0, 2_000, 100, dtype=np.int16)}),
    "thresholds": RULE,
    "rows": ROWS,
}
TEXTS = {
    "few levels": sql.count_rows("rows", [FEW, BINS], {1: BY_BIN}, MEASURES, weighted=True, where=WHERE),
    "many levels": sql.count_rows(
        "rows", [MANY, BINS], {0: BY_LEVEL, 1: BY_BIN}, MEASURES[:4], weighted=False, where=[]
    ),
    "a segment": sql.count_rows(
        "rows", [CategoryAxis("segment0", 3), BINS], {1: BY_BIN}, ("rows",), weighted=False, where=WHERE
    ),
    "keys from both ends": sql.count_rows(
        "rows", [FEW, FEW, CROWDED], {2: BY_CROWDED}, ("rows",), weighted=False, where=[]
    ),
    "keys": sql.count_keys("rows", KEYS[UNCERTAINTY], None, {}, where=WHERE),
    "keys by level": sql.count_keys("rows", KEYS[SCORE], FEW, {}, where=WHERE),
    "values": sql.count_values("rows", KEYS[SCORE], None, {}, where=[]),
    "values by level": sql.count_values("rows", KEYS[SCORE], MANY, {0: BY_LEVEL}, where=[]),
    "rule": sql.evaluate_rule("rows", FEW, {}, where=WHERE),
    "rule of many levels": sql.evaluate_rule("rows", MANY, {0: BY_LEVEL}, where=[]),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("tables")
    for name, table in TABLES.items():
        table.to_parquet(found / f"{name}.parquet", index=False)
    return found


@pytest.fixture(scope="module")
def views(spark: Any, folder: Path) -> Any:
    for name in TABLES:
        spark.read.parquet(str(folder / f"{name}.parquet")).createOrReplaceTempView(name)
    return spark


def by_duckdb(text: str, folder: Path) -> pd.DataFrame:
    with duckdb.connect() as connection:
        for name in TABLES:
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM '{folder / name}.parquet'")
        return connection.execute(text).df()


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    return table.sort_values([name for name in table if name in NAMED]).reset_index(drop=True)


@pytest.mark.parametrize("name", TEXTS)
def test_spark_counts_as_duckdb_does(name: str, views: Any, folder: Path) -> None:
    answer = views.sql(TEXTS[name])
    found = in_order(pd.DataFrame([tuple(row) for row in answer.collect()], columns=answer.columns))
    expected = in_order(by_duckdb(TEXTS[name], folder))
    assert len(found) == len(expected) > 1
    for column in expected:
        if column in NAMED | COUNTED:
            assert found[column].tolist() == expected[column].tolist()
        else:
            assert found[column].to_numpy(np.float64) == pytest.approx(expected[column].to_numpy(), rel=1e-9)
