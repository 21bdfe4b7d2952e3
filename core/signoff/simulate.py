"""The generator of the sample file of sign-off: the weeks after the holdout sample, in which fewer rows are positive.

``python -m core.signoff.simulate [folder]`` rebuilds ``signoff.parquet``.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from core.holdout.closed_form import BetaWorld
from core.holdout.simulate import WEEKS, simulate_beta_world, write_parquet

SEED: Final = 20_231_117
ROWS: Final = 40_000
LATER: Final = BetaWorld(a0=11.0)  # one row in twelve is positive; in the holdout sample it is one in ten


def write_sample(folder: Path) -> Path:
    """Write ``signoff.parquet`` into an existing folder, byte for byte the same every time.

    Notes
    -----
    The world of the holdout sample (:func:`core.holdout.simulate.write_samples`), eight weeks later and with another
    base rate: at the same score and evidence fewer rows are positive. Scores are rounded to 6 decimals, variances to 9.
    """
    frame = simulate_beta_world(ROWS, world=LATER, rng=np.random.default_rng(SEED))
    frame = frame.assign(
        score=frame["score"].round(6),
        variance=frame["variance"].round(9),
        time=frame["time"] + pd.Timedelta(weeks=WEEKS),
    )
    return write_parquet(frame, folder / "signoff.parquet")


def _main(arguments: Sequence[str]) -> int:
    folder = Path(arguments[0]) if arguments else Path(__file__).resolve().parents[2] / "sample_data"
    folder.mkdir(parents=True, exist_ok=True)
    path = write_sample(folder)
    sys.stdout.write(f"{path} {path.stat().st_size:,} bytes\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(_main(sys.argv[1:]))
