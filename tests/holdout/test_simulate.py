"""The generators: what they promise, and that the sample files are theirs byte for byte."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import InputError
from core.holdout.closed_form import BetaWorld, expected_positivity
from core.holdout.simulate import DEVICE_LAWS, DeviceLaw, simulate_beta_world

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ["score", "evidence", "variance", "label", "time", "device", "country"]


@pytest.fixture(scope="module")
def sample():
    return pd.read_parquet(ROOT / "sample_data" / "holdout.parquet")


def test_samples_are_rebuilt_byte_for_byte(tmp_path):
    command = [sys.executable, "-m", "core.holdout.simulate", str(tmp_path)]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in ("holdout.parquet", "holdout.csv"):
        assert (tmp_path / name).read_bytes() == (ROOT / "sample_data" / name).read_bytes(), name
        assert name in said


def test_sample_files_hold_what_the_readme_says(sample):
    assert list(sample.columns) == COLUMNS
    assert len(sample) == 200_000
    assert not sample.isna().any().any()
    assert sample["time"].is_monotonic_increasing
    assert sample["time"].iloc[0] >= pd.Timestamp("2026-01-05", tz="UTC")
    assert sample["time"].iloc[-1] < pd.Timestamp("2026-03-02", tz="UTC")
    assert (ROOT / "sample_data" / "holdout.parquet").stat().st_size < 6_000_000
    text = pd.read_csv(ROOT / "sample_data" / "holdout.csv", parse_dates=["time"])
    every_hundredth = sample.iloc[::100].reset_index(drop=True)
    pd.testing.assert_frame_equal(text, every_hundredth, check_dtype=False)


def test_sample_positivity_falls_with_uncertainty_at_a_high_score(sample):
    high = sample[sample["score"].between(0.75, 0.85)]
    certain, uncertain = high[high["evidence"] >= 100], high[high["evidence"] <= 5]
    # About .55 of 101 rows against .25 of 988: a difference of .30, give or take .05.
    assert 0.15 < certain["label"].mean() - uncertain["label"].mean() < 0.45


def test_sample_segments_differ_only_by_their_evidence(sample):
    rows = sample.iloc[::2]
    expected = expected_positivity(rows["score"], rows["evidence"], world=BetaWorld())
    error, variance = rows["label"] - expected, expected * (1 - expected)
    for segment in (rows["device"], rows["country"], rows["time"].dt.day_of_week, rows["time"].dt.hour):
        z = error.groupby(segment).sum() / np.sqrt(pd.Series(variance, rows.index).groupby(segment).sum())
        assert z.abs().max() < 3.5
    median = sample.groupby("device")["evidence"].median()
    assert median["new_app"] == 3
    assert sorted(median.drop("new_app")) == [20, 24, 39]
    # Without the evidence the devices do look different at a given score, so that the test above has power.
    high = sample[sample["score"].between(0.6, 0.9)].groupby("device")["label"].mean()
    # Three thousand rows each at a rate near .25 give the difference a standard error of .011.
    assert high["web"] - high["new_app"] > 0.05


def test_columns_units_and_ranges():
    rows = simulate_beta_world(5_000, world=BetaWorld(b1=2.0, b0=3.0), rng=np.random.default_rng(0))
    assert list(rows.columns) == COLUMNS
    assert rows["score"].between(0, 1).all()
    assert rows["evidence"].between(1, 3_000).all()
    assert set(rows["label"]) == {0, 1}
    assert set(rows["device"]) == {law.device for law in DEVICE_LAWS}
    k = rows["score"] * (5 + rows["evidence"]) - 2
    np.testing.assert_allclose(k, k.round(), atol=1e-9)
    np.testing.assert_allclose(
        rows["variance"], rows["score"] * (1 - rows["score"]) / (rows["evidence"] + 6), rtol=1e-12
    )


def test_the_label_follows_the_test_rate_and_the_score_the_training_rate():
    rows = simulate_beta_world(100_000, world=BetaWorld(tau=10.0), rng=np.random.default_rng(1))
    # sqrt(.1*.9/100000) = .00095; training with a tenth of the negatives sees far more positives.
    assert abs(rows["label"].mean() - 0.1) < 0.003
    assert rows["score"].mean() > 0.3


def test_the_generator_decides_everything():
    first, second, other = (
        simulate_beta_world(500, world=BetaWorld(), rng=np.random.default_rng(seed)) for seed in (7, 7, 8)
    )
    pd.testing.assert_frame_equal(first, second)
    assert not first["score"].equals(other["score"])


def test_one_row():
    assert len(simulate_beta_world(1, world=BetaWorld(), rng=np.random.default_rng(0))) == 1


def test_settings_are_checked():
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="n_rows must be a whole number"):
        simulate_beta_world(0, world=BetaWorld(), rng=rng)
    with pytest.raises(InputError, match="it has none"):
        simulate_beta_world(5, world=BetaWorld(), evidence_law=(), rng=rng)
    with pytest.raises(InputError, match="it has web, web"):
        simulate_beta_world(5, world=BetaWorld(), evidence_law=(DEVICE_LAWS[0],) * 2, rng=rng)
    with pytest.raises(InputError, match="median of tv must be between"):
        DeviceLaw("tv", share=1.0, median=0.0, spread=1.0)
