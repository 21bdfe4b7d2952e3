"""The whole first answer about a holdout: cube, surface and test, from one counting pass."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.arrays import FloatArray
from core.engine.protocol import Among, Engine
from core.holdout.cube import CountCube
from core.holdout.data import Holdout
from core.holdout.effect import UncertaintyTest, deviance_test
from core.holdout.positivity import EDGE_RULE, MINIMUM_ROWS, Binning, Surface, build_cube, make_surface
from core.holdout.verdict import state_verdict
from core.jobs import Job


@dataclass(frozen=True, slots=True, eq=False)
class Exploration:
    """What one counting pass tells.

    Attributes
    ----------
    holdout
        The rows it is about.
    cube
        Fine cube, for slices and segments.
    bin_edges
        Edges of the surface, a subset of the cube's.
    test
        Uncertainty given the score; None where all rows lie in one level.
    where
        The filter it was counted under.
    """

    holdout: Holdout
    cube: CountCube
    bin_edges: FloatArray
    test: UncertaintyTest | None
    where: tuple[Among, ...]

    def surface(self, *, minimum_rows: int = MINIMUM_ROWS) -> Surface:
        """Positivity surface on the chosen bins."""
        return make_surface(self.cube, self.bin_edges, minimum_rows=minimum_rows)

    def to_json(self) -> dict[str, Any]:
        """Plain values: digest, counts, levels, cells and the test. Levels count from 1, the least uncertain.

        Counts are of the rows inside the surface's edges; the test uses all scores, and states its rows.
        """
        surface = self.surface()
        totals = surface.cube.cells.total(axis=1)
        levels = [
            {"level": i, "lo": float(lo), "hi": float(hi), "n": int(n), "positives": int(positives)}
            for i, ((lo, hi), n, positives) in enumerate(
                zip(self.cube.level_bounds(), totals.rows, totals.positives, strict=True), start=1
            )
        ]
        named = surface.frame().rename(columns={"rows": "n"})
        columns = ["level", "score_lo", "score_hi", "n", "positives", "rate", "lo", "hi"]
        return {
            "digest": self.holdout.digest,
            "n": surface.cube.rows,
            "positives": int(totals.positives.sum()),
            "excluded": dict(self.holdout.excluded),
            "outside_edges": surface.cube.outside,
            "uncertainty_kind": self.holdout.roles.uncertainty_kind,
            "level_order": "1 is the least uncertain",
            "edge_rule": EDGE_RULE,
            "levels": levels,
            "cells": [plain(cell) for cell in named[columns].to_dict("records")],
            "tests": {"uncertainty_given_score": None if self.test is None else outcome_to_json(self.test)},
        }


def explore(
    holdout: Holdout, engine: Engine, *, levels: Binning, bins: Binning, where: Sequence[Among] = ()
) -> Job[Exploration]:
    """Count a holdout once and test whether uncertainty matters given the score.

    Raises
    ------
    InputError
        Binning out of bounds, or no row inside the edges and filters.
    """
    cube, bin_edges = yield from build_cube(holdout, engine, levels=levels, bins=bins, where=where)
    levels_with_rows = int((cube.cells.rows.sum(axis=1) > 0).sum())
    test = deviance_test(cube) if levels_with_rows > 1 else None
    return Exploration(holdout, cube, bin_edges, test, tuple(where))


def outcome_to_json(test: UncertaintyTest) -> dict[str, Any]:
    """Plain values of the test; ``effect`` is the difference of probabilities, most minus least uncertain level."""
    bands = [plain(band) for band in test.frame().iloc[1:].to_dict("records")]
    return plain(
        {
            "deviance": test.deviance,
            "df": test.df,
            "p_value": test.p_value,
            "effect": test.overall.effect,
            "effect_lo": test.overall.lo,
            "effect_hi": test.overall.hi,
            "effect_unit": "probability",
            "effect_rows": test.overall.rows,
            "rows": test.rows,
            "supported": test.supported,
            "sentence": state_verdict(test),
        }
    ) | {"bands": bands}


def plain(record: dict[Any, Any]) -> dict[str, Any]:
    """A record with NaN as None, since JSON has no NaN."""
    return {str(k): None if isinstance(v, float) and not math.isfinite(v) else v for k, v in record.items()}
