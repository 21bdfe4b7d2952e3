"""The newer sample: rebuilt byte for byte, and what its README says of it."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def newer() -> pd.DataFrame:
    return pd.read_parquet(ROOT / "sample_data" / "signoff.parquet")


def test_is_rebuilt_byte_for_byte(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "core.signoff.simulate", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert (tmp_path / "signoff.parquet").read_bytes() == (ROOT / "sample_data" / "signoff.parquet").read_bytes()


def test_is_what_its_readme_says(newer: pd.DataFrame) -> None:
    older = pd.read_parquet(ROOT / "sample_data" / "holdout.parquet")
    assert len(newer) == 40_000
    assert list(newer.columns) == list(older.columns)
    assert newer["label"].mean() == pytest.approx(1 / 12, abs=4 * (1 / 12 / 40_000) ** 0.5)
    assert older["time"].max() < newer["time"].min()
    assert str(newer["time"].min().date()) == "2026-03-02"
    assert str(newer["time"].max().date()) == "2026-04-26"
    assert (newer["score"] > 0.5).mean() < (older["score"] > 0.5).mean()
