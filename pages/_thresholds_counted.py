"""The rows of the thresholds page, counted once for a setting."""

from dataclasses import dataclass
from typing import Any

from core.engine.protocol import Engine
from core.holdout.data import Holdout
from core.thresholds.data import Cuts
from core.thresholds.halves import count_cuts, count_halves
from core.thresholds.looks import LookCounter
from pages._holdout_view import name_unit
from pages._shell_jobs import compute
from pages._thresholds_controls import Counting


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Rows counted under a setting: all of them, or both halves."""

    holdout: Holdout
    engine: Engine
    counting: Counting
    tuned: Cuts
    confirm: Cuts | None

    @property
    def key(self) -> tuple[Any, ...]:
        """Digest and settings."""
        return self.holdout.digest, self.counting.key

    @property
    def spent(self) -> float:
        """The error that the first test of the other half may spend."""
        return LookCounter(self.counting.delta, candidates=0).automatic

    @property
    def unit(self) -> str:
        """Name of the uncertainty for an axis."""
        return name_unit(self.holdout)

    @property
    def half(self) -> str:
        """What the rows tuned on are called."""
        return "all rows" if self.confirm is None else "the tuning half"


def count_rows(holdout: Holdout, engine: Engine, counting: Counting) -> Counted:
    """Count once for a setting; no target, method or edit counts again."""
    key = ("cuts", holdout.digest, counting.key)
    options = {"levels": counting.levels, "bins": counting.bins, "where": counting.where}
    split = counting.split
    if split is None:
        cuts = compute(key, lambda: count_cuts(holdout, engine, **options), label="Cuts")
        return Counted(holdout, engine, counting, cuts, None)
    halves = compute(key, lambda: count_halves(holdout, engine, split=split, **options), label="Halves")
    return Counted(holdout, engine, counting, halves.tuned, halves.confirm)
