"""A data folder, an engine, and stored rows without a file to parse."""

import hashlib
import itertools
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.engine.duck import DuckEngine
from core.engine.protocol import Rows
from core.holdout.data import ColumnRoles, Holdout, Segment
from core.ingest import child
from core.ingest.parts import parts_of_groups, parts_of_places
from core.settings import MEBIBYTE, Settings
from tests import java


def make_settings(home: Path, **limits: Any) -> Settings:
    """Usual limits."""
    usual = {
        "data_root": None,
        "upload_bytes": 200 * MEBIBYTE,
        "session_quota_bytes": 600 * MEBIBYTE,
        "file_bytes": 1024 * MEBIBYTE,
        "rows": 10_000_000,
        "columns": 200,
        "segment_values": 1_000,
        "excluded_share": 0.1,
        "parse_memory_bytes": 1024 * MEBIBYTE,
        "parse_cpu_seconds": 60,
        "train_memory_bytes": 4096 * MEBIBYTE,
        "train_cpu_seconds": 60,
        "query_memory_bytes": 512 * MEBIBYTE,
        "query_seconds": 60,
        "ledger_url": f"sqlite:///{home.as_posix()}/signoff/ledger.db",
        "quorum": 1,
        "large_change": 0.1,
        "active_folder": None,
        "role_claim": "roles",
        "authors": (),
        "approvers": (),
        "auditors": (),
    }
    return Settings(home=home, **(usual | limits))


@pytest.fixture(scope="session")
def shared_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One data folder for all tests that only read what they stored themselves."""
    return make_settings(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def engine(shared_settings: Settings) -> DuckEngine:
    """One engine for all tests, as one serves all sessions of the app."""
    return DuckEngine(shared_settings)


StoreRows = Callable[..., Rows]


@pytest.fixture(scope="session")
def store_rows(shared_settings: Settings) -> StoreRows:
    """Write columns as stored rows."""
    numbers = itertools.count()

    def store(**columns: Any) -> Rows:
        path = shared_settings.home / f"rows{next(numbers)}.parquet"
        arrays = {name: np.asarray(values) for name, values in columns.items()}
        pq.write_table(pa.table(arrays), path)
        ranges = {
            name: (float(a.min()), float(a.max())) for name, a in arrays.items() if len(a) and a.dtype == np.float64
        }
        return Rows(path, len(next(iter(arrays.values()))), ranges, weighted="weight" in arrays)

    return store


MakeHoldout = Callable[..., Holdout]


@pytest.fixture(scope="session")
def make_holdout(store_rows: StoreRows) -> MakeHoldout:
    """A holdout from a frame with columns score, uncertainty, label, and maybe weight, time; the rest are segments."""

    def make(frame: pd.DataFrame, *, kind: str = "std", name: str = "made.csv", group: str | None = None) -> Holdout:
        names = [c for c in frame if c not in ("score", "uncertainty", "label", "weight", "time", group)]
        groups = parts_of_groups(pa.array(frame[group]), name=group) if group else parts_of_places(0, len(frame))
        codes = {c: pd.Categorical(frame[c]) for c in names}
        stored = {c: frame[c].to_numpy(np.float64) for c in ("score", "uncertainty", "weight", "time") if c in frame}
        stored["label"] = frame["label"].to_numpy(np.int8)
        stored["part"] = groups
        stored |= {f"segment{i}": codes[c].codes.astype(np.int32) for i, c in enumerate(names)}
        roles = ColumnRoles(
            score="score",
            uncertainty=("low", "high") if kind == "interval" else ("uncertainty",),
            uncertainty_kind=kind,
            label="label",
            weight="weight" if "weight" in frame else None,
            time="time" if "time" in frame else None,
            segments=tuple(names),
            group=group,
        )
        segments = (Segment(c, f"segment{i}", tuple(codes[c].categories)) for i, c in enumerate(names))
        digest = hashlib.sha256(frame.to_csv().encode()).hexdigest()
        rows = store_rows(**stored)
        return Holdout(digest, name, roles, rows, int(frame["label"].sum()), (), tuple(segments))

    return make


@pytest.fixture(scope="session")
def world() -> pd.DataFrame:
    """3,000 rows in which positivity at a score falls as uncertainty grows; tied scores, two segments, a time."""
    rng = np.random.default_rng(7)
    n = 3_000
    score = np.round(rng.beta(1.2, 3, n), 2)
    uncertainty = np.round(rng.gamma(2, 0.1, n), 3)
    return pd.DataFrame(
        {
            "score": score,
            "uncertainty": uncertainty,
            "label": (rng.random(n) < score * np.exp(-2 * uncertainty)).astype(int),
            "time": 1_767_225_600.0 + np.sort(rng.integers(0, 20 * 86_400, n)),  # from 2026-01-01, twenty days
            "device": rng.choice(["web", "ios", "tv"], n, p=[0.6, 0.37, 0.03]),
            "country": rng.choice(["NL", "FR"], n),
        }
    )


class ServedHere:
    """Stands in for the parsing process: the same request, code and reply, without the half second of a start."""

    def __init__(self, _: Any) -> None:
        self.stdin = self
        self.stdout: list[str] = []
        self._request = ""

    def __enter__(self) -> "ServedHere":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def write(self, request: str) -> None:
        self._request = request

    def close(self) -> None:
        reports = ['{"progress": 0.25}\n', '{"progress": 1.0}\n']
        self.stdout = [*reports, json.dumps(child.serve(json.loads(self._request))) + "\n"]

    def kill(self) -> None:
        return None


@pytest.fixture
def serve_here(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Parse in this process from now on."""

    def patch() -> None:
        monkeypatch.setattr("core.ingest.load._start_child", ServedHere)
        monkeypatch.setattr(child, "_say", lambda message: None)

    return patch


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """Spark on this machine; without Java its tests are skipped, but fail where CI is set."""
    if java.find() is None:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up("Spark needs Java: python -m tests.java installs it")
    from pyspark.sql import SparkSession  # the import alone takes a second

    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
    session = builder.config("spark.sql.shuffle.partitions", "1").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()
