"""Holdouts whose true answer is known, and the generator of the sample files.

``python -m core.holdout.simulate [folder]`` rebuilds ``holdout.parquet`` and ``holdout.csv``.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from core.arrays import FloatArray, IntArray
from core.checks import check_between, check_count
from core.errors import InputError
from core.holdout.closed_form import BetaWorld

SEED: Final = 20_231_116
PARQUET_ROWS: Final = 200_000
CSV_ROWS: Final = 2_000
START: Final = 1_767_571_200  # 2026-01-05 00:00 UTC, a Monday
WEEKS: Final = 8
LARGEST_EVIDENCE: Final = 3_000
COUNTRIES: Final = {
    "US": 0.3,
    "IN": 0.2,
    "BR": 0.12,
    "DE": 0.1,
    "GB": 0.1,
    "JP": 0.08,
    "FR": 0.06,
    "CA": 0.04,
}


@dataclass(frozen=True, slots=True)
class DeviceLaw:
    """How much evidence the rows of one device have.

    Parameters
    ----------
    device
        Value of the column ``device``.
    share
        Relative share of rows, above 0.
    median
        Median of the log-normal law behind the integer evidence, above 0.
    spread
        Standard deviation of its logarithm, above 0.

    Raises
    ------
    InputError
        A number is not finite or not above 0.
    """

    device: str
    share: float
    median: float
    spread: float

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("share", "median", "spread"):
            check_between(getattr(self, name), 1e-9, 1e9, name=f"{name} of {self.device}")


DEVICE_LAWS: Final = (
    DeviceLaw("web", share=0.4, median=40.0, spread=1.6),
    DeviceLaw("android", share=0.3, median=20.0, spread=1.6),
    DeviceLaw("ios", share=0.2, median=25.0, spread=1.6),
    DeviceLaw("new_app", share=0.1, median=4.0, spread=1.0),
)


def simulate_beta_world(
    n_rows: int,
    *,
    world: BetaWorld,
    evidence_law: Sequence[DeviceLaw] = DEVICE_LAWS,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Draw a holdout from a Beta world, in which positivity depends on score and evidence by a known formula.

    Definition
    ----------
    Per row: q ~ Beta(a1, a0); evidence n from the law of the row's device, independent of q; training rate r
    with odds(r) = tau*odds(q); k ~ Binomial(n, r); score s = (b1 + k)/(b + n) with b = b1 + b0; variance of
    the model's Beta posterior s(1-s)/(b + n + 1); label ~ Bernoulli(q). The label follows q, not r: a holdout
    is drawn as deployment is, and only training was thinned.

    Parameters
    ----------
    n_rows
        Rows, 1 to 50,000,000.
    world
        The Beta world.
    evidence_law
        One law per device, with different names.
    rng
        Source of randomness.

    Returns
    -------
    pandas.DataFrame
        In order of time: score (0-1), evidence (int64, training rows), variance (squared probability), label
        (int64, 0/1), time (UTC, whole seconds), device, country (text).

    Raises
    ------
    InputError
        ``n_rows`` is out of range, or ``evidence_law`` is empty or repeats a device.

    Notes
    -----
    Device changes the evidence and nothing else; time and country change nothing. Given score and evidence
    none of them tells anything about the label, so the answer is
    `core.holdout.closed_form.expected_positivity` in every segment. Cost O(n_rows log n_rows).

    References
    ----------
    Setting: Arora, Merugu, Saladi, Rastogi, ICLR 2024, arXiv:2311.11723.

    Examples
    --------
    >>> frame = simulate_beta_world(1000, world=BetaWorld(), rng=np.random.default_rng(0))
    >>> list(frame.columns)
    ['score', 'evidence', 'variance', 'label', 'time', 'device', 'country']
    """
    check_count(n_rows, 1, 50_000_000, name="n_rows")
    _check_laws(evidence_law)
    device = _draw_category(n_rows, shares=[law.share for law in evidence_law], rng=rng)
    evidence = _draw_evidence(device, laws=evidence_law, rng=rng)
    q = rng.beta(world.a1, world.a0, n_rows)
    r = world.tau * q / (1.0 - q + world.tau * q)
    k = rng.binomial(evidence, r)
    total = world.b1 + world.b0 + evidence
    score = (world.b1 + k) / total
    return _assemble(
        score=score,
        evidence=evidence,
        variance=score * (1.0 - score) / (total + 1.0),
        label=(rng.random(n_rows) < q).astype(np.int64),
        device=np.asarray([law.device for law in evidence_law], dtype=object)[device],
        rng=rng,
    )


def write_samples(folder: Path) -> tuple[Path, Path]:
    """Write ``holdout.parquet`` and ``holdout.csv`` into a folder, byte for byte the same every time.

    Parameters
    ----------
    folder
        Existing folder; the two files are replaced.

    Returns
    -------
    tuple of Path
        The Parquet file (200,000 rows) and the CSV file (every hundredth of them).

    Notes
    -----
    Scores are rounded to 6 decimals and variances to 9. At 3,000 rows of evidence that moves k = s(b + n) -
    b1 by at most 0.0015, so that the closed form holds on the files. The bytes depend on the pinned pyarrow
    version, which writes its name into the footer.
    """
    frame = simulate_beta_world(PARQUET_ROWS, world=BetaWorld(), rng=np.random.default_rng(SEED))
    frame = frame.assign(score=frame["score"].round(6), variance=frame["variance"].round(9))
    return write_parquet(frame, folder / "holdout.parquet"), _write_csv(frame, folder / "holdout.csv")


def _check_laws(laws: Sequence[DeviceLaw]) -> None:
    names = [law.device for law in laws]
    if not names or len(set(names)) != len(names):
        raise InputError(
            f"evidence_law must have a law, and each device once; it has {', '.join(names) or 'none'}.",
            fix="Give one DeviceLaw per device.",
        )


def _draw_category(n_rows: int, *, shares: Sequence[float], rng: np.random.Generator) -> IntArray:
    share = np.asarray(shares, dtype=np.float64)
    return rng.choice(share.size, size=n_rows, p=share / share.sum())


def _draw_evidence(device: IntArray, *, laws: Sequence[DeviceLaw], rng: np.random.Generator) -> IntArray:
    median = np.asarray([law.median for law in laws])[device]
    spread = np.asarray([law.spread for law in laws])[device]
    drawn = median * np.exp(spread * rng.standard_normal(device.size))
    evidence: IntArray = np.clip(drawn, 1.0, LARGEST_EVIDENCE).astype(np.int64)
    return evidence


def _assemble(
    *,
    score: FloatArray,
    evidence: IntArray,
    variance: FloatArray,
    label: IntArray,
    device: npt.NDArray[np.object_],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return the rows with a time and a country each, in order of time."""
    n_rows = label.size
    country = np.asarray(list(COUNTRIES), dtype=object)[
        _draw_category(n_rows, shares=list(COUNTRIES.values()), rng=rng)
    ]
    frame = pd.DataFrame(
        {
            "score": score,
            "evidence": evidence,
            "variance": variance,
            "label": label,
            "time": pd.to_datetime(np.sort(_draw_seconds(n_rows, rng=rng)), unit="s", utc=True),
            "device": device,
            "country": country,
        }
    )
    return frame.astype({"device": "str", "country": "str"})


def _draw_seconds(n_rows: int, *, rng: np.random.Generator) -> IntArray:
    """Draw UTC seconds over the weeks; every day alike, the hour of 20 three times as busy as that of 8."""
    rhythm = 1.0 + 0.5 * np.cos(2.0 * np.pi * (np.arange(24) - 20) / 24.0)
    day = rng.integers(0, 7 * WEEKS, n_rows)
    hour = _draw_category(n_rows, shares=rhythm.tolist(), rng=rng)
    second: IntArray = START + 86_400 * day + 3_600 * hour + rng.integers(0, 3_600, n_rows)
    return second


def write_parquet(frame: pd.DataFrame, path: Path) -> Path:
    """Write the columns of :func:`simulate_beta_world` with the types of the sample files."""
    types: dict[str, pa.DataType] = {
        "score": pa.float64(),
        "evidence": pa.int32(),
        "variance": pa.float64(),
        "label": pa.int8(),
        "time": pa.timestamp("ms", "UTC"),
        "device": pa.string(),
        "country": pa.string(),
    }
    schema = pa.schema(types)
    table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(table, path, compression="zstd", compression_level=9, row_group_size=100_000, version="2.6")
    return path


def _write_csv(frame: pd.DataFrame, path: Path) -> Path:
    rows = frame.iloc[:: PARQUET_ROWS // CSV_ROWS]
    rows.assign(time=rows["time"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")).to_csv(path, index=False, lineterminator="\n")
    return path


def _main(arguments: Sequence[str]) -> int:
    folder = Path(arguments[0]) if arguments else Path(__file__).resolve().parents[2] / "sample_data"
    folder.mkdir(parents=True, exist_ok=True)
    for path in write_samples(folder):
        sys.stdout.write(f"{path} {path.stat().st_size:,} bytes\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(_main(sys.argv[1:]))
